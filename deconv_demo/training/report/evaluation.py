"""Evaluation of networks on held-out pictures, beside the input and a classical method."""

import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from deconv_demo.controls import ControlValues
from deconv_demo.networks import blank_inputs, read_header, sha256
from deconv_demo.pictures import from_pixels, to_image, to_uint8
from deconv_demo.restoration import (
    best_classical,
    best_wiener,
    enhance,
    estimate_kernel,
    find_estimator,
    find_weights,
    repeat_pixels,
    resolve_dtype_name,
    scores,
    skip_checksum,
)
from deconv_demo.tasks import TASKS, BenchmarkCase
from deconv_demo.training.data import (
    DataError,
    match_lr_images,
    pixels_to_image,
    read_named_pictures,
)
from deconv_demo.training.metrics_file import (
    add_to_report,
    describe_machine,
    prepare_report,
    read_report,
)
from deconv_demo.training.report.benchmark import rounding_differences
from deconv_demo.training.report.blockiness import blockiness
from deconv_demo.training.validation import clean_image, degrade_for_case

# SSIM has windows of 11 x 11, on the pixels that remain when borders are cut off.
MIN_SIDE = 32


def evaluate(
    task_ids: list[str],
    *,
    data: list[Path],
    output: Path,
    limit: int | None = None,
    low_resolution: list[Path] | None = None,
    dtype: str | None = None,
) -> dict[str, Any]:
    """Evaluate tasks on clean pictures and write the metrics as JSON.

    Entries of other tasks in the file are kept.

    Args:
        task_ids: Keys of ``TASKS``.
        data: Folders and tar files of clean pictures.
        output: JSON file to write.
        limit: Number of pictures to evaluate, the first ones, at least 1.
        low_resolution: Folders and tar files of the low-resolution images of a standard set,
            for the task of their scale; None makes them, as MATLAB's ``imresize`` does.
        dtype: Number format of the networks: "float32", "bfloat16" or "int8"; None takes the best
            of this machine.

    Returns:
        Contents of the file: ``tasks`` by id, each with ``settings`` (the benchmark cases),
        ``parameters``, ``macs_per_output_pixel``, ``rounding_differences`` (by dtype, ``mean`` and
        ``largest``, of 255),
        ``block_steps`` (in cases with JPEG, of 255), ``sha256``, that of its
        ``blur_reader`` or ``noise_reader``, where it has one, and ``measured``, the date, the
        machine and the size of the set.

    Raises:
        DataError: There are no pictures, or low-resolution images that fit neither them nor a task.
        MetricsFileError: ``output`` is not a file of measured numbers, or cannot be written.
        WeightsError: Weights are missing or cut.
    """
    prepare_report(output)
    named = read_named_pictures(data, smallest_side=MIN_SIDE, limit=limit)
    twins = {} if low_resolution is None else _lr_images(task_ids, named, low_resolution)
    measured = {
        **describe_machine(),
        "pictures": len(named),
        "megapixels": round(sum(p.shape[0] * p.shape[1] for p in named.values()) / 1e6, 2),
    }
    with skip_checksum():
        for task_id in dict.fromkeys(task_ids):
            path = find_weights(task_id)
            # The metrics of a network depend on its estimator, too.
            name = TASKS[task_id].estimator
            estimator = {} if name is None else {name: sha256(find_estimator(name))}
            entry = {
                **estimator,
                "sha256": sha256(path),
                "bytes": path.stat().st_size,
                "runs": json.loads(read_header(path).get("runs", "[]")),
                "measured": {**measured, "dtype": resolve_dtype_name(task_id, dtype)},
                **_measure(task_id, list(named.values()), twins.get(task_id), dtype),
            }
            add_to_report(output, entry, "tasks", task_id)
    return read_report(output)


def _lr_images(
    task_ids: list[str], named: dict[str, np.ndarray], low_resolution: list[Path]
) -> dict[str, list[np.ndarray]]:
    """Return the low-resolution images of each task, matched before the first measurement."""
    for task_id in task_ids:
        if TASKS[task_id].scale == 1:
            upscales = " ".join(name for name, task in TASKS.items() if task.scale > 1)
            raise DataError(
                f"{task_id} does not enlarge, so low-resolution twins are nothing to it; choose "
                f"--tasks among {upscales}"
            )
    small = read_named_pictures(low_resolution)
    return {task_id: match_lr_images(named, small, TASKS[task_id].scale) for task_id in task_ids}


def _measure(
    task_id: str,
    pictures: list[np.ndarray],
    twins: list[np.ndarray] | None,
    dtype: str | None,
) -> dict[str, Any]:
    """Return the entry of a task: the size of its network and its metrics."""
    task = TASKS[task_id]
    entry: dict[str, Any] = {
        **network_size(task.build(), task.scale),
        "baseline": task.baseline_name,
        "rounding_differences": rounding_differences(task_id),
        "settings": {},
    }
    # Given low-resolution images are the degradation, that of the first case.
    for case in task.benchmark_cases[: None if twins is None else 1]:
        entry["settings"][case.name], steps = _evaluate_case(task_id, case, pictures, twins, dtype)
        if steps:
            entry.setdefault("block_steps", {})[case.name] = steps
        print(task_id, case.name, json.dumps(entry["settings"][case.name]), flush=True)
    return entry


def _evaluate_case(
    task_id: str,
    case: BenchmarkCase,
    pictures: list[np.ndarray],
    twins: list[np.ndarray] | None,
    dtype: str | None,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return mean PSNR and SSIM of the degraded picture, the classical method and the network.

    The second result is the blockiness of each where the degraded picture is a JPEG.
    """
    task = TASKS[task_id]
    number = None if dtype is None else getattr(torch, dtype)
    coarse = resolve_dtype_name(task_id, dtype) == "int8"
    columns: dict[str, list[tuple[float, float]]] = {}
    steps: dict[str, list[float]] = {}

    def add(name: str, restored: Tensor, clean: Tensor) -> None:
        columns.setdefault(name, []).append(scores(restored, clean, task))
        if case.is_jpeg and name in ("classical", "network"):
            steps.setdefault(name, []).append(blockiness(restored, task.scale))

    for index, pixels in enumerate(pictures):
        clean = clean_image(pixels, task, case)
        if twins is None:
            degraded, sigma, clean = degrade_for_case(clean, case, index)
        else:
            degraded, sigma = pixels_to_image(twins[index]), None
        like = Image.new("L" if case.gray else "RGB", (1, 1))
        picture = from_pixels(to_uint8(degraded), like=like)
        add("degraded", repeat_pixels(degraded, task.scale), clean)
        if case.is_jpeg:
            steps.setdefault("degraded", []).append(blockiness(degraded))
            steps.setdefault("truth", []).append(blockiness(clean, task.scale))
        add("classical", best_classical(task_id, degraded, sigma, clean)[1], clean)
        if case.kernel is not None:
            read = estimate_kernel(to_uint8(degraded))
            add("Wiener, blur read", best_wiener(degraded, read, clean), clean)
            add("Wiener, told the blur", best_wiener(degraded, case.kernel, clean), clean)
        controls: ControlValues = {} if sigma is None else task.level_controls(sigma.item())
        result = enhance(picture, task_id, dtype=number, **controls)
        add("network", to_image(result.after), clean)
        if coarse:
            result = enhance(picture, task_id, dtype=torch.float32, **controls)
            add("network in float32", to_image(result.after), clean)
        if sigma is not None:
            blind = enhance(picture, task_id, dtype=number)
            add("network, strength estimated", to_image(blind.after), clean)
    means = {name: _means(values) for name, values in columns.items()}
    return means, {name: round(statistics.fmean(found), 3) for name, found in steps.items()}


def _means(values: list[tuple[float, float]]) -> dict[str, float | None]:
    """Return mean PSNR and SSIM. A perfect picture has an infinite PSNR, and is only counted."""
    finite = [value for value, _ in values if math.isfinite(value)]
    means = {
        "psnr": round(statistics.fmean(finite), 3) if finite else None,
        "ssim": round(statistics.fmean(value for _, value in values), 4),
    }
    return means if len(finite) == len(values) else {**means, "exact": len(values) - len(finite)}


def network_size(model: nn.Module, scale: int) -> dict[str, int]:
    """Return ``parameters`` and ``macs_per_output_pixel`` of a network of a scale."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(*blank_inputs(model, 256, 256))
    output_pixels = (256 * scale) ** 2
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs_per_output_pixel": round(counter.get_total_flops() / 2 / output_pixels),
    }
