"""Run a task on a picture at full size, with progress and cancellation tile by tile."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image

from deconv_demo.controls import resolve_controls
from deconv_demo.pictures import (
    PictureError,
    from_pixels,
    is_gray_pixels,
    normalize,
    to_pixels,
    visible_pixels,
)
from deconv_demo.restoration.condition import read_condition
from deconv_demo.restoration.guide import fill_wiener_guide
from deconv_demo.restoration.hue import hue_of
from deconv_demo.restoration.known_blur import known_kernel
from deconv_demo.restoration.precision import (
    inference_device,
    inference_dtype,
    prepare_for_inference,
)
from deconv_demo.restoration.readable import readable_pixels
from deconv_demo.restoration.tile_runner import TileRunner, one_tile_at_a_time
from deconv_demo.restoration.tiling import TileLimits, count_tiles, run_in_tiles
from deconv_demo.restoration.trust import trust_in
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import TASKS, Task

# A result must fit in memory and in a browser: 200 megapixels are 600 MB of pixels.
MAX_OUTPUT_PIXELS = 200_000_000


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
            controls with the values that were used; for "deblur" ``blur_kernel``: the PSF, rows of
            weights, or None where there is no blur or none that could be read; where the noise was
            read ``sigma_by_channel``, ``level_by_brightness`` and ``grain``; ``share``, how much
            of the change was trusted, and ``left_alone``, why not all of it (or None);
            ``careful``, and ``tinted`` where an enlargement kept the tint of a gray picture.
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
    careful: bool = False,
    kernel: torch.Tensor | Sequence[Sequence[float]] | None = None,
    **controls: float | None,
) -> Enhancement:
    """Run the network of a task over a picture at its full size.

    Args:
        picture: Any PIL picture of 1 x 1 pixel up to 50 megapixels.
        task_id: Key of ``TASKS``.
        progress: Called before the first tile, for "deblur" several times while the blur is
            estimated and undone, and after every tile; an exception it raises ends the run.
        dtype: As for ``enhance_by_tile``.
        careful: Whether to average the results of all eight flips and turns: a little better, for
            eight times the work.
        kernel: Blur kernel of "deblur", where it is known; see ``known_blur`` for how to make one.
        **controls: Controls of the task by name: ``sigma=25 / 255`` for "denoise" and
            ``quality=40`` for "jpeg" (None reads them off the picture), ``strength=0.5`` for half
            of the noise that was read, ``amount=0.5`` for half of the change.

    Raises:
        KeyError: ``task_id`` is not in ``TASKS``.
        TypeError: A control that the task does not have.
        ValueError: A control outside its range.
        KernelError: ``kernel`` is none.
        PictureError: The picture cannot be used; the text says what to do.
        WeightsError: The weights are missing or damaged.

    >>> result = enhance(Image.new("RGB", (20, 10), "gray"), "upscale_x2")
    >>> result.before.size, result.after.size
    ((40, 20), (40, 20))
    """
    for step in enhance_by_tile(
        picture, task_id, dtype=dtype, careful=careful, kernel=kernel, **controls
    ):
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
    careful: bool = False,
    kernel: torch.Tensor | Sequence[Sequence[float]] | None = None,
    **controls: float | None,
) -> Iterator[TileProgress | Enhancement]:
    """Run ``enhance`` as a generator that yields after each tile and the ``Enhancement`` last.

    Closing the generator ends the work at the tile it has reached.

    Args:
        picture, task_id, careful, kernel, **controls: As for ``enhance``.
        dtype: Number format of the network: float32, bfloat16, or int8 in its residual blocks
            (float32 if these are not calibrated, and in tiles with activations far beyond the
            calibrated ranges); None takes the best for this machine.
    """
    if task_id not in TASKS:
        raise KeyError(f"unknown task {task_id!r}; the tasks are {', '.join(TASKS)}")
    task = TASKS[task_id]
    values = resolve_controls(task.controls, controls, task_id=task_id)
    if kernel is not None:
        if not task.guided:
            raise TypeError(f"{task_id} takes no blur kernel")
        kernel = known_kernel(kernel)
    source = normalize(picture)
    _check_output_size(source, task)
    started = time.monotonic()
    device = inference_device()
    dtype = dtype or inference_dtype(device)
    model, dtype = prepare_for_inference(load_model(task_id), device, dtype)
    pixels = visible_pixels(source)
    with one_tile_at_a_time:
        condition, values = read_condition(
            task,
            model,
            readable_pixels(source, pixels),
            values,
            device,
            kernel=kernel,
            file_quality=source.info.get("jpeg_quality"),
        )
        trust = trust_in(task, condition, values, pixels)
    cut: TileLimits = {
        "max_pixels": task.tile_pixels,
        "multiple": model.size_multiple,
        "context": task.tile_context,
    }
    total = count_tiles(*pixels.shape[:2], **cut)
    yield TileProgress(0, total, None)

    hue = hue_of(pixels) if task.scale > 1 else None
    given = pixels if hue is None else hue.gray
    if condition.kernel is not None:
        given, steps = _with_guide(given, condition.kernel)
        while True:
            with one_tile_at_a_time:
                if next(steps, None) is None:
                    break
            yield TileProgress(0, total, None)

    output = np.empty((source.height * task.scale, source.width * task.scale, 3), np.uint8)
    tiles_started = time.monotonic()
    runner = TileRunner(
        model=model,
        device=device,
        dtype=dtype,
        scale=task.scale,
        condition=condition,
        careful=careful,
        has_fallen_back=[],
    )
    for done in run_in_tiles(given, runner, scale=task.scale, output=output, **cut):
        elapsed = time.monotonic() - tiles_started
        yield TileProgress(done, total, elapsed / done * (total - done))

    trust.apply(pixels, output)
    before = source if task.scale == 1 else _bicubic(source, task.scale)
    if hue is not None:
        # What is transparent has colours of its own in the file, which nobody sees.
        seen = before if source.mode == "RGB" else _bicubic(Image.fromarray(pixels), task.scale)
        hue.put_back(output, to_pixels(seen))
    restored = from_pixels(output, like=source, gray=is_gray_pixels(pixels))
    amount = values.get("amount", 1.0)
    fell_back = runner.has_fallen_back
    yield Enhancement(
        task_id=task_id,
        before=before,
        after=restored if amount is None else blend(before, restored, amount),
        seconds=time.monotonic() - started,
        facts={
            "tiles": total,
            "dtype": _name(torch.float32 if all(fell_back) else dtype),
            **({"tiles_in_float32": sum(fell_back)} if dtype == torch.int8 else {}),
            "device": device.type,
            "megapixels": output.shape[0] * output.shape[1] / 1e6,
            **values,
            **condition.facts(),
            **trust.facts(),
            **({"careful": True} if careful else {}),
            **({} if hue is None else {"tinted": True}),
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


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _with_guide(pixels: np.ndarray, kernel: torch.Tensor) -> tuple[np.ndarray, Iterator[int]]:
    """Return six channels, the last three of which get the guide while the iterator is followed."""
    given = np.empty((*pixels.shape[:2], 6), np.uint8)
    given[..., :3] = pixels
    return given, fill_wiener_guide(pixels, kernel, given[..., 3:])


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
