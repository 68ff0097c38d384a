"""Which network earns its time: relatives of the shipped ones, trained for equally long."""

import dataclasses
import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deconv_demo.tasks import TASKS, Task
from deconv_demo.training.evaluation import network_size
from deconv_demo.training.loop import train
from deconv_demo.training.report import read_report, write_report
from deconv_demo.weights import read_header

# Arguments of a network that differ from those of the one that is shipped; about as many
# multiply-accumulates in all.
CANDIDATES: dict[str, dict[str, dict[str, Any]]] = {
    "denoise": {
        "shipped": {},
        "wider, fewer blocks": {"widths": (44, 72, 128, 192), "blocks": (1, 2, 2, 4)},
        "narrower, more blocks": {"widths": (24, 48, 96, 192), "blocks": (4, 4, 3, 4)},
        "three levels": {"widths": (32, 64, 144), "blocks": (2, 2, 5)},
    },
    "upscale_x2": {
        "shipped": {},
        "wider, fewer blocks": {"channels": 88, "blocks": 3},
        "narrower, more blocks": {"channels": 48, "blocks": 11},
    },
}
TIMED_SIDE, TIMED_ROUNDS = 256, 5


def try_networks(
    task_id: str,
    *,
    data: list[Path],
    validation: list[Path],
    minutes: float,
    seed: int = 0,
    candidates: dict[str, dict[str, Any]] | None = None,
    steps: int | None = None,
) -> list[dict[str, Any]]:
    """Train every candidate from scratch for equal minutes, with the same seed and recipe.

    One after another: nothing else should run meanwhile.

    Args:
        task_id: Key of ``TASKS``.
        data, validation: Folders and tar files of photographs, to learn from and to judge by.
        minutes: For each candidate.
        seed: Of weights, crops and damage.
        candidates: Name to changed arguments of the network; None takes ``CANDIDATES``.
        steps: Stop each after that many steps, if its minutes have not run out before.

    Returns:
        One dictionary for each candidate: ``name``, ``network`` (its arguments),
        ``parameters``, ``macs_per_output_pixel``, ``seconds_per_output_megapixel`` in float32,
        ``minutes``, ``steps`` and ``validation_psnr``.

    Raises:
        DataError: No photographs.
    """
    candidates = CANDIDATES[task_id] if candidates is None else candidates
    shipped = TASKS[task_id].build
    tasks = {
        name: dataclasses.replace(
            TASKS[task_id], build=partial(shipped.func, **{**shipped.keywords, **changed})
        )
        for name, changed in candidates.items()
    }
    seconds = _seconds(tasks)
    rows = []
    for name, task in tasks.items():
        print(f"{name}: {json.loads(task.describe()['network'])}", flush=True)
        torch.manual_seed(seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trial.safetensors"
            train(
                task_id,
                task=task,
                data=data,
                validation=validation,
                minutes=minutes,
                weights_path=path,
                seed=seed,
                steps=steps,
            )
            run = json.loads(read_header(path)["runs"])[-1]
        rows.append(
            {
                "name": name,
                "network": json.loads(task.describe()["network"]),
                **network_size(task.build(), task.scale),
                "seconds_per_output_megapixel": round(seconds[name], 3),
                "minutes": round(run["seconds"] / 60, 1),
                "steps": run["steps"],
                "validation_psnr": run["validation_psnr"],
            }
        )
    return rows


def record_trials(metrics_path: Path, task_id: str, rows: list[dict[str, Any]]) -> None:
    """Keep what ``try_networks`` found among the measured numbers."""
    report = read_report(metrics_path)
    report.setdefault("trials", {})[task_id] = rows
    write_report(report, metrics_path)


def _inputs(model: nn.Module, side: int) -> list[torch.Tensor]:
    image = torch.rand(1, 3, side, side).contiguous(memory_format=torch.channels_last)
    return [image, torch.full((1,), 0.1)] if model.noise_level_map else [image]


def _seconds(tasks: dict[str, Task]) -> dict[str, float]:
    """Median seconds for an output megapixel, each candidate in turn in every round."""
    models = {
        name: task.build().eval().to(memory_format=torch.channels_last)
        for name, task in tasks.items()
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    with torch.inference_mode():
        for _ in range(TIMED_ROUNDS + 1):
            for name, model in models.items():
                inputs = _inputs(model, TIMED_SIDE)
                started = time.perf_counter()
                model(*inputs)
                times[name].append(time.perf_counter() - started)
    return {
        name: statistics.median(found[1:]) / (TIMED_SIDE * tasks[name].scale) ** 2 * 1e6
        for name, found in times.items()
    }
