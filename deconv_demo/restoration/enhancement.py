"""Run a task on a picture at full size, with progress and cancellation tile by tile."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from deconv_demo.controls import resolve_controls
from deconv_demo.estimation import estimate_sigma
from deconv_demo.malloc import trim_when_idle
from deconv_demo.pictures import (
    PictureError,
    from_pixels,
    is_gray_pixels,
    normalize,
    visible_pixels,
)
from deconv_demo.restoration.guide import estimate_kernel, fill_wiener_guide, is_identity
from deconv_demo.restoration.precision import (
    inference_device,
    inference_dtype,
    prepare_for_inference,
)
from deconv_demo.restoration.tiling import TileLimits, count_tiles, run_in_tiles
from deconv_demo.restoration.weights import load_model, load_noise_estimator
from deconv_demo.tasks import TASKS, Task

# A result must fit in memory and in a browser: 200 megapixels are 600 MB of pixels.
MAX_OUTPUT_PIXELS = 200_000_000

# One tile at a time on the whole machine: two networks side by side on two cores would finish
# no sooner and need twice the memory. Held for a tile, never across a yield, so that a
# visitor who leaves cannot keep it.
_one_tile_at_a_time = threading.BoundedSemaphore(1)


@dataclass(frozen=True)
class TileProgress:
    """The progress of an enhancement, counted in tiles.

    Attributes:
        done: Number of tiles finished.
        total: Number of tiles of this picture.
        seconds_left: Estimate from the tiles so far; None before the first.
    """

    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True, kw_only=True)
class Enhancement:
    """The restored picture, the one it is compared with, and a record of the run.

    Attributes:
        task_id: Key of ``TASKS``.
        before: The input picture, upright; enlarged bicubically for an upscaling task.
        after: The restored picture, of the same size and mode as ``before``, with the metadata
            of the input.
        seconds: Wall clock time, decoding and encoding not included.
        facts: Record of the run: ``tiles``, ``dtype`` (for "int8" also ``tiles_in_float32``, the
            number of tiles that fell back), ``device``, ``megapixels`` (of the output), the
            controls with the values that were used, and for "deblur" ``blur_kernel``: the
            estimated PSF, 31 rows of 31 weights, or None where the picture is too small or too
            flat for an estimate.
        restored: ``after`` at full strength, for blending without a second run.
    """

    task_id: str
    before: Image.Image
    after: Image.Image
    seconds: float
    facts: dict[str, Any]
    restored: Image.Image = field(repr=False)


def enhance(
    picture: Image.Image,
    task_id: str,
    *,
    progress: Callable[[TileProgress], None] | None = None,
    dtype: torch.dtype | None = None,
    **controls: float | None,
) -> Enhancement:
    """Run the network of a task over a picture at its full size.

    Args:
        picture: Any PIL picture of 1 x 1 pixel up to 50 megapixels.
        task_id: Key of ``TASKS``.
        progress: Called before the first tile, for "deblur" several times while the blur is
            estimated and undone, and after every tile; an exception it raises ends the run.
        dtype: As for ``enhance_by_tile``.
        **controls: Controls of the task by name: ``sigma=25 / 255`` for "denoise" (None estimates
            it), ``amount=0.5`` for "deblur".

    Raises:
        KeyError: ``task_id`` is not in ``TASKS``.
        TypeError: A control that the task does not have.
        ValueError: A control outside its range.
        PictureError: The picture cannot be used; the text says what to do.
        WeightsError: The weights are missing or damaged.

    >>> result = enhance(Image.new("RGB", (20, 10), "gray"), "upscale_x2")
    >>> result.before.size, result.after.size
    ((40, 20), (40, 20))
    """
    for step in enhance_by_tile(picture, task_id, dtype=dtype, **controls):
        if isinstance(step, Enhancement):
            return step
        if progress is not None:
            progress(step)
    raise AssertionError("enhance_by_tile ended without a result")


def enhance_by_tile(
    picture: Image.Image,
    task_id: str,
    *,
    dtype: torch.dtype | None = None,
    **controls: float | None,
) -> Iterator[TileProgress | Enhancement]:
    """Run ``enhance`` as a generator that yields after each tile and the ``Enhancement`` last.

    Closing the generator ends the work at the tile it has reached.

    Args:
        picture, task_id, **controls: As for ``enhance``.
        dtype: Number format of the network: float32, bfloat16, or int8 in its residual blocks
            (float32 if these are not calibrated, and in tiles with activations far beyond the
            calibrated ranges); None takes the best for this machine.
    """
    if task_id not in TASKS:
        raise KeyError(f"unknown task {task_id!r}; the tasks are {', '.join(TASKS)}")
    task = TASKS[task_id]
    values = resolve_controls(task.controls, controls, task_id=task_id)
    source = normalize(picture)
    _check_output_size(source, task)
    started = time.monotonic()
    device = inference_device()
    dtype = dtype or inference_dtype(device)
    model, dtype = prepare_for_inference(load_model(task_id), device, dtype)
    pixels = visible_pixels(source)
    gray = is_gray_pixels(pixels)
    if "sigma" in values and values["sigma"] is None:
        with _one_tile_at_a_time:
            found = estimate_sigma(load_noise_estimator(), pixels)
        (sigma,) = (control for control in task.controls if control.name == "sigma")
        values["sigma"] = min(found, sigma.maximum)
    cut: TileLimits = {
        "max_pixels": task.tile_pixels,
        "multiple": model.size_multiple,
        "context": task.tile_context,
    }
    total = count_tiles(*pixels.shape[:2], **cut)
    yield TileProgress(0, total, None)

    given = pixels
    read_off: dict[str, Any] = {}
    if model.guided:
        given = np.empty((*pixels.shape[:2], 6), np.uint8)
        given[..., :3] = pixels
        with _one_tile_at_a_time:
            kernel = estimate_kernel(pixels, device)
        read_off["blur_kernel"] = None if is_identity(kernel) else _rounded(kernel)
        steps = fill_wiener_guide(pixels, kernel, given[..., 3:])
        while True:
            with _one_tile_at_a_time:
                if next(steps, None) is None:
                    break
            yield TileProgress(0, total, None)

    output = np.empty((source.height * task.scale, source.width * task.scale, 3), np.uint8)
    tiles_started = time.monotonic()
    has_fallen_back: list[bool] = []
    for done in run_in_tiles(
        given,
        _tile_runner(model, device, dtype, values.get("sigma"), has_fallen_back),
        scale=task.scale,
        output=output,
        **cut,
    ):
        elapsed = time.monotonic() - tiles_started
        yield TileProgress(done, total, elapsed / done * (total - done))

    restored = from_pixels(output, like=source, gray=gray)
    before = source if task.scale == 1 else _bicubic(source, task.scale)
    amount = values.get("amount")
    after = restored if amount is None else blend(before, restored, amount)
    yield Enhancement(
        task_id=task_id,
        before=before,
        after=after,
        seconds=time.monotonic() - started,
        facts={
            "tiles": total,
            "dtype": _name(torch.float32 if all(has_fallen_back) else dtype),
            **({"tiles_in_float32": sum(has_fallen_back)} if dtype == torch.int8 else {}),
            "device": device.type,
            "megapixels": output.shape[0] * output.shape[1] / 1e6,
            **values,
            **read_off,
        },
        restored=restored,
    )


def blend(before: Image.Image, restored: Image.Image, amount: float) -> Image.Image:
    """Mix two pictures of one size and mode: 0 gives ``before``, 1 gives ``restored``."""
    if amount >= 1:
        return restored
    low, high = np.asarray(before), np.asarray(restored)
    mixed = np.empty_like(low)
    # In bands of rows: a picture of 50 megapixels is 600 MB in floating point. Pillow's own
    # blend cuts fractions off instead of rounding.
    for top in range(0, len(low), 256):
        band = slice(top, top + 256)
        change = high[band].astype(np.float32) - low[band]
        mixed[band] = np.rint(low[band] + np.float32(amount) * change)
    picture = Image.fromarray(mixed)
    picture.info = dict(restored.info)
    return picture


def resolve_dtype_name(task_id: str, wanted: str | None = None) -> str:
    """Return the number format of ``enhance`` on this machine: "float32", "bfloat16" or "int8".

    Args:
        task_id: Key of ``TASKS``.
        wanted: One of these names, as passed to ``enhance_by_tile``; None takes the best.

    >>> resolve_dtype_name("denoise") in ("float32", "bfloat16", "int8")
    True
    """
    device = inference_device()
    dtype = inference_dtype(device) if wanted is None else getattr(torch, wanted)
    return _name(prepare_for_inference(load_model(task_id), device, dtype)[1])


def _tile_runner(
    model: nn.Module,
    device: torch.device,
    dtype: torch.dtype,
    sigma: float | None,
    has_fallen_back: list[bool],
) -> Callable[[np.ndarray], np.ndarray]:
    """Wrap a network as ``run_in_tiles`` calls it: uint8 pixels in, float pixels out.

    The last three of six channels are the guide. ``has_fallen_back`` gets one entry per tile:
    whether it was done in float32 instead of 8 bits.
    """

    def run(tile: np.ndarray) -> np.ndarray:
        given = torch.from_numpy(tile).to(device).permute(2, 0, 1).unsqueeze(0).float().div(255)
        image, *condition = given.split(3, dim=1)
        if sigma is not None:
            condition = [torch.tensor([sigma], device=device)]
        with (
            _one_tile_at_a_time,
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16),
        ):
            restored = model(image.contiguous(memory_format=torch.channels_last), *condition)
            has_fallen_back.append(getattr(model, "has_fallen_back", False))
        trim_when_idle()
        return restored[0].permute(1, 2, 0).mul(255).cpu().numpy()

    return run


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _rounded(kernel: torch.Tensor) -> list[list[float]]:
    return [[round(weight, 4) for weight in row] for row in kernel.tolist()]


def _bicubic(source: Image.Image, scale: int) -> Image.Image:
    size = (source.width * scale, source.height * scale)
    enlarged = source.resize(size, Image.Resampling.BICUBIC)
    enlarged.info = dict(source.info)
    return enlarged


def _check_output_size(source: Image.Image, task: Task) -> None:
    pixels = source.width * source.height * task.scale**2
    if pixels > MAX_OUTPUT_PIXELS:
        raise PictureError(
            "result_too_large",
            megapixels=round(pixels / 1e6),
            limit=MAX_OUTPUT_PIXELS // 1_000_000,
            input_limit=MAX_OUTPUT_PIXELS / 1e6 / task.scale**2,
        )
