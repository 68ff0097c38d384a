"""Training of the six upsamplers of the lab side by side: every batch goes to each of them."""

import dataclasses
import json
import math
import platform
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from deconv_demo.classical import psnr
from deconv_demo.convolution import checkerboard_db
from deconv_demo.degradations import bicubic_downsample_8bit, quantize
from deconv_demo.networks import SCALE, WIDTHS, build_upsamplers, read_header, save_weights, sha256
from deconv_demo.tasks import TASKS, Recipe
from deconv_demo.training.data import (
    CropSampler,
    center_crop,
    crop_side,
    pixels_to_image,
    read_pictures,
)
from deconv_demo.training.metrics_file import add_to_report, prepare_report

RECIPE = Recipe(patch=32, batch=8, margin=4, learning_rate=2e-3, reduced_share=0.0)
_USED = {name: getattr(RECIPE, name) for name in ("patch", "batch", "margin", "learning_rate")}
VALIDATION_CROP = 256
HELD_OUT_PICTURES = 16
STEPS_BETWEEN_LINES = 200


def train_upsamplers(
    *, data: list[Path], steps: int, seed: int, weights_path: Path
) -> dict[str, dict[str, float]]:
    """Train all six from scratch on the same batches, and write them to one file.

    The first pictures of ``data`` are held out. The last weights of every network are kept: none
    are selected by validation.

    Args:
        data: Folders and tar files of clean photographs.
        steps: Steps of Adam for each network; the learning rate falls to zero along a cosine.
        seed: Seed of the initial weights and of the crops.
        weights_path: Safetensors file to write; its checksum goes into the ``metrics.json``
            beside it.

    Returns:
        Result of ``evaluate_upsampler`` for each kind on the held-out pictures, with
        ``grid_db_before``: the grid before the first step.

    Raises:
        DataError: There are no photographs.
    """
    upscale = TASKS["upscale_x2"]
    # Downscaled and nothing else: they are compared for their grids, not for JPEG artifacts.
    task = dataclasses.replace(upscale, recipe=RECIPE, degrade=upscale.benchmark_cases[0].degrade)
    pictures = read_pictures(data, smallest_side=crop_side(task))
    prepare_report(weights_path.with_name("metrics.json"))
    count = min(HELD_OUT_PICTURES, len(pictures) // 4)
    held_out, pictures = pictures[:count] or pictures, pictures[count:]
    held_out = [center_crop(pixels, VALIDATION_CROP) for pixels in held_out]
    generator = torch.Generator().manual_seed(seed)
    sampler = CropSampler(pictures, task, generator, torch.device("cpu"))
    networks = build_upsamplers(seed)
    optimizers = {kind: torch.optim.Adam(net.parameters()) for kind, net in networks.items()}

    started = time.monotonic()
    for step in range(steps):
        (small, *_), clean = sampler.sample()
        rate = RECIPE.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
        losses = {
            kind: _step(networks[kind], optimizer, small, clean, rate)
            for kind, optimizer in optimizers.items()
        }
        if (step + 1) % STEPS_BETWEEN_LINES == 0:
            line = " · ".join(f"{kind} {loss:.4f}" for kind, loss in losses.items())
            print(f"step {step + 1} of {steps} · {line}", flush=True)
    reached = {kind: evaluate_upsampler(network, held_out) for kind, network in networks.items()}
    at_start = build_upsamplers(seed)
    for kind, entry in reached.items():
        entry["grid_db_before"] = evaluate_upsampler(at_start[kind], held_out)["grid_db"]
    header = {
        "networks": json.dumps({"class": "SmallUpsampler", "widths": WIDTHS}),
        "recipe": json.dumps(_USED | {"optimiser": "Adam", "loss": "L1", "schedule": "cosine"}),
        "steps": str(steps),
        "seed": str(seed),
        "pictures": str(len(pictures)),
        "seconds": str(round(time.monotonic() - started)),
        "hardware": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "validation": json.dumps(reached),
    }
    save_weights(weights_path, networks.state_dict(), header)
    write_upsampler_metrics(weights_path)
    for kind, entry in reached.items():
        print(f"{kind} on {len(held_out)} held-out pictures: {json.dumps(entry)}", flush=True)
    return reached


def write_upsampler_metrics(weights_path: Path) -> None:
    """Write checksum and header of the file into the ``metrics.json`` beside it."""
    path = weights_path.with_name("metrics.json")
    header = read_header(weights_path)
    entry = {
        "sha256": sha256(weights_path),
        "bytes": weights_path.stat().st_size,
        "pictures": int(header["pictures"]),
        "seed": int(header["seed"]),
        "steps": int(header["steps"]),
        "validation": json.loads(header["validation"]),
    }
    add_to_report(path, entry, "upsamplers")


def _step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    small: torch.Tensor,
    clean: torch.Tensor,
    rate: float,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = F.l1_loss(network(small), clean)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.inference_mode()
def evaluate_upsampler(network: nn.Module, pictures: list[np.ndarray]) -> dict[str, float]:
    """Evaluate an upsampler on pictures that are halved and doubled again.

    Returns:
        ``psnr``, the mean in RGB of 8-bit pictures, and ``grid_db``, the mean of
        ``checkerboard_db``.
    """
    values, grids = [], []
    for pixels in pictures:
        height, width = (side - side % SCALE for side in pixels.shape[:2])
        clean = pixels_to_image(pixels[:height, :width])
        enlarged = network(bicubic_downsample_8bit(clean, SCALE))
        values.append(psnr(quantize(enlarged), clean))
        grids.append(checkerboard_db(enlarged[0], SCALE))
    return {"psnr": round(float(np.mean(values)), 3), "grid_db": round(float(np.mean(grids)), 2)}
