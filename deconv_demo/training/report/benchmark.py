"""Seconds and memory of every network on the present machine, beside plain references."""

import multiprocessing
import re
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor, nn

from deconv_demo.classical import bicubic
from deconv_demo.controls import ControlValues
from deconv_demo.networks import QuantizedNetwork, has_fast_int8, inplace_copy, subpixel_copy
from deconv_demo.pictures import from_pixels, to_image, to_uint8
from deconv_demo.restoration import (
    enhance,
    float_dtype,
    forget_kernels,
    inference_device,
    load_model,
    resolve_dtype_name,
    wiener_guide,
)
from deconv_demo.tasks import TASKS
from deconv_demo.training.metrics_file import add_to_report, describe_machine, prepare_report

DNCNN_LAYERS, DNCNN_CHANNELS = 17, 64
SIDE = 1024


def benchmark_everything(rounds: int = 5, *, metrics_path: Path | None = None) -> None:
    """Print the results of ``benchmark``, ``compare_rewrites`` and ``rounding_differences``.

    Args:
        rounds: Number of timed rounds of each.
        metrics_path: File in which times and memory are recorded too, for the model card.
    """
    if metrics_path is not None:
        prepare_report(metrics_path)
    rows, rewrites = benchmark(rounds), compare_rewrites(rounds)
    for task_id, form in rewrites.items():
        print(
            f"{task_id}: in place it takes {form['inplace']:.2f} of its time, with pixel shuffle "
            f"{form['subpixel']:.2f}; equal to {form['difference']:.1g}"
            + (f"; in 8 bits {form['int8']:.2f}" if "int8" in form else "")
        )
    for task_id in TASKS:
        for dtype, difference in rounding_differences(task_id).items():
            print(
                f"{task_id}: {dtype} is {difference['mean']:.3f} of 255 from float32 on average, "
                f"{difference['largest']} at most"
            )
    if metrics_path is not None:
        machine = {key: value for key, value in describe_machine().items() if key != "dtype"}
        found = {"measured": machine, "side": SIDE, "rows": rows}
        add_to_report(metrics_path, found, "benchmark")


def benchmark(rounds: int = 5, *, side: int = SIDE) -> list[dict[str, float | str]]:
    """Time every network and two plain references in turn, and print a table.

    Each network runs in the best dtype of this machine, and also in 8 bits where those are fast:
    they are the best on machines without bfloat16. All rows run once a round, one after the other,
    so that other load on the machine affects all of them; the ratios are steadier than the
    seconds.

    Args:
        rounds: Number of timed rounds, after one to warm up.
        side: Side of the square result of every row; a multiple of 4.

    Returns:
        One dictionary a row: ``name``, ``seconds_per_megapixel`` (median, of the output),
        ``dtype``, ``times_dncnn`` (seconds relative to those of the DnCNN-size stack),
        ``megabytes_per_megapixel``
        (growth of the peak memory of a process of its own over a first, tiny run).
    """
    forms = [(name, dtype) for name in TASKS for dtype in _dtypes(name)]
    for name in ("bicubic x2", f"{DNCNN_LAYERS} convolutions of {DNCNN_CHANNELS}"):
        forms.append((name, _dtype(name)))
    runs = [_prepare(*form, side) for form in forms]
    seconds: list[list[float]] = [[] for _ in runs]
    for round_number in range(rounds + 1):
        for (run, megapixels), times in zip(runs, seconds, strict=True):
            started = time.perf_counter()
            run()
            if round_number:
                times.append((time.perf_counter() - started) / megapixels)
    medians = [statistics.median(times) for times in seconds]
    rows: list[dict[str, float | str]] = [
        {
            "name": name,
            "dtype": dtype,
            "seconds_per_megapixel": round(median, 3),
            "times_dncnn": round(median / medians[-1], 3),
            "megabytes_per_megapixel": round(_peak_megabytes(name, dtype, side) / megapixels),
        }
        for (name, dtype), median, (_, megapixels) in zip(forms, medians, runs, strict=True)
    ]
    _print_table(rows)
    return rows


def compare_rewrites(rounds: int = 5, *, side: int = SIDE) -> dict[str, dict[str, float]]:
    """Time each network as trained, in place, with pixel shuffle for upsampling, and in 8 bits.

    Args:
        rounds: Number of timed rounds of all in turn, after one to warm up.
        side: Side of the square result.

    Returns:
        Per task id ``inplace`` and ``subpixel``, and ``int8`` where it is fast, the median
        seconds relative to those of the network as trained, and ``difference``, the largest of an
        in-place or subpixel result in float32.
    """
    device = inference_device()
    dtype = float_dtype(device)
    found = {}
    for task_id, task in TASKS.items():
        model = load_model(task_id)
        forms = {"plain": model, "inplace": inplace_copy(model), "subpixel": subpixel_copy(model)}
        image = to_image(Image.fromarray(_photo(side // task.scale)))
        inputs = [image.contiguous(memory_format=torch.channels_last)]
        inputs += [torch.tensor([25 / 255])] if model.noise_level_map else []
        inputs += [wiener_guide(inputs[0])] if model.guided else []
        with torch.inference_mode():
            results = [form(*inputs) for form in forms.values()]
            if dtype == torch.float32 and has_fast_int8() and model.ranges is not None:
                forms["int8"] = QuantizedNetwork(model, model.ranges)
                forms["int8"](*inputs)
            seconds: dict[str, list[float]] = {name: [] for name in forms}
            for _ in range(rounds):
                for name, form in forms.items():
                    started = time.perf_counter()
                    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                        form(*inputs)
                    seconds[name].append(time.perf_counter() - started)
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        found[task_id] = {
            **{
                name: median / medians["plain"]
                for name, median in medians.items()
                if name != "plain"
            },
            "difference": max(float((one - results[0]).abs().max()) for one in results[1:]),
        }
    return found


def rounding_differences(task_id: str, *, side: int = 128) -> dict[str, dict[str, float]]:
    """Return how far an 8-bit result at lower precision lies from that of float32.

    It is measured on a face, degraded as in the evaluation (the worst of the first and the last
    benchmark case), independently of the dtype this machine would choose.

    Returns:
        For "bfloat16", and "int8" where the network can run in it here, ``mean`` and ``largest``
        absolute difference, of 255.
    """
    in_8_bits = has_fast_int8() and load_model(task_id).ranges is not None
    coarser = [torch.bfloat16, torch.int8] if in_8_bits else [torch.bfloat16]
    return {
        str(dtype).removeprefix("torch."): _rounding_difference(task_id, dtype, side)
        for dtype in coarser
    }


def _rounding_difference(task_id: str, coarse: torch.dtype, side: int) -> dict[str, float]:
    task = TASKS[task_id]
    face = to_image(Image.fromarray(_photo(512)[60 : 60 + side, 160 : 160 + side]))
    found = []
    for case in (task.benchmark_cases[0], task.benchmark_cases[-1]):
        degraded, sigma, _ = case.degrade(face, Generator().manual_seed(0))
        picture = from_pixels(to_uint8(degraded), like=Image.new("RGB", (1, 1)))
        controls: ControlValues = {} if sigma is None else task.level_controls(sigma.item())
        results = []
        for dtype in (torch.float32, coarse):
            result = enhance(picture, task_id, dtype=dtype, **controls)
            results.append(np.asarray(result.restored).astype(int))
        found.append(np.abs(results[0] - results[1]))
    worst = max(found, key=np.mean)
    return {"mean": round(float(worst.mean()), 3), "largest": int(worst.max())}


def _dtypes(task_id: str) -> list[str]:
    """Return the dtypes in which a network is timed."""
    wanted = [resolve_dtype_name(task_id)] + (["int8"] if has_fast_int8() else [])
    return list(dict.fromkeys(resolve_dtype_name(task_id, dtype) for dtype in wanted))


def _prepare(name: str, dtype: str, side: int) -> tuple[Callable[[], object], float]:
    """Return the function that a row times, and the megapixels of its result."""
    if name in TASKS:
        scale = TASKS[name].scale
        picture = Image.fromarray(_photo(side // scale))
        return partial(_enhance, picture, name, dtype), side * side / 1e6
    if name.startswith("bicubic"):
        image = to_image(Image.fromarray(_photo(side // 2)))
        return partial(bicubic, image, None, scale=2), side * side / 1e6
    image = to_image(Image.fromarray(_photo(side)))
    return partial(_run_stack, dncnn_size_stack(), image), side * side / 1e6


def dncnn_size_stack() -> nn.Module:
    """Return an untrained network of the size of DnCNN (Zhang et al. 2017), for its cost alone.

    >>> sum(parameter.numel() for parameter in dncnn_size_stack().parameters())
    557443
    """
    layers: list[nn.Module] = [nn.Conv2d(3, DNCNN_CHANNELS, 3, padding=1), nn.ReLU()]
    for _ in range(DNCNN_LAYERS - 2):
        layers += [nn.Conv2d(DNCNN_CHANNELS, DNCNN_CHANNELS, 3, padding=1), nn.ReLU()]
    layers.append(nn.Conv2d(DNCNN_CHANNELS, 3, 3, padding=1))
    return nn.Sequential(*layers).to(memory_format=torch.channels_last).eval()


def _run_stack(model: nn.Module, image: Tensor) -> Tensor:
    device = inference_device()
    dtype = float_dtype(device)
    with (
        torch.inference_mode(),
        torch.autocast(device.type, dtype, enabled=dtype != torch.float32),
    ):
        image = image.to(device, memory_format=torch.channels_last)
        return image - model.to(device)(image)


def _dtype(name: str) -> str:
    """Return the dtype of a plain reference."""
    dtype = torch.float32 if name.startswith("bicubic") else float_dtype(inference_device())
    return str(dtype).removeprefix("torch.")


def _enhance(picture: Image.Image, task_id: str, dtype: str) -> None:
    forget_kernels()  # a visitor's picture is new
    # The strength is told, so that the network is timed and not the estimate.
    controls = TASKS[task_id].level_controls(25 / 255)
    enhance(picture, task_id, dtype=getattr(torch, dtype), **controls)


def _photo(side: int) -> np.ndarray:
    """Return a square ``(side, side, 3)`` of a portrait, repeated where it is not large enough."""
    import skimage.data

    astronaut = skimage.data.astronaut()
    times = -(-side // len(astronaut))
    return np.tile(astronaut, (times, times, 1))[:side, :side]


def _peak_megabytes(name: str, dtype: str, side: int) -> float:
    """Return the growth of the peak memory of a fresh process over a run."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_grown_by, name, dtype, side).result()


def _grown_by(name: str, dtype: str, side: int) -> float:
    _prepare(name, dtype, 64)[0]()
    run, _ = _prepare(name, dtype, side)
    before = _peak()
    run()
    return _peak() - before


def _peak() -> float:
    """Return the peak memory of this process in megabytes, and reset it on Linux.

    There the peak is read from the memory map: ``getrusage`` would still count the process that
    started this one.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        import resource  # unknown to Windows, where nothing but this needs it

        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return kilobytes / (1e6 if sys.platform == "darwin" else 1e3)
    with suppress(OSError):
        (peak,) = re.findall(r"VmHWM:\s+(\d+)", status.read_text())
        Path("/proc/self/clear_refs").write_text("5")
    return int(peak) / 1e3


def _print_table(rows: list[dict[str, float | str]]) -> None:
    print(f"{'':24}{'computed in':12}{'s/megapixel':>12}{'of DnCNN':>10}{'MB/megapixel':>14}")
    for row in rows:
        print(
            f"{row['name']:24}{row['dtype']:12}{row['seconds_per_megapixel']:>12.3f}{row['times_dncnn']:>10.2f}"
            f"{row['megabytes_per_megapixel']:>14.0f}"
        )
