"""Train the network that reads a blur off a picture's spectrum, and judge what it reads."""

import copy
import dataclasses
import json
import math
import platform
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn

from deconv_demo import degradations
from deconv_demo.blind_blur import BLOCK, BlurReader, spectral_distance, spectral_features
from deconv_demo.damages import Degraded
from deconv_demo.tasks import TASKS, Recipe
from deconv_demo.training.data import (
    CropSampler,
    centre_crop,
    crop_side,
    read_pictures,
    to_grey,
    to_image,
)
from deconv_demo.training.loop import follow
from deconv_demo.training.report import add_to_report, prepare_report
from deconv_demo.weight_files import read_header, save_weights, sha256
from deconv_demo.weights import load_into

RECIPE = Recipe(
    patch=256,
    batch=24,
    margin=degradations.BLUR_KERNEL_SIZE // 2,
    learning_rate=1e-3,
    ema_decay=0.998,
    gradient_clip=1.0,
)
_USED = (
    "patch",
    "batch",
    "margin",
    "learning_rate",
    "ema_decay",
    "gradient_clip",
    "reduced_share",
)
WARM_UP_STEPS = 100
VALIDATION_CROP = 256
HELD_OUT_PICTURES = 24
KERNELS_JUDGED = 8
SECONDS_BETWEEN_LINES = 60
HARD_SHARE = 1 / 3


def train_blur_reader(
    *,
    data: list[Path],
    minutes: float,
    weights_path: Path,
    validation: list[Path] | None = None,
    learning_rate: float | None = None,
    steps: int | None = None,
    seed: int | None = None,
) -> tuple[float, float]:
    """Train the blur reader and keep the better weights in a file.

    Continues from ``weights_path`` where that file exists. The averaged weights replace it only
    if they read held-out blurs better. Ctrl-C judges and saves too.

    Args:
        data: Folders and tar files of clean photographs.
        minutes: Training time; the learning rate falls to zero along a cosine over it.
        weights_path: The safetensors file to continue and to replace; its checksum and error go
            into the ``metrics.json`` beside it.
        validation: Folders and tar files to judge by; None holds out pictures of ``data``.
        learning_rate: Peak; None takes the recipe's.
        steps: Stop after that many steps, if the minutes have not run out before.
        seed: Of crops and blurs; None draws one.

    Returns:
        ``spectral_error`` on the held-out blurs before and after.

    Raises:
        DataError: No photographs.
        WeightsError: ``weights_path`` cannot be read.
    """
    prepare_report(weights_path.with_name("metrics.json"))
    # The sampler of the networks, with a picture's own blur as what is told of it.
    task = dataclasses.replace(
        TASKS["deblur"], build=partial(BlurReader), degrade=with_its_blur, recipe=RECIPE
    )
    pictures = read_pictures(data, smallest_side=crop_side(task))
    if validation is None:
        count = min(HELD_OUT_PICTURES, len(pictures) // 4)
        held_out, pictures = pictures[:count] or pictures, pictures[count:]
    else:
        held_out = read_pictures(validation, smallest_side=BLOCK)
    judged = held_out_blurs(held_out)
    seed = torch.seed() if seed is None else seed
    generator = Generator().manual_seed(seed % 2**63)
    sampler = CropSampler(pictures, task, generator, torch.device("cpu"))

    reader, header = BlurReader(), {"runs": "[]"}
    if weights_path.exists():
        load_into(reader, weights_path)
        header |= read_header(weights_path)
    average = copy.deepcopy(reader).eval().requires_grad_(False)
    before = judge(average, judged)
    print(f"blur reader: {len(pictures)} pictures, error {before:.4f} at the start", flush=True)
    optimiser = torch.optim.Adam(reader.parameters())
    peak = RECIPE.learning_rate if learning_rate is None else learning_rate
    started, step, spent, line_at, losses = time.monotonic(), 0, 0.0, 0.0, []
    try:
        while spent < minutes * 60 and (steps is None or step < steps):
            (blurred, kernels), _ = sampler.sample()
            rate = min(1.0, (step + 1) / WARM_UP_STEPS) * _cosine(spent / minutes / 60)
            losses.append(_step(reader, average, optimiser, blurred, kernels, peak * rate, step))
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
    after = judge(average, judged)
    # Weights that have become NaN are no better than none.
    if after < before or not (weights_path.exists() or math.isnan(after)):
        run = {"seconds": round(spent), "steps": step, "learning_rate": peak}
        run |= {"error_before": round(before, 4), "error_after": round(after, 4)}
        run["hardware"] = f"{platform.machine()}, {torch.get_num_threads()} threads"
        header["runs"] = json.dumps([*json.loads(header["runs"]), run])
        header["recipe"] = json.dumps({name: getattr(RECIPE, name) for name in _USED})
        save_weights(weights_path, average.state_dict(), header)
        record(weights_path, after)
    print(f"{step} steps in {spent / 60:.1f} min, error {before:.4f} -> {after:.4f}", flush=True)
    return before, after


def record(weights_path: Path, error: float) -> None:
    """Write checksum, runs and error of the file into the ``metrics.json`` beside it."""
    entry = {
        "sha256": sha256(weights_path),
        "bytes": weights_path.stat().st_size,
        "parameters": sum(tensor.numel() for tensor in BlurReader().parameters()),
        "runs": json.loads(read_header(weights_path)["runs"]),
        "spectral_error": round(error, 4),
    }
    add_to_report(weights_path.with_name("metrics.json"), entry, "blur_reader")


def with_its_blur(clean: Tensor, generator: Generator) -> Degraded:
    """Blur and worsen the brightness of each image as the deblurrer's crops are, blur told."""
    kernels = torch.stack([_kernel(generator) for _ in clean])
    grey = degradations.blur(to_grey(clean)[:, :1], kernels)
    # The noise of three channels is weaker in their brightness: by the norm of its weights.
    sigma = torch.rand(len(clean), generator=generator) * (0.67 * 5 / 255)
    noisy = degradations.add_gaussian_noise(grey, sigma, generator).expand(-1, 3, -1, -1)
    return degradations.jpeg_some(noisy, generator, share=0.25), kernels


def _kernel(generator: Generator) -> Tensor:
    """A blur as the deblurrer's; a third are long, bent motion, which is the hardest to read."""
    share, length, heading, turn = torch.rand(4, generator=generator).tolist()
    if share > HARD_SHARE:
        return degradations.random_blur_kernel(generator)
    return degradations.motion_kernel(
        1 + 16 * length**0.5, math.pi * heading, (turn - 0.5) * math.pi
    )


def held_out_blurs(pictures: list[np.ndarray]) -> list[tuple[Tensor, Tensor]]:
    """Damage the middle of each picture in some ways, the same ones every time."""
    judged = []
    for index, pixels in enumerate(pictures):
        generator = Generator().manual_seed(index)
        clean = to_image(centre_crop(pixels, VALIDATION_CROP)).expand(KERNELS_JUDGED, -1, -1, -1)
        judged.append(with_its_blur(clean, generator))
    return judged


@torch.inference_mode()
def judge(reader: nn.Module, judged: list[tuple[Tensor, Tensor]]) -> float:
    """Mean ``spectral_error`` over pictures of any size."""
    errors = [
        spectral_error(reader(spectral_features(image)), told).item() for image, told in judged
    ]
    return float(np.mean(errors))


def spectral_error(kernels: Tensor, told: Tensor) -> Tensor:
    """Mean ``spectral_distance`` of kernels, ``(B, K, K)``, from what they should be."""
    return spectral_distance(kernels, told).mean()


def _step(
    reader: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    blurred: Tensor,
    kernels: Tensor,
    rate: float,
    step: int,
) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate
    with torch.no_grad():
        features = spectral_features(blurred)
    loss = spectral_error(reader(features), kernels)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(reader.parameters(), RECIPE.gradient_clip)
    optimiser.step()
    follow(average, reader, decay=RECIPE.ema_decay, step=step)
    return loss.item()


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * min(progress, 1))) / 2
