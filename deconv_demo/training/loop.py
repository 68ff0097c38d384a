"""The training loop: a budget in minutes, and the best checkpoint on disk at every moment."""

import copy
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from deconv_demo.classical import y_channel
from deconv_demo.networks import read_header, read_tensors, save_weights
from deconv_demo.restoration import float_dtype, load_into
from deconv_demo.tasks import TASKS, Task
from deconv_demo.training.data import CropSampler, center_crop, crop_side, read_pictures
from deconv_demo.training.optimizers import make_optimizers
from deconv_demo.training.shakes import ShakePairs
from deconv_demo.training.validation import psnr_by_case

WARM_UP_STEPS = 200
# Shakes of which a guided network learns; each takes a second to estimate before the first step.
SHAKES = 240
# Share of the budget from which on the learning rate falls.
DECAY_FROM = 0.75
VALIDATION_CROP = 256
HELD_OUT_PICTURES = 16
# Of the pictures for validation a guided network gets every third.
GUIDED_STEP = 3
SECONDS_BETWEEN_LINES = 30
SECONDS_BETWEEN_VALIDATIONS = 300
# Validation costs a forward pass over every benchmark case; it may take this fraction of the time.
VALIDATION_FRACTION = 1 / 15
# A step that seems to take longer was interrupted (a laptop lid, a paused process); the pause
# must not eat the budget.
MAX_STEP_SECONDS = 20
MAX_VALIDATION_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """The result of a training run.

    Attributes:
        psnr_before, psnr_after: Validation PSNR at the start and at the end.
        losses: Loss of each step.
        interrupted: Whether Ctrl-C ended the run.
    """

    psnr_before: float
    psnr_after: float
    losses: list[float]
    interrupted: bool


def train(
    task_id: str,
    *,
    data: list[Path],
    minutes: float,
    weights_path: Path,
    validation: list[Path] | None = None,
    start_from: Path | None = None,
    learning_rate: float | None = None,
    steps: int | None = None,
    seed: int | None = None,
    task: Task | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TrainResult:
    """Train the network of a task and keep the best weights in a file.

    Training continues from ``weights_path`` where that file exists. The EMA of the weights is
    validated, and only a better one replaces the file. Ctrl-C validates and saves too.

    Args:
        task_id: Key of ``TASKS``.
        data: Folders and tar files of clean photographs.
        minutes: Training time; the learning rate falls to zero over the last quarter of it.
        weights_path: Safetensors file to continue and to replace.
        validation: Folders and tar files for validation; None holds out 16 pictures of ``data``.
        start_from: Weights of a related network, whose fitting tensors are copied, for a network
            without a file. If they are an earlier form for the same task, the runs are kept too.
        learning_rate: Peak; None takes the recipe's.
        steps: Number of steps after which to stop, if the minutes have not run out before.
        seed: Seed of crops and degradations; None draws one, so that a continued run gets new
            crops.
        task: Another network or recipe for the task; None takes that of ``TASKS``.
        clock: Function that returns the seconds by which the minutes are counted.

    Raises:
        DataError: There are no photographs.
        WeightsError: ``weights_path`` or ``start_from`` cannot be read.
    """
    task = task or TASKS[task_id]
    recipe = task.recipe
    weights_path.parent.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pictures = read_pictures(data, smallest_side=crop_side(task))
    if validation is None:
        count = min(HELD_OUT_PICTURES, len(pictures) // 4)
        held_out, pictures = pictures[:count] or pictures, pictures[count:]
    else:
        held_out = read_pictures(validation)
    held_out = [center_crop(pixels, VALIDATION_CROP) for pixels in held_out]
    if task.guided:  # every kernel is searched for, which takes a second each
        held_out = held_out[::GUIDED_STEP]

    model = task.build()
    header: dict[str, str] = {}
    if weights_path.exists():
        load_into(model, weights_path)
        header = read_header(weights_path)
    elif start_from is not None:
        load_into(model, start_from, strict=False)
        relative = read_header(start_from)
        if relative.get("task_id") == task_id:  # an earlier form of this very network
            header = {"runs": relative.get("runs", "[]")}
    model = model.to(device).to(memory_format=torch.channels_last)
    ema_model = copy.deepcopy(model).eval().requires_grad_(False)

    seed = torch.seed() if seed is None else seed
    generator = torch.Generator().manual_seed(seed % 2**63)
    shakes = ShakePairs.estimate(pictures, SHAKES, generator) if task.guided else None
    if shakes is not None and not shakes.pairs:  # pictures too small or too flat to show any
        shakes = None
    sampler = CropSampler(pictures, task, generator, device, shakes)
    peak = recipe.learning_rate if learning_rate is None else learning_rate
    optimizers = make_optimizers(model, recipe.optimiser, learning_rate=peak)

    best = psnr_before = _validate(ema_model, task, held_out)
    print(
        f"{task_id}: {sum(p.numel() for p in model.parameters()):,} parameters, {len(pictures)} "
        f"pictures, {len(held_out)} for validation, {device}, start at {best:.3f} dB",
        flush=True,
    )

    budget, spent, step = minutes * 60, 0.0, 0
    losses: list[float] = []
    saved, curve = False, [(0.0, round(best, 3))]

    def validate_and_save() -> float:
        nonlocal best, saved
        psnr_now = _validate(ema_model, task, held_out)
        curve.append((round(spent / 60, 1), round(psnr_now, 3)))
        # Weights that have become NaN must not replace a file, nor be the first.
        if psnr_now > best or not (weights_path.exists() or math.isnan(psnr_now)):
            best, saved = psnr_now, True
            run: dict[str, Any] = {"seconds": round(spent), "steps": step}
            run |= {"validation_psnr": round(best, 3), "optimiser": recipe.optimiser}
            run |= {"learning_rate": peak, "curve": curve}
            header_now = _header(task_id, task, header, run, device)
            save_weights(weights_path, ema_model.state_dict(), header_now)
        return psnr_now

    last_line, last_validation, last_psnr, interrupted = 0.0, 0.0, best, False
    next_validation: float = SECONDS_BETWEEN_VALIDATIONS
    try:
        while spent < budget and (steps is None or step < steps):
            started = clock()
            rate = peak * _lr_factor(step, spent / budget)
            losses.append(_step(model, ema_model, optimizers, sampler, rate, step))
            if not math.isfinite(losses[-1]):
                print(f"the loss became {losses[-1]}; judging and stopping", flush=True)
                break
            step += 1
            spent += min(clock() - started, MAX_STEP_SECONDS)
            if spent - last_validation > next_validation:
                started = clock()
                last_psnr, last_validation = validate_and_save(), spent
                cost = min(clock() - started, MAX_VALIDATION_SECONDS)
                next_validation = max(SECONDS_BETWEEN_VALIDATIONS, cost / VALIDATION_FRACTION)
            if spent - last_line > SECONDS_BETWEEN_LINES:
                last_line = spent
                left = (budget - spent) / 60
                print(
                    f"{task_id} step {step} · loss {np.mean(losses[-200:]):.5f} · validation "
                    f"{last_psnr:.3f} dB (best {best:.3f}) · rate {rate:.1e} · {left:.1f} min left",
                    flush=True,
                )
    except KeyboardInterrupt:
        print("stopped by Ctrl-C; judging and saving", flush=True)
        interrupted = True
    psnr_after = validate_and_save()
    if saved:
        _record_whole_run(weights_path, seconds=round(spent), steps=step, curve=curve)
    print(
        f"{task_id}: {step} steps in {spent / 60:.1f} min, validation {psnr_before:.3f} -> "
        f"{psnr_after:.3f} dB, best {best:.3f} dB in {weights_path.name}",
        flush=True,
    )
    return TrainResult(
        psnr_before=psnr_before, psnr_after=psnr_after, losses=losses, interrupted=interrupted
    )


def _record_whole_run(path: Path, **whole: Any) -> None:
    """Record the length of the whole run in the header, not that up to its best weights."""
    header = read_header(path)
    runs = json.loads(header["runs"])
    runs[-1] |= whole
    save_weights(path, read_tensors(path), header | {"runs": json.dumps(runs)})


def _step(
    model: nn.Module,
    ema_model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    sampler: CropSampler,
    rate: float,
    step: int,
) -> float:
    """Take one optimizer step on a batch, update the EMA, and return the loss."""
    recipe = sampler.task.recipe
    (degraded, condition, _), clean = sampler.sample()
    degraded = degraded.contiguous(memory_format=torch.channels_last)
    with bfloat16_autocast(degraded.device):
        restored = model(degraded) if condition is None else model(degraded, condition)
    loss = F.l1_loss(restored, clean)
    if recipe.luma_share:
        luma = F.l1_loss(y_channel(restored), y_channel(clean))
        loss = torch.lerp(loss, luma, recipe.luma_share)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    update_ema(ema_model, model, decay=recipe.ema_decay, step=step)
    return loss.item()


@torch.no_grad()
def update_ema(ema_model: nn.Module, model: nn.Module, *, decay: float, step: int) -> None:
    """Update the EMA of the weights: ``ema <- decay ema + (1 - decay) weights``."""
    # The decay is warmed up, so that the random initialization is forgotten quickly.
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(ema_model.parameters()), list(model.parameters()), weight=1 - decay)


def _lr_factor(step: int, progress: float) -> float:
    """Return the factor of the learning rate: a warm-up, a constant, and a line to zero at the end.

    A rate that falls from the start, as along a cosine, wastes the first run of many: what comes
    after has to climb back. Of a constant one all of the run is worth the same, and the decay at
    its end brings in what the noise of the steps has hidden.
    """
    left = (1 - min(progress, 1)) / (1 - DECAY_FROM)
    return min(1.0, (step + 1) / WARM_UP_STEPS) * min(1.0, left)


def bfloat16_autocast(device: torch.device) -> torch.autocast:
    """Return an autocast to bfloat16, enabled where the hardware computes in it."""
    native = float_dtype(device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def _validate(model: nn.Module, task: Task, pictures: list[np.ndarray]) -> float:
    """Return the mean PSNR over the benchmark cases of the task, on the crops for validation."""
    device = next(model.parameters()).device
    with bfloat16_autocast(device):
        return statistics.fmean(psnr_by_case(model, task, pictures, device).values())


def _header(
    task_id: str, task: Task, earlier: dict[str, str], run: dict[str, Any], device: torch.device
) -> dict[str, str]:
    """Return the header of a weights file: task, network, recipe and every run, as text.

    The ``curve`` of a run is its validation PSNR by minute, the first point before any step.
    """
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    runs = [*json.loads(earlier.get("runs", "[]")), {**run, "hardware": hardware + threads}]
    return {"task_id": task_id, **task.describe(), "runs": json.dumps(runs)}
