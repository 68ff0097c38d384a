"""Read the strength of the noise off a picture, so that nobody has to guess it.

Noise differs from one pixel to the next, and so do leaves, letters and knitted wool: formulas that
look for the flattest part of a picture, or for the smallest eigenvalue of its patches, take all of
these for noise. A small network has seen them. At every place it says how strong the noise is and
how well that can be told there (well on a wall, badly in a tree); the answer for the picture is
the mean of the former, weighted with the latter.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pictures with a shorter side are too small to tell, and mostly icons.
SMALLEST_SIDE = 16
# Of a larger picture so many blocks a side are read, evenly spread: more only costs time.
BLOCK, BLOCKS = 128, 4
# What its convolutions cover from one place (the smoothing before them looks one pixel further).
# Smaller pictures are mirrored to that.
FIELD = 21
# What the parts of its input are multiplied with, to be neither tiny nor huge; and of what size,
# on [0, 255], noise mostly is.
_DETAIL_GAIN, _BRIGHTNESS_GAIN, _USUAL_LEVEL = 10.0, 2.0, 20.0


class NoiseReader(nn.Module):
    """Standard deviation of the noise of a picture, from convolutions of its fine detail.

    Args:
        channels: Of the convolutions at the picture's size, at half and at a quarter of it.

    Shape:
        - Input: ``(B, 3, H, W)`` in ``[0, 1]``, sides of at least ``FIELD``.
        - Output: ``(B,)``, on ``[0, 1]``; may be a little below 0 where there is no noise.

    >>> NoiseReader()(torch.rand(2, 3, 40, 64)).shape
    torch.Size([2])
    """

    def __init__(self, *, channels: tuple[int, int, int] = (24, 32, 64)) -> None:
        super().__init__()
        full, half, quarter = channels
        self.trunk = nn.Sequential(
            nn.Conv2d(9, full, 3),
            nn.ReLU(),
            nn.Conv2d(full, half, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(half, half, 3),
            nn.ReLU(),
            nn.Conv2d(half, quarter, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(quarter, quarter, 3),
            nn.ReLU(),
            nn.Conv2d(quarter, 2, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        return weighted_mean(*(plane.flatten(1) for plane in self.places(image)))

    def places(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return for every fourth pixel the noise there, ``(B, h, w)``, and the log of its weight.

        >>> [tuple(plane.shape) for plane in NoiseReader().places(torch.rand(1, 3, 21, 45))]
        [(1, 1, 7), (1, 1, 7)]
        """
        # Detail and brightness apart: noise of a level or two is lost when both share the few
        # digits of a bfloat16, in which networks are trained.
        smooth = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
        detail = (image - smooth) * _DETAIL_GAIN
        # And where black and white have cut noise off, which leaves less to see.
        clipped = ((image <= 0) | (image >= 1)).to(image)
        given = torch.cat([detail, smooth * _BRIGHTNESS_GAIN - 1, clipped], dim=1)
        level, certainty = self.trunk(given).float().unbind(dim=1)
        return (level + 1) * (_USUAL_LEVEL / 255), certainty


def weighted_mean(values: Tensor, log_weights: Tensor) -> Tensor:
    """Return the mean over the last dimension, with the softmax of the second as weights."""
    return (values * log_weights.softmax(dim=-1)).sum(dim=-1)


@torch.inference_mode()
def estimate_sigma(reader: NoiseReader, pixels: np.ndarray) -> float:
    """Estimate the standard deviation of the noise of a picture.

    Args:
        reader: On the CPU.
        pixels: ``(H, W, 3)`` uint8, any size.

    Returns:
        Standard deviation on ``[0, 1]``; 0 for pictures too small to tell.

    >>> estimate_sigma(NoiseReader(), np.zeros((8, 8, 3), np.uint8))
    0.0
    """
    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        return 0.0
    blocks = torch.from_numpy(np.stack(_spread_blocks(pixels)))
    given = blocks.permute(0, 3, 1, 2).float().div(255)
    level, certainty = reader.places(given.contiguous(memory_format=torch.channels_last))
    return weighted_mean(level.flatten(), certainty.flatten()).clamp_min(0).item()


def _spread_blocks(pixels: np.ndarray) -> list[np.ndarray]:
    """Cut blocks of one size, evenly spread; a small picture is one block."""
    missing = [(0, max(FIELD - length, 0)) for length in pixels.shape[:2]]
    if any(count for _, count in missing):
        pixels = np.pad(pixels, [*missing, (0, 0)], mode="symmetric")
    height, width = pixels.shape[:2]
    if max(height, width) <= BLOCK * BLOCKS:
        return [pixels]
    return [
        pixels[top : top + BLOCK, left : left + BLOCK]
        for top in _starts(height)
        for left in _starts(width)
    ]


def _starts(length: int) -> list[int]:
    last, count = max(length - BLOCK, 0), min(BLOCKS, math.ceil(length / BLOCK))
    return np.linspace(0, last, count).round().astype(int).tolist()
