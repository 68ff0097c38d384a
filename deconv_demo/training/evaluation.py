"""Judge networks on pictures they have not seen, beside the damage and a classical method."""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from deconv_demo import images
from deconv_demo.enhancement import enhance
from deconv_demo.known_answer import best_classical, best_wiener, repeat_pixels, scores
from deconv_demo.tasks import TASKS, Setting, Task
from deconv_demo.training.benchmark import bfloat16_difference
from deconv_demo.training.block_edges import block_step
from deconv_demo.training.data import find_twins, read_named_pictures, to_grey, to_image
from deconv_demo.training.report import describe_machine, read_report, write_report
from deconv_demo.weights import find_weights, read_header, sha256


def evaluate(
    task_ids: list[str],
    *,
    data: list[Path],
    output: Path,
    limit: int | None = None,
    low_resolution: list[Path] | None = None,
) -> dict[str, Any]:
    """Measure tasks on clean pictures and write what came out as JSON.

    Entries of other tasks that the file already has are kept.

    Args:
        task_ids: Keys of ``TASKS``.
        data: Folders and tar files of clean pictures.
        output: The JSON file.
        limit: Judge on the first so many pictures only.
        low_resolution: Folders and tar files of the small twins that a standard set comes
            with, for the task of their scale; None makes them, as MATLAB's ``imresize`` does.

    Returns:
        What the file holds now: ``tasks`` by id, each with ``settings``, ``parameters``,
        ``macs_per_output_pixel``, ``bfloat16_difference`` (mean, of 255),
        ``block_steps`` (of settings with JPEG, of 255), ``sha256``, and where and on
        what it was ``measured``.

    Raises:
        DataError: No pictures.
        WeightsError: Weights are missing or damaged.
    """
    named = dict(list(read_named_pictures(data).items())[:limit])
    pictures = list(named.values())
    small = None if low_resolution is None else read_named_pictures(low_resolution)
    report = read_report(output)
    measured = {
        **describe_machine(),
        "pictures": len(pictures),
        "megapixels": round(sum(p.shape[0] * p.shape[1] for p in pictures) / 1e6, 2),
    }
    for task_id in task_ids:
        path = find_weights(task_id)
        before = read_report(output)
        # Recorded first: loading refuses a file that is not the recorded one.
        entry = report.setdefault("tasks", {})[task_id] = {
            "sha256": sha256(path),
            "bytes": path.stat().st_size,
            "runs": json.loads(read_header(path).get("runs", "[]")),
            "measured": measured,
        }
        write_report(report, output)
        try:
            _measure(task_id, entry, named, small)
        except BaseException:  # Ctrl-C too: the last numbers are better than half of the new ones
            write_report(before, output)
            raise
        write_report(report, output)
    return report


def _measure(
    task_id: str,
    entry: dict[str, Any],
    named: dict[str, np.ndarray],
    small: dict[str, np.ndarray] | None,
) -> None:
    """Fill the entry of a task with what its network costs and how well it does."""
    task = TASKS[task_id]
    entry.update(network_size(task.build(), task.scale), baseline=task.baseline_name)
    entry["bfloat16_difference"] = round(bfloat16_difference(task_id), 3)
    entry["settings"] = {}
    pictures = list(named.values())
    twins = None if small is None else find_twins(named, small, task.scale)
    # A set's own twins are its damage, the first setting; nobody's table has another.
    for setting in task.settings[: None if twins is None else 1]:
        entry["settings"][setting.name], steps = _judge(task_id, setting, pictures, twins)
        if steps:
            entry.setdefault("block_steps", {})[setting.name] = steps
        print(task_id, setting.name, json.dumps(entry["settings"][setting.name]), flush=True)


def _judge(
    task_id: str, setting: Setting, pictures: list[np.ndarray], twins: list[np.ndarray] | None
) -> tuple[dict[str, Any], dict[str, float]]:
    """Mean PSNR and SSIM of the degraded picture, the classical method and the network.

    And, where the degraded picture is a JPEG, how far its blocks stand out in each.
    """
    task = TASKS[task_id]
    columns: dict[str, list[tuple[float, float]]] = {}
    steps: dict[str, list[float]] = {}

    def add(name: str, restored: Tensor, clean: Tensor) -> None:
        columns.setdefault(name, []).append(scores(restored, clean, task))
        if setting.compressed and name in ("classical", "network"):
            steps.setdefault(name, []).append(block_step(restored, task.scale))

    for index, pixels in enumerate(pictures):
        clean = clean_image(pixels, task, setting)
        if twins is None:
            degraded, sigma = degrade(clean, setting, index)
        else:
            degraded, sigma = to_image(twins[index]), None
        like = Image.new("L" if setting.grey else "RGB", (1, 1))
        picture = images.from_pixels(images.to_uint8(degraded), like=like)
        add("degraded", repeat_pixels(degraded, task.scale), clean)
        if setting.compressed:
            steps.setdefault("degraded", []).append(block_step(degraded))
            steps.setdefault("truth", []).append(block_step(clean, task.scale))
        add("classical", best_classical(task_id, degraded, sigma, clean)[1], clean)
        if setting.kernel is not None:
            add("Wiener, told the blur", best_wiener(degraded, setting.kernel, clean), clean)
        told = {} if sigma is None else {"sigma": sigma.item()}
        add("network", images.to_image(enhance(picture, task_id, **told).after), clean)
        if sigma is not None:
            blind = enhance(picture, task_id)
            add("network, strength estimated", images.to_image(blind.after), clean)
    means = {
        name: {
            "psnr": round(statistics.fmean(value for value, _ in values), 3),
            "ssim": round(statistics.fmean(value for _, value in values), 4),
        }
        for name, values in columns.items()
    }
    return means, {name: round(statistics.fmean(found), 3) for name, found in steps.items()}


def network_size(model: nn.Module, scale: int) -> dict[str, int]:
    """Return ``parameters`` and ``macs_per_output_pixel`` of a network that scales so."""
    image = torch.rand(1, 3, 256, 256)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(image, torch.zeros(1)) if model.noise_level_map else model(image)
    output_pixels = (256 * scale) ** 2
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs_per_output_pixel": round(counter.get_total_flops() / 2 / output_pixels),
    }


def clean_image(pixels: np.ndarray, task: Task, setting: Setting) -> Tensor:
    """Return the ground truth ``(1, 3, H, W)``: cut so that ``task.scale`` divides its sides."""
    height, width = (length - length % task.scale for length in pixels.shape[:2])
    image = to_image(pixels[:height, :width])
    return to_grey(image) if setting.grey else image


def degrade(clean: Tensor, setting: Setting, index: int) -> tuple[Tensor, Tensor | None]:
    """Damage picture number ``index`` of a set, the same way every time."""
    return setting.degrade(clean, Generator().manual_seed(index))


@torch.inference_mode()
def psnr_by_setting(
    model: nn.Module, task: Task, pictures: list[np.ndarray], device: torch.device
) -> dict[str, float]:
    """Mean PSNR over all pictures for every setting of a task, for choosing between weights."""
    values: dict[str, list[float]] = {setting.name: [] for setting in task.settings}
    for index, pixels in enumerate(pictures):
        for setting in task.settings:
            clean = clean_image(pixels, task, setting)
            degraded, sigma = degrade(clean, setting, index)
            inputs = [degraded] if sigma is None else [degraded, sigma]
            restored = model(*(tensor.to(device) for tensor in inputs)).cpu()
            values[setting.name].append(scores(restored, clean, task)[0])
    return {name: statistics.fmean(found) for name, found in values.items()}
