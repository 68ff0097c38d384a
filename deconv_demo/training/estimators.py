"""Training of a small network that estimates the condition from a picture, and its validation."""

import copy
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Generator, Tensor, nn

from deconv_demo.degradations import DegradedBatch
from deconv_demo.networks import read_header, save_weights, sha256
from deconv_demo.restoration import load_into
from deconv_demo.tasks import Recipe
from deconv_demo.training.data import CropSampler, crop_side, read_pictures
from deconv_demo.training.loop import update_ema
from deconv_demo.training.metrics_file import add_to_report, prepare_report

WARM_UP_STEPS = 100
HELD_OUT_PICTURES = 24
SECONDS_BETWEEN_LINES = 60
# Fields of a recipe that the training of an estimator uses.
_USED = (
    "patch",
    "batch",
    "margin",
    "learning_rate",
    "ema_decay",
    "gradient_clip",
    "grey_share",
    "reduced_share",
)

# Degraded pictures of one size and the target of their estimates, one entry a picture.
ValidationSet = list[tuple[Tensor, Tensor]]
Estimator = TypeVar("Estimator", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class EstimatorSpec(Generic[Estimator]):
    """Configuration of one estimator training: network, degradation, recipe, validation set, loss.

    Attributes:
        name: Name of its command, of its entry in ``metrics.json`` and of its file.
        build: Constructor of the network.
        degrade: Function from clean crops and a generator to degraded ones and the target.
        recipe: Configuration of its training.
        smallest_side: Shortest side of the pictures for validation.
        make_validation_set: Degrades these pictures, the same way every time.
        loss: Function from ``(network, degraded, target)`` to the scalar to minimize.
        validate: Function from network and validation set to the metrics that are recorded; the
            entry ``error`` selects the checkpoint.
    """

    name: str
    build: Callable[[], Estimator]
    degrade: Callable[[Tensor, Generator], DegradedBatch]
    recipe: Recipe
    smallest_side: int
    make_validation_set: Callable[[list[np.ndarray]], ValidationSet]
    loss: Callable[[Estimator, Tensor, Tensor], Tensor]
    validate: Callable[[Estimator, ValidationSet], dict[str, Any]]

    # What the sampler of crops asks of a task beside the above.
    scale: ClassVar[int] = 1
    guided: ClassVar[bool] = False


def train_estimator(
    spec: EstimatorSpec[Estimator],
    *,
    data: list[Path],
    minutes: float,
    weights_path: Path,
    validation: list[Path] | None = None,
    learning_rate: float | None = None,
    steps: int | None = None,
    seed: int | None = None,
) -> tuple[float, float]:
    """Train an estimator and keep the better weights in a file.

    Training continues from ``weights_path`` where that file exists. The EMA of the weights replaces
    it only if its error on held-out pictures is lower. Ctrl-C validates and saves too.

    Args:
        spec: Configuration of the estimator.
        data: Folders and tar files of clean photographs.
        minutes: Training time; the learning rate falls to zero along a cosine over it.
        weights_path: Safetensors file to continue and to replace; its checksum and error go
            into the ``metrics.json`` beside it.
        validation: Folders and tar files for validation; None holds out pictures of ``data``.
        learning_rate: Peak; None takes the recipe's.
        steps: Number of steps after which to stop, if the minutes have not run out before.
        seed: Seed of crops and degradations; None draws one.

    Returns:
        Error on the held-out pictures before and after.

    Raises:
        DataError: There are no photographs.
        WeightsError: ``weights_path`` cannot be read.
    """
    prepare_report(weights_path.with_name("metrics.json"))
    recipe = spec.recipe
    pictures = read_pictures(data, smallest_side=crop_side(spec))
    if validation is None:
        count = min(HELD_OUT_PICTURES, len(pictures) // 4)
        held_out, pictures = pictures[:count] or pictures, pictures[count:]
    else:
        held_out = read_pictures(validation, smallest_side=spec.smallest_side)
    validation_set = spec.make_validation_set(held_out)
    seed = torch.seed() if seed is None else seed
    generator = Generator().manual_seed(seed % 2**63)
    # The sampler of the networks; the condition it returns is the target here.
    sampler = CropSampler(pictures, spec, generator, torch.device("cpu"))

    estimator, header = spec.build(), {"runs": "[]"}
    if weights_path.exists():
        load_into(estimator, weights_path)
        header |= read_header(weights_path)
    ema_model = copy.deepcopy(estimator).eval().requires_grad_(False)
    before = spec.validate(ema_model, validation_set)["error"]
    print(f"{spec.name}: {len(pictures)} pictures, error {before:.4f} at the start", flush=True)
    optimizer = torch.optim.Adam(estimator.parameters())
    peak = recipe.learning_rate if learning_rate is None else learning_rate
    started, step, spent, line_at = time.monotonic(), 0, 0.0, 0.0
    losses: list[float] = []
    try:
        while spent < minutes * 60 and (steps is None or step < steps):
            (degraded, target, _), _ = sampler.sample()
            assert target is not None  # every estimator's degradation returns one
            rate = min(1.0, (step + 1) / WARM_UP_STEPS) * _cosine(spent / minutes / 60)
            loss = spec.loss(estimator, degraded, target)
            losses.append(_step(estimator, optimizer, loss, peak * rate, recipe.gradient_clip))
            update_ema(ema_model, estimator, decay=recipe.ema_decay, step=step)
            if not math.isfinite(losses[-1]):
                print(f"the error became {losses[-1]}; judging and stopping", flush=True)
                break
            step, spent = step + 1, time.monotonic() - started
            if spent - line_at > SECONDS_BETWEEN_LINES:
                line_at, left = spent, minutes - spent / 60
                recent = np.mean(losses[-200:])
                print(f"step {step} · error {recent:.4f} · {left:.1f} min left", flush=True)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C; judging and saving", flush=True)
    found = spec.validate(ema_model, validation_set)
    after = found["error"]
    # Weights that have become NaN must not replace a file, nor be the first.
    if after < before or not (weights_path.exists() or math.isnan(after)):
        run: dict[str, Any] = {"seconds": round(spent), "steps": step, "learning_rate": peak}
        run |= {"error_before": round(before, 4), "error_after": round(after, 4)}
        run["hardware"] = f"{platform.machine()}, {torch.get_num_threads()} threads"
        header["runs"] = json.dumps([*json.loads(header["runs"]), run])
        header["recipe"] = json.dumps({name: getattr(recipe, name) for name in _USED})
        save_weights(weights_path, ema_model.state_dict(), header)
        write_estimator_metrics(spec, weights_path, found)
    print(f"{step} steps in {spent / 60:.1f} min, error {before:.4f} -> {after:.4f}", flush=True)
    return before, after


def write_estimator_metrics(
    spec: EstimatorSpec[Any], weights_path: Path, found: dict[str, Any]
) -> None:
    """Write checksum, runs and metrics of a file into the ``metrics.json`` beside it."""
    entry = {
        "sha256": sha256(weights_path),
        "bytes": weights_path.stat().st_size,
        "parameters": sum(tensor.numel() for tensor in spec.build().parameters()),
        "runs": json.loads(read_header(weights_path)["runs"]),
        **found,
        "error": round(found["error"], 4),
    }
    add_to_report(weights_path.with_name("metrics.json"), entry, spec.name)


def _step(
    estimator: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    rate: float,
    largest_norm: float,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(estimator.parameters(), largest_norm)
    optimizer.step()
    return loss.item()


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * min(progress, 1))) / 2
