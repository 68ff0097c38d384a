"""Ablation: variants of the shipped networks, trained from scratch under the same budget."""

import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deconv_demo.networks import blank_inputs, read_header
from deconv_demo.restoration import find_weights, load_into
from deconv_demo.tasks import TASKS, Task
from deconv_demo.training import loop
from deconv_demo.training.data import center_crop, read_pictures
from deconv_demo.training.metrics_file import add_to_report, describe_machine, read_report
from deconv_demo.training.report.evaluation import network_size
from deconv_demo.training.report.variants import VARIANTS, Variant, collapse
from deconv_demo.training.validation import psnr_by_case

TIMED_SIDE, TIMED_ROUNDS = 256, 5


def run_ablation(
    task_id: str,
    *,
    data: list[Path],
    validation: list[Path],
    minutes: float,
    seed: int = 0,
    variants: Mapping[str, Variant] | None = None,
    steps: int | None = None,
) -> list[dict[str, Any]]:
    """Train every variant from scratch for equal minutes, with the same seed and recipe.

    Speed is measured with all threads. Training uses one thread and budgets CPU time, so that other
    load on the machine hardly matters: several threads would wait for each other, which counts.

    Args:
        task_id: Key of ``TASKS``.
        data, validation: Folders and tar files of photographs for training and for validation.
        minutes: Budget of each variant.
        seed: Seed of weights, crops and degradations.
        variants: Variants by name; None takes ``VARIANTS``.
        steps: Number of steps after which each stops, if its minutes have not run out before.

    Returns:
        One dictionary for each variant: ``name``, ``network`` (its arguments),
        ``parameters``, ``macs_per_output_pixel``, ``seconds_per_output_megapixel`` in float32,
        ``minutes``, ``steps``, ``psnr`` by benchmark case, on the crops for validation, and
        ``measured``, the date and the machine.

    Raises:
        DataError: There are no photographs.
    """
    variants = VARIANTS[task_id] if variants is None else variants
    tasks = {name: _get_task(task_id, variant) for name, variant in variants.items()}
    crops = [center_crop(pixels, loop.VALIDATION_CROP) for pixels in read_pictures(validation)]
    seconds, machine = _seconds(tasks), {**describe_machine(), "dtype": "float32"}
    rows = []
    for name, task in tasks.items():
        print(f"{name}: {json.loads(task.describe()['network'])}", flush=True)
        torch.manual_seed(seed)
        start_from = variants[name].start_from
        with tempfile.TemporaryDirectory() as folder, _one_thread():
            path = Path(folder) / "trial.safetensors"
            outcome = loop.train(
                task_id,
                task=task,
                data=data,
                validation=validation,
                minutes=minutes,
                weights_path=path,
                start_from=find_weights(start_from) if start_from else None,
                seed=seed,
                steps=steps,
                clock=time.process_time,
            )
            if outcome.interrupted:
                raise KeyboardInterrupt
            run = json.loads(read_header(path)["runs"])[-1]
            model = task.build().eval()
            load_into(model, path)
            model = collapse(model)
        psnr = psnr_by_case(model, task, crops, torch.device("cpu"))
        rows.append(
            {
                "name": name,
                "network": json.loads(task.describe()["network"]),
                **network_size(model, task.scale),
                "seconds_per_output_megapixel": round(seconds[name], 3),
                "minutes": round(run["seconds"] / 60, 1),
                "steps": run["steps"],
                "measured": machine,
                "psnr": {setting: round(value, 3) for setting, value in psnr.items()},
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _get_task(task_id: str, variant: Variant) -> Task:
    task = TASKS[task_id]
    network_class = variant.network_class or task.build.func
    return dataclasses.replace(
        task,
        build=partial(network_class, **{**task.build.keywords, **variant.network}),
        degrade=variant.degrade or task.degrade,
        recipe=dataclasses.replace(task.recipe, **variant.recipe),
    )


def record_ablation(metrics_path: Path, task_id: str, rows: list[dict[str, Any]]) -> None:
    """Record the rows of ``run_ablation`` among the measured numbers.

    Rows of the same variants are replaced, those of others kept if they had as many minutes.
    """
    found = read_report(metrics_path).get("trials", {}).get(task_id, [])
    kept = [row for row in found if round(row["minutes"]) == round(rows[0]["minutes"])]
    by_name = {row["name"]: row for row in [*kept, *rows]}
    add_to_report(metrics_path, list(by_name.values()), "trials", task_id)


def _inputs(model: nn.Module, side: int) -> list[torch.Tensor]:
    """Return random pictures as inputs: zeros would take other paths through the processor."""
    return [
        torch.rand_like(value).contiguous(
            memory_format=torch.channels_last if value.dim() == 4 else torch.contiguous_format
        )
        for value in blank_inputs(model, side, side)
    ]


def _seconds(tasks: dict[str, Task]) -> dict[str, float]:
    """Return the median seconds for an output megapixel, all networks in turn in every round.

    Variants that differ only in training are one network at inference, and are timed once.
    """
    built = {name: collapse(task.build()).eval() for name, task in tasks.items()}
    used = {name: repr(model) for name, model in built.items()}
    models = {
        used[name]: model.to(memory_format=torch.channels_last) for name, model in built.items()
    }
    times: dict[str, list[float]] = {name: [] for name in models}
    with torch.inference_mode():
        for _ in range(TIMED_ROUNDS + 1):
            for name, model in models.items():
                inputs = _inputs(model, TIMED_SIDE)
                started = time.perf_counter()
                model(*inputs)
                times[name].append(time.perf_counter() - started)
    return {
        name: statistics.median(times[used[name]][1:]) / (TIMED_SIDE * task.scale) ** 2 * 1e6
        for name, task in tasks.items()
    }
