"""Failure cases of the networks, as pictures: for each task a degradation it was not made for."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

from deconv_demo import degradations
from deconv_demo.pictures import from_pixels, to_image, to_uint8
from deconv_demo.restoration import best_classical, enhance, repeat_pixels, scores
from deconv_demo.tasks import TASKS
from deconv_demo.training.data import pixels_to_image
from deconv_demo.training.metrics_file import add_to_report, prepare_report

_RGB = Image.new("RGB", (1, 1))
_ROWS, _COLUMNS = 160, 240
_SIGMA = 12 / 255


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A picture on which a network falls short.

    Attributes:
        name: Name of its file.
        task_id: Key of ``TASKS``.
        picture: Attribute of ``skimage.data``.
        corner: Row and column of the crop, 160 x 240 pixels.
        damage: Description of the degradation.
        degrade: The degradation as a function.
        what_goes_wrong: A sentence or two for the model card.
    """

    name: str
    task_id: str
    picture: str
    corner: tuple[int, int]
    damage: str
    degrade: Callable[[Tensor], Tensor]
    what_goes_wrong: str


FAILURES = (
    Failure(
        name="letters",
        task_id="upscale_x4",
        picture="page",
        corner=(20, 90),
        damage="print, four times smaller",
        degrade=lambda clean: degradations.bicubic_downsample_8bit(clean, 4),
        what_goes_wrong=(
            "Strokes come out crisp where letters are not: what six pixels held cannot be read "
            "again, and the network has seen photographs, not print."
        ),
    ),
    Failure(
        name="blocks",
        task_id="upscale_x2",
        picture="astronaut",
        corner=(20, 120),
        damage="half the size, JPEG of quality 15",
        degrade=lambda clean: degradations.jpeg(degradations.bicubic_downsample_8bit(clean, 2), 15),
        what_goes_wrong=(
            "Far below the qualities it was trained on, the edges of the blocks count as edges of "
            "things, and are kept."
        ),
    ),
    Failure(
        name="motion",
        task_id="deblur",
        picture="chelsea",
        corner=(60, 120),
        damage="15 pixels of motion, along on the left and down on the right",
        degrade=lambda clean: _moved_two_ways(clean, 15),
        what_goes_wrong=(
            "One blur is read for the whole picture, and here are two: its halves disagree, none "
            "is believed, and the network, left with the picture alone, brings back little."
        ),
    ),
    Failure(
        name="resized-blocks",
        task_id="jpeg",
        picture="astronaut",
        corner=(20, 120),
        damage="JPEG of quality 20, then made 1.4 times larger",
        degrade=lambda clean: _enlarged_jpeg(clean, 20, 1.4),
        what_goes_wrong=(
            "Enlarged, the blocks are no longer 8 pixels wide and their edges are soft: the "
            "network, which knows files as they were saved, finds little to remove."
        ),
    ),
    Failure(
        name="banding",
        task_id="denoise",
        picture="astronaut",
        corner=(20, 120),
        damage="every row brighter or darker, by 12 / 255",
        degrade=lambda clean: _with_bands(clean, _SIGMA),
        what_goes_wrong=(
            "Rows that a sensor reads out too bright or too dark are one edge after another, and "
            "not grain: the network knows noise that differs from pixel to pixel."
        ),
    ),
)


def draw_failures(folder: Path, metrics_path: Path) -> list[dict[str, Any]]:
    """Write a PNG of every failure, and its numbers into ``metrics.json``.

    Each PNG shows three pictures side by side: degraded, restored, ground truth. Networks run as
    on the page, blind; the classical method is that of the evaluation.

    Args:
        folder: Folder of the PNG files; made where it is missing.
        metrics_path: JSON file, whose other entries are kept.

    Returns:
        One entry per failure: ``name``, ``task_id``, ``damage``, ``what_goes_wrong``, ``classical``
        (the method), and ``damaged_psnr``, ``classical_psnr``, ``network_psnr`` in dB.

    Raises:
        WeightsError: Weights are missing or damaged.
    """
    prepare_report(metrics_path)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for failure in FAILURES:
        task, clean = TASKS[failure.task_id], _crop(failure)
        damaged = failure.degrade(clean)
        picture = from_pixels(to_uint8(damaged), like=_RGB)
        restored = to_image(enhance(picture, failure.task_id).after)
        told = {"denoise": _SIGMA, "jpeg": degradations.jpeg_level(20)}.get(failure.task_id)
        sigma = None if told is None else torch.tensor([told])
        classical_name, classical = best_classical(failure.task_id, damaged, sigma, clean)
        enlarged = repeat_pixels(damaged, task.scale)
        side_by_side = torch.cat([enlarged, restored, clean], dim=-1)
        from_pixels(to_uint8(side_by_side), like=_RGB).save(
            folder / f"{failure.name}.png", optimize=True
        )
        entries.append(
            {
                "name": failure.name,
                "task_id": failure.task_id,
                "damage": failure.damage,
                "what_goes_wrong": failure.what_goes_wrong,
                "classical": classical_name,
                "damaged_psnr": round(scores(enlarged, clean, task)[0], 3),
                "classical_psnr": round(scores(classical, clean, task)[0], 3),
                "network_psnr": round(scores(restored, clean, task)[0], 3),
            }
        )
    add_to_report(metrics_path, entries, "failures")
    return entries


def _crop(failure: Failure) -> Tensor:
    import skimage.data

    pixels = getattr(skimage.data, failure.picture)()
    top, left = failure.corner
    crop = pixels[top : top + _ROWS, left : left + _COLUMNS]
    return pixels_to_image(np.repeat(crop[..., None], 3, axis=2) if crop.ndim == 2 else crop)


def _moved_two_ways(clean: Tensor, length: float) -> Tensor:
    along, down = (degradations.motion_kernel(length, angle) for angle in (0.0, math.pi / 2))
    height, width = clean.shape[-2:]
    sides = degradations.half_plane_masks(height, width, torch.zeros(1), torch.zeros(1))
    blurred = degradations.blend_two_blurs(clean, along, down, sides)
    return degradations.add_gaussian_noise(blurred, 2.55 / 255, _seeded())


def _enlarged_jpeg(clean: Tensor, quality: int, factor: float) -> Tensor:
    """Compress a smaller copy, and enlarge it to the size of the clean image."""
    height, width = (round(side / factor) for side in clean.shape[-2:])
    small = F.interpolate(clean, size=(height, width), mode="bicubic", antialias=True)
    small = degradations.jpeg(small.clamp(0, 1), quality)
    enlarged = F.interpolate(small, size=clean.shape[-2:], mode="bicubic", antialias=True)
    return degradations.quantize(enlarged)


def _with_bands(clean: Tensor, sigma: float) -> Tensor:
    """Make every row of pixels brighter or darker."""
    rows = torch.randn(1, 1, clean.shape[-2], 1, generator=_seeded())
    return degradations.quantize(clean + sigma * rows)


def _seeded() -> Generator:
    return Generator().manual_seed(0)
