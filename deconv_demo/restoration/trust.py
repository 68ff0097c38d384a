"""How much of a repair to believe: a picture with nothing wrong is to be left alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from deconv_demo.degradations import jpeg_level
from deconv_demo.restoration.condition import Condition
from deconv_demo.restoration.guide import is_identity
from deconv_demo.tasks import Task

# Noise that is read, of 255: up to the first the picture is left alone, from the second on all is
# believed. Between them what is read is as often detail as noise.
CLEAN_SIGMA, NOISY_SIGMA = 0.7, 2.0
# The same for the quality of JPEG files. Told 95, all of the change lost up to 0.25 dB on a photo.
GOOD_QUALITY, WORN_QUALITY = 96, 90
# A picture of at most so many colours is a drawing; so many of its pixels are looked at.
FEW_COLORS, SEEN_PIXELS, FEWEST_PIXELS = 32, 250_000, 256
# The steepness of edges, see ``steepness``: below the first a place is blurred, above the second it
# is sharp. On photographs the mean over a neighbourhood was 0.22 to 0.37 under blurs that can be
# undone, mostly above 0.4 without, and 0.6 to 1 in drawings.
BLURRED_EDGES, SHARP_EDGES = 0.30, 0.42
# An edge is where so much of the range [0, 1] lies within a window of so many pixels.
EDGE_HEIGHT, EDGE_WINDOW = 0.12, 7
# Places are judged in cells of so many pixels, together with so many cells on each side; fewer
# edges than this share of their pixels say nothing.
CELL, NEIGHBORS, MIN_EDGES = 8, 6, 2e-4
_BAND = 256


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How much of a network's change is taken.

    Attributes:
        share: 0 leaves the picture as it is, 1 takes all.
        reason: Why not all: a key of the page's texts under ``alone``; None for all.
        places: The same for each cell of ``CELL`` x ``CELL`` pixels, where it differs.
    """

    share: float = 1.0
    reason: str | None = None
    places: torch.Tensor | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the record of a run says of it."""
        return {"share": round(self.share, 3), "left_alone": self.reason}

    def apply(self, pixels: np.ndarray, output: np.ndarray) -> None:
        """Take back from ``output`` what is not believed, ``(H, W, 3)`` uint8 like ``pixels``."""
        if self.share >= 1 and self.places is None:
            return
        height, width = output.shape[:2]
        for top in range(0, height, _BAND):
            rows = slice(top, top + _BAND)
            share: np.ndarray | float = self.share
            if self.places is not None:
                share = self._places_of(top, min(top + _BAND, height), width)[..., None]
            change = output[rows].astype(np.float32) - pixels[rows]
            output[rows] = np.rint(pixels[rows] + share * change)

    def _places_of(self, top: int, bottom: int, width: int) -> np.ndarray:
        """Return the share of each pixel of some rows, on straight lines between the cells."""
        assert self.places is not None
        rows, columns = (
            ((torch.arange(first, last) + 0.5) / CELL - 0.5).clamp(0, count - 1)
            for first, last, count in zip((top, 0), (bottom, width), self.places.shape, strict=True)
        )
        low_row, low_column = rows.floor().long(), columns.floor().long()
        high_row = (low_row + 1).clamp_max(self.places.shape[0] - 1)
        high_column = (low_column + 1).clamp_max(self.places.shape[1] - 1)
        down, across = (rows - low_row).unsqueeze(1), columns - low_column
        above = torch.lerp(
            self.places[low_row][:, low_column], self.places[low_row][:, high_column], across
        )
        below = torch.lerp(
            self.places[high_row][:, low_column], self.places[high_row][:, high_column], across
        )
        return torch.lerp(above, below, down).numpy()


def trust_in(
    task: Task, condition: Condition, values: Mapping[str, float | None], pixels: np.ndarray
) -> Trust:
    """Return how much of a change to take.

    Args:
        task: Entry of ``TASKS``.
        condition: What the network was told.
        values: Controls of the task, with what was read.
        pixels: The picture, ``(H, W, 3)`` uint8.
    """
    if task.scale > 1:
        return Trust()
    if condition.level == 0 and (not condition.is_read or values.get("strength") == 0):
        return Trust(share=0.0, reason="nothing_told")
    if (quality := values.get("quality")) is not None:  # also where it is told
        worn, good = jpeg_level(WORN_QUALITY), jpeg_level(GOOD_QUALITY)
        return _ramp((jpeg_level(quality) - good) / (worn - good), "no_blocks")
    if not condition.is_read:
        is_told_none = condition.kernel is not None and is_identity(condition.kernel)
        return Trust(share=0.0, reason="nothing_told") if is_told_none else Trust()
    if condition.kernel is not None:
        if not is_identity(condition.kernel):
            return Trust()
        places = blurred_places(pixels)
        return Trust(share=places.mean().item(), reason="sharp", places=places)
    assert condition.level is not None
    if has_few_colors(pixels):
        return Trust(share=0.0, reason="drawing")
    sigma = 255 * (condition.level if condition.noise is None else condition.noise.sigma)
    return _ramp((sigma - CLEAN_SIGMA) / (NOISY_SIGMA - CLEAN_SIGMA), "clean")


def has_few_colors(pixels: np.ndarray) -> bool:
    """Return whether a picture has so few colours that it was drawn, dithered or printed.

    Noise gives a picture in colour hundreds of them, and one in gray all levels of a range; lines
    of single pixels, dots of a screen and dithering, which look like noise of full contrast, have
    two colours or a palette.

    Args:
        pixels: ``(H, W, 3)`` uint8.

    >>> has_few_colors(np.tile(np.uint8([[[0], [255]]]), (30, 20, 3)))
    True
    """
    step = max(1, round((pixels.shape[0] * pixels.shape[1] / SEEN_PIXELS) ** 0.5))
    sample = pixels[::step, ::step].reshape(-1, 3).astype(np.uint32)
    if len(sample) < FEWEST_PIXELS:
        return False
    codes = np.unique(sample[:, 0] << 16 | sample[:, 1] << 8 | sample[:, 2])
    if len(codes) > FEW_COLORS:
        return False
    levels = np.unique(sample[:, 1])
    is_gray = len(levels) == len(codes)
    return not is_gray or 2 * len(levels) <= int(levels[-1]) - int(levels[0])


def _ramp(share: float, reason: str) -> Trust:
    return Trust() if share >= 1 else Trust(share=max(share, 0.0), reason=reason)


def blurred_places(pixels: np.ndarray) -> torch.Tensor:
    """Return how certainly each cell of a picture is blurred, from 0 to 1.

    A blur is undone where there is one; beside it, or in a picture without any, sharpening would
    only spoil what is sharp. Places without edges count as sharp.

    Args:
        pixels: ``(H, W, 3)`` uint8.

    Returns:
        ``(ceil(H / CELL), ceil(W / CELL))``.

    >>> blurred_places(np.zeros((20, 9, 3), np.uint8)).shape
    torch.Size([3, 2])
    """
    sums: list[torch.Tensor] = []
    margin = EDGE_WINDOW
    for top in range(0, len(pixels), _BAND):
        first = max(top - margin, 0)
        band = pixels[first : top + _BAND + margin]
        edges, steep = steepness(band)
        cut = slice(top - first, top - first + min(_BAND, len(pixels) - top))
        sums.append(_cells(torch.stack([edges[cut], edges[cut] * steep[cut]])))
    count, total = torch.cat(sums, dim=1)
    window = 2 * NEIGHBORS + 1
    around = F.avg_pool2d(torch.stack([count, total])[None], window, stride=1, padding=NEIGHBORS)
    around = F.avg_pool2d(around, window, stride=1, padding=NEIGHBORS)[0]
    mean = around[1] / around[0].clamp_min(1e-9)
    blurred = ((SHARP_EDGES - mean) / (SHARP_EDGES - BLURRED_EDGES)).clamp(0, 1)
    return blurred * (around[0] > MIN_EDGES)


def steepness(pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where a picture has edges, and how steep they are.

    An edge is as steep as the share of its height that lies between two neighbouring pixels: 1 for
    a step, 0.4 for one under a Gaussian of one pixel, 0.17 or less where it fills the window.

    Args:
        pixels: ``(H, W, 3)`` uint8.

    Returns:
        Two of ``(H, W)``: 1 at the steepest place of an edge and else 0; steepness, 0 to 1.
    """
    gray = torch.from_numpy(pixels.astype(np.float32).mean(axis=-1) / 255)[None, None]
    largest = partial(F.max_pool2d, kernel_size=EDGE_WINDOW, stride=1, padding=EDGE_WINDOW // 2)
    height = largest(gray) + largest(-gray)
    across = F.pad(gray.diff(dim=-1).abs(), (0, 1))
    down = F.pad(gray.diff(dim=-2).abs(), (0, 0, 0, 1))
    step = torch.maximum(across, down)
    edges = (height > EDGE_HEIGHT) & (step == largest(step))
    return edges[0, 0].float(), (step / height.clamp_min(1e-3))[0, 0]


def _cells(planes: torch.Tensor) -> torch.Tensor:
    """Return the means of ``(C, H, W)`` over cells; pixels beyond the border count as 0."""
    below, right = (-side % CELL for side in planes.shape[-2:])
    return F.avg_pool2d(F.pad(planes, (0, right, 0, below)), CELL)
