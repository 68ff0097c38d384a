"""Blind estimation of the noise level of a picture.

Noise differs from one pixel to the next, and so do leaves, letters and knitted wool: formulas that
look for the flattest part of a picture, or for the smallest eigenvalue of its patches, take all of
these for noise. A small network is trained to tell them apart. At every place it estimates the
noise level and its own certainty (high on a wall, low in a tree); the estimate for the picture is
the mean of the levels, weighted with the certainty.

In a colour picture noise differs between the channels and detail hardly does, which tells one from
the other. A monochrome picture (gray, or toned like an old print) lacks this cue, and grain must
be known by its shape: so such pictures have convolutions of their own.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pictures with a shorter side are too small for an estimate, and mostly icons.
MIN_SIDE = 16
# A larger picture is sampled in up to 4 x 4 blocks of this side, evenly spread: more costs time.
BLOCK, BLOCKS = 128, 4
# Receptive field of the convolutions (the smoothing before them adds one pixel on each side).
# Smaller pictures are mirrored up to it.
RECEPTIVE_FIELD = 21
# Gains that bring the parts of the input to about 1, and the usual standard deviation of noise on
# [0, 255].
_DETAIL_GAIN, _BRIGHTNESS_GAIN, _USUAL_LEVEL = 10.0, 2.0, 20.0
# A picture is monochrome if red and blue are functions of green up to this mean deviation, of 255.
# Toned photographs deviate by up to 0.4, with noise of 75 clipped at white by up to 3, and out of a
# JPEG of quality 75 by up to 6; nine in ten colour photographs deviate by more than 4.5, and with
# noise of 5 all of them by more than 6.
_OTHER_TONES = 4.0


class NoiseLevelEstimator(nn.Module):
    """A network that estimates the standard deviation of noise from the fine detail of a picture.

    Monochrome pictures go through the gray branch, one channel at a time; all others go through the
    colour branch.

    Args:
        channels: Channels of the convolutions at full, half and quarter resolution.

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
        for one_tone in (True, False):  # gray branch, then colour
            if (chosen := monochrome == one_tone).any():
                # Level and certainty of the n images of this branch: (n, C, h, w).
                level, certainty = self.local_estimates(image[chosen], one_tone=one_tone)
                found[chosen] = weighted_mean(level.flatten(2), certainty.flatten(2)).mean(dim=1)
        return found

    def local_estimates(self, image: Tensor, *, one_tone: bool) -> tuple[Tensor, Tensor]:
        """Return, for every fourth pixel, the local noise level and the log of its weight.

        Args:
            image: ``(B, 3, H, W)``, as for the whole network.
            one_tone: Whether to take the channels one by one, see ``is_monochrome``.

        Returns:
            Two tensors ``(B, C, h, w)``, with ``h = (H - RECEPTIVE_FIELD) // 4 + 1``; ``C`` is 3 if
            the channels are taken one by one and are not all the same, else 1.

        >>> image = torch.rand(1, 3, 21, 45)
        >>> planes = NoiseLevelEstimator().local_estimates(image, one_tone=False)
        >>> [tuple(plane.shape) for plane in planes]
        [(1, 1, 1, 7), (1, 1, 1, 7)]
        """
        count, read_by = len(image), self.colour
        if one_tone:  # (B, C, H, W)
            # The channels become a batch: (B * C, 1, H, W).
            image = image[:, :1] if (image == image[:, :1]).all() else image
            image, read_by = image.flatten(0, 1).unsqueeze(1), self.grey
        # Detail and brightness are separate inputs: noise of a level or two is lost when both share
        # the few digits of a bfloat16, in which networks are trained.
        smooth = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
        detail = (image - smooth) * _DETAIL_GAIN
        # A third input marks pixels at black or white, where clipping hides part of the noise.
        clipped = ((image <= 0) | (image >= 1)).to(image)
        given = [detail, smooth * _BRIGHTNESS_GAIN - 1, clipped]
        # (B * C, 2, h, w) becomes (B, C, 2, h, w).
        found = read_by(torch.cat(given, dim=1)).float().unflatten(0, (count, -1))
        return (found[:, :, 0] + 1) * (_USUAL_LEVEL / 255), found[:, :, 1]  # 2 x (B, C, h, w)


def is_monochrome(images: Tensor) -> Tensor:
    """Return which of ``(B, 3, H, W)`` images are gray or toned like old prints, ``(B,)`` bool.

    In a monochrome picture green determines red and blue, noise included.

    >>> is_monochrome(torch.rand(2, 1, 9, 9) * torch.tensor([1, 0.8, 0.5]).view(3, 1, 1)).tolist()
    [True, True]
    >>> is_monochrome(torch.rand(2, 3, 99, 99)).tolist()
    [False, False]
    """
    return torch.stack([_chroma_deviation(image) <= _OTHER_TONES / 255 for image in images])


def _chroma_deviation(image: Tensor) -> Tensor:
    """Return the mean deviation of red or blue, the larger, from its mean per level of green."""
    red, green, blue = image.flatten(1)
    level = (green * 255).round().long()
    pixels = level.bincount(minlength=256).clamp_min(1)
    means = [(channel, level.bincount(channel, 256) / pixels) for channel in (red, blue)]
    return torch.stack([(channel - mean[level]).abs().mean() for channel, mean in means]).max()


def _convolutions(image_channels: int, channels: tuple[int, int, int]) -> nn.Sequential:
    """Build the layers from detail, brightness and clipping of each channel to level and weight."""
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
    """Return the mean over the last dimension, weighted with the softmax of ``log_weights``."""
    return (values * log_weights.softmax(dim=-1)).sum(dim=-1)


@torch.inference_mode()
def estimate_sigma(estimator: NoiseLevelEstimator, pixels: np.ndarray) -> float:
    """Estimate the standard deviation of the noise of a picture.

    Args:
        estimator: Network on the CPU.
        pixels: ``(H, W, 3)`` uint8, any size.

    Returns:
        Standard deviation on ``[0, 1]``; 0 for pictures too small for an estimate.

    Notes:
        With local levels ``s_i`` and log weights ``a_i`` over all places of all sampled blocks,
        ``sigma = sum_i exp(a_i) s_i / sum_i exp(a_i)``, averaged over the channels that are
        estimated one by one, and at least 0.

    >>> estimate_sigma(NoiseLevelEstimator(), np.zeros((8, 8, 3), np.uint8))
    0.0
    """
    if min(pixels.shape[:2]) < MIN_SIDE:
        return 0.0
    blocks = torch.from_numpy(np.stack(_spread_blocks(pixels)))  # (N, h, w, 3)
    given = blocks.permute(0, 3, 1, 2).float().div(255)  # (N, 3, h, w)
    given = given.contiguous(memory_format=torch.channels_last)
    # Decided for all blocks together, for the two ways weigh places differently.
    one_tone = bool(is_monochrome(torch.cat(tuple(given), dim=-1)[None]))
    of_all = [
        plane.transpose(0, 1).flatten(1)
        for plane in estimator.local_estimates(given, one_tone=one_tone)
    ]
    return weighted_mean(*of_all).mean().clamp_min(0).item()  # mean over C


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
