"""Read the strength of the noise off a picture, so that nobody has to guess it.

Noise differs from one pixel to the next, and so do leaves, letters and knitted wool: formulas that
look for the flattest part of a picture, or for the smallest eigenvalue of its patches, take all of
these for noise. A small network has seen them. At every place it says how strong the noise is and
how well that can be told there (well on a wall, badly in a tree); the answer for the picture is
the mean of the former, weighted with the latter.

Noise differs between the channels of a picture in colour and detail hardly does, which tells one
from the other. In grey, or in the one tone of an old print, there is no such sign, and grain must
be known by its shape: so such pictures are read by convolutions of their own.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pictures with a shorter side are too small to tell, and mostly icons.
MIN_SIDE = 16
# Of a larger picture so many blocks a side are read, evenly spread: more only costs time.
BLOCK, BLOCKS = 128, 4
# What its convolutions cover from one place (the smoothing before them looks one pixel further).
# Smaller pictures are mirrored to that.
RECEPTIVE_FIELD = 21
# What the parts of its input are multiplied with, to be neither tiny nor huge; and of what size,
# on [0, 255], noise mostly is.
_DETAIL_GAIN, _BRIGHTNESS_GAIN, _USUAL_LEVEL = 10.0, 2.0, 20.0
# Pictures are of one tone if green tells red and blue to within so much of 255, on average. Toned
# photographs do to 0.4, with noise of 75 and white that cuts it off to 3, out of a JPEG of quality
# 75 to 6; nine in ten photographs in colour not to 4.5, with noise of 5 no one to 6.
_OTHER_TONES = 4.0


class NoiseLevelEstimator(nn.Module):
    """Standard deviation of the noise of a picture, from convolutions of its fine detail.

    Pictures of one tone go one way, each of their channels by itself; all others another.

    Args:
        channels: Of the convolutions at the picture's size, at half and at a quarter of it.

    Shape:
        - Input: ``(B, 3, H, W)`` in ``[0, 1]``, sides of at least ``RECEPTIVE_FIELD``.
        - Output: ``(B,)``, on ``[0, 1]``; may be a little below 0 where there is no noise.

    >>> NoiseLevelEstimator()(torch.rand(2, 3, 40, 64)).shape
    torch.Size([2])
    """

    def __init__(self, *, channels: tuple[int, int, int] = (24, 32, 64)) -> None:
        super().__init__()
        self.colour = _convolutions(3, channels)
        self.grey = _convolutions(1, channels)

    def forward(self, image: Tensor) -> Tensor:
        monochrome, found = is_monochrome(image), torch.empty(len(image), device=image.device)
        for one_tone in (True, False):
            if (chosen := monochrome == one_tone).any():
                level, certainty = self.local_estimates(image[chosen], one_tone=one_tone)
                found[chosen] = weighted_mean(level.flatten(2), certainty.flatten(2)).mean(dim=1)
        return found

    def local_estimates(self, image: Tensor, *, one_tone: bool) -> tuple[Tensor, Tensor]:
        """Return for every fourth pixel the noise there and the log of its weight.

        Args:
            image: As for the whole network.
            one_tone: Whether to read the channels one by one, see ``is_monochrome``.

        Returns:
            Both ``(B, C, h, w)``; ``C`` is 3 if the channels are read one by one and are not
            all the same, else 1.

        >>> image = torch.rand(1, 3, 21, 45)
        >>> planes = NoiseLevelEstimator().local_estimates(image, one_tone=False)
        >>> [tuple(plane.shape) for plane in planes]
        [(1, 1, 1, 7), (1, 1, 1, 7)]
        """
        count, read_by = len(image), self.colour
        if one_tone:
            image = image[:, :1] if (image == image[:, :1]).all() else image
            image, read_by = image.flatten(0, 1).unsqueeze(1), self.grey
        # Detail and brightness apart: noise of a level or two is lost when both share the few
        # digits of a bfloat16, in which networks are trained.
        smooth = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
        detail = (image - smooth) * _DETAIL_GAIN
        # And where black and white have cut noise off, which leaves less to see.
        clipped = ((image <= 0) | (image >= 1)).to(image)
        given = [detail, smooth * _BRIGHTNESS_GAIN - 1, clipped]
        found = read_by(torch.cat(given, dim=1)).float().unflatten(0, (count, -1))
        return (found[:, :, 0] + 1) * (_USUAL_LEVEL / 255), found[:, :, 1]


def is_monochrome(images: Tensor) -> Tensor:
    """Tell of ``(B, 3, H, W)`` which are in grey, or toned as old prints are, ``(B,)`` bool.

    Then how bright green is tells how bright red and blue are, noise included.

    >>> is_monochrome(torch.rand(2, 1, 9, 9) * torch.tensor([1, 0.8, 0.5]).view(3, 1, 1)).tolist()
    [True, True]
    >>> is_monochrome(torch.rand(2, 3, 99, 99)).tolist()
    [False, False]
    """
    return torch.stack([_chroma_deviation(image) <= _OTHER_TONES / 255 for image in images])


def _chroma_deviation(image: Tensor) -> Tensor:
    """Mean distance of red or blue, the worse, from their means at each of 256 levels of green."""
    red, green, blue = image.flatten(1)
    level = (green * 255).round().long()
    pixels = level.bincount(minlength=256).clamp_min(1)
    means = [(channel, level.bincount(channel, 256) / pixels) for channel in (red, blue)]
    return torch.stack([(channel - mean[level]).abs().mean() for channel, mean in means]).max()


def _convolutions(image_channels: int, channels: tuple[int, int, int]) -> nn.Sequential:
    """From detail, brightness and what is cut off, so many channels each, to noise and weight."""
    full, half, quarter = channels
    return nn.Sequential(
        nn.Conv2d(3 * image_channels, full, 3),
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


def weighted_mean(values: Tensor, log_weights: Tensor) -> Tensor:
    """Return the mean over the last dimension, with the softmax of the second as weights."""
    return (values * log_weights.softmax(dim=-1)).sum(dim=-1)


@torch.inference_mode()
def estimate_sigma(estimator: NoiseLevelEstimator, pixels: np.ndarray) -> float:
    """Estimate the standard deviation of the noise of a picture.

    Args:
        estimator: On the CPU.
        pixels: ``(H, W, 3)`` uint8, any size.

    Returns:
        Standard deviation on ``[0, 1]``; 0 for pictures too small to tell.

    >>> estimate_sigma(NoiseLevelEstimator(), np.zeros((8, 8, 3), np.uint8))
    0.0
    """
    if min(pixels.shape[:2]) < MIN_SIDE:
        return 0.0
    blocks = torch.from_numpy(np.stack(_spread_blocks(pixels)))
    given = blocks.permute(0, 3, 1, 2).float().div(255)
    given = given.contiguous(memory_format=torch.channels_last)
    # Decided for all blocks together, for the two ways weigh places differently.
    one_tone = bool(is_monochrome(torch.cat(tuple(given), dim=-1)[None]))
    of_all = [
        plane.transpose(0, 1).flatten(1)
        for plane in estimator.local_estimates(given, one_tone=one_tone)
    ]
    return weighted_mean(*of_all).mean().clamp_min(0).item()


def _spread_blocks(pixels: np.ndarray) -> list[np.ndarray]:
    """Cut blocks of one size, evenly spread; a small picture is one block."""
    missing = [(0, max(RECEPTIVE_FIELD - length, 0)) for length in pixels.shape[:2]]
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
