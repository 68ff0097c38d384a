"""Blind estimation of the noise of a picture: the network.

Noise differs from one pixel to the next, and so do leaves, letters and knitted wool: formulas that
look for the flattest part of a picture, or for the smallest eigenvalue of its patches, take all of
these for noise. A small network is trained to tell them apart. At every place it estimates the
noise level of each channel and its own certainty (high on a wall, low in a tree); the estimate for
the picture is the mean of the levels, weighted with the certainty.

In a colour picture white noise differs between the channels and detail hardly does, which tells one
from the other. Noise that went through a camera and a file is alike in the channels and coarse,
and detail of the same kind is known only by what surrounds it: so every place also learns what the
whole picture is like. A monochrome picture (gray, or toned like an old print) lacks the first cue:
such pictures have convolutions of their own.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Receptive field of the convolutions (the smoothing before them adds one pixel on each side).
# Smaller pictures are mirrored up to it.
RECEPTIVE_FIELD = 45
# Places lie this many pixels apart, and the brightness of a place is the mean of this square in its
# middle.
STRIDE, MIDDLE = 4, 5
# Brightnesses for which the level is told, and how far from each a place still counts, as the
# standard deviation of a Gaussian. A brightness that hardly occurs takes the level of the picture,
# which counts as much as this share of the certainty.
BRIGHTNESSES = (0.1, 0.3, 0.5, 0.7, 0.9)
_BRIGHTNESS_SPREAD, _PICTURE_SHARE = 0.1, 0.02
# Gains that bring the parts of the input to about 1, and the usual standard deviation of noise on
# [0, 255].
_DETAIL_GAIN, _BRIGHTNESS_GAIN, _USUAL_LEVEL = 10.0, 2.0, 20.0
# A picture is monochrome if red and blue are functions of green up to this mean deviation, of 255.
# Toned photographs deviate by up to 0.4, with noise of 75 clipped at white by up to 3, and out of a
# JPEG of quality 75 by up to 6; nine in ten colour photographs deviate by more than 4.5, and with
# noise of 5 all of them by more than 6.
_OTHER_TONES = 4.0


class LocalEstimates(NamedTuple):
    """What is estimated at every fourth pixel.

    Attributes:
        level: Standard deviation of the noise on ``[0, 1]``, ``(B, C, h, w)``; C is 3, or 1 where
            all channels are the same.
        log_weight: Logarithm of the certainty, ``(B, C, h, w)``.
        correlation: Correlation of the noise of neighbouring pixels, likewise: 0 for white noise.
        brightness: In ``[0, 1]``, ``(B, 1, h, w)``.
    """

    level: Tensor
    log_weight: Tensor
    correlation: Tensor
    brightness: Tensor


class NoiseStatistics(NamedTuple):
    """What is estimated of a whole picture.

    Attributes:
        channels: Standard deviation of the noise of red, green and blue on ``[0, 1]``, ``(B, 3)``.
        by_brightness: The same for all channels together, at each of ``BRIGHTNESSES``, ``(B, 5)``.
        correlation: Correlation of the noise of neighbouring pixels, ``(B,)``.
    """

    channels: Tensor
    by_brightness: Tensor
    correlation: Tensor


class NoiseLevelEstimator(nn.Module):
    """A network that estimates the standard deviation of noise from the fine detail of a picture.

    Monochrome pictures go through the gray branch, one channel at a time; all others go through the
    colour branch.

    Args:
        channels: Channels of the convolutions at full, half and quarter resolution.

    Shape:
        - Input: ``(B, 3, H, W)`` in ``[0, 1]``, sides of at least ``RECEPTIVE_FIELD``.
        - Output: ``NoiseStatistics``; levels may be a little below 0 where there is no noise.

    >>> NoiseLevelEstimator()(torch.rand(2, 3, 48, 64)).channels.shape
    torch.Size([2, 3])
    """

    def __init__(self, *, channels: tuple[int, int, int] = (24, 32, 64)) -> None:
        super().__init__()
        self.colour = _Branch(3, channels)
        self.grey = _Branch(1, channels)

    def forward(self, image: Tensor) -> NoiseStatistics:
        monochrome = is_monochrome(image)
        found = [torch.empty(len(image), count, device=image.device) for count in (3, 5, 1)]
        for one_tone in (True, False):  # gray branch, then colour
            if (chosen := monochrome == one_tone).any():
                estimates = self.local_estimates(image[chosen], one_tone=one_tone)
                for part, value in zip(found, summarize(estimates), strict=True):
                    part[chosen] = value.view(len(value), -1)
        return NoiseStatistics(found[0], found[1], found[2].squeeze(1))

    def local_estimates(
        self, image: Tensor, *, one_tone: bool, together: bool = False
    ) -> LocalEstimates:
        """Estimate the noise around every fourth pixel.

        Args:
            image: ``(B, 3, H, W)``, as for the whole network.
            one_tone: Whether to take the channels one by one, see ``is_monochrome``.
            together: Whether the images are parts of one picture.

        Returns:
            Estimates of ``h = (H - RECEPTIVE_FIELD) // 4 + 1`` rows.

        >>> image = torch.rand(1, 3, 45, 69)
        >>> NoiseLevelEstimator().local_estimates(image, one_tone=False).level.shape
        torch.Size([1, 3, 1, 7])
        """
        count, branch = len(image), self.colour
        cut = (RECEPTIVE_FIELD - MIDDLE) // 2
        brightness = image.mean(dim=1, keepdim=True)[..., cut:-cut, cut:-cut]
        brightness = F.avg_pool2d(brightness, MIDDLE, stride=STRIDE)
        if one_tone:  # (B, C, H, W)
            # The channels become a batch: (B * C, 1, H, W).
            image = image[:, :1] if (image == image[:, :1]).all() else image
            image, branch = image.flatten(0, 1).unsqueeze(1), self.grey
        # Detail and brightness are separate inputs: noise of a level or two is lost when both share
        # the few digits of a bfloat16, in which networks are trained.
        smooth = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
        detail = (image - smooth) * _DETAIL_GAIN
        # A third input marks pixels at black or white, where clipping hides part of the noise.
        clipped = ((image <= 0) | (image >= 1)).to(image)
        given = torch.cat([detail, smooth * _BRIGHTNESS_GAIN - 1, clipped], dim=1)
        found = branch(given, count=count, together=together).float()
        levels, others = found[:, :-2], found[:, -2:]
        # Of channels taken one by one, (B * C, ...) becomes (B, C, ...).
        level = levels.reshape(count, -1, *levels.shape[-2:])
        log_weight, correlation = (
            each.reshape(count, -1, *each.shape[-2:]) for each in others.split(1, dim=1)
        )
        return LocalEstimates(
            (level + 1) * (_USUAL_LEVEL / 255),
            log_weight.expand_as(level),
            correlation.expand_as(level),
            brightness,
        )


class _Branch(nn.Module):
    """The convolutions from detail, brightness and clipping of the channels to the estimates."""

    def __init__(self, image_channels: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        full, half, quarter = channels
        self.features = nn.Sequential(
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
            nn.Conv2d(quarter, quarter, 3, dilation=2),
            nn.ReLU(),
            nn.Conv2d(quarter, quarter, 3),
        )
        self.context = nn.Linear(2 * quarter, quarter)
        self.mixed = nn.Conv2d(quarter, quarter, 1)
        self.estimates = nn.Conv2d(quarter, image_channels + 2, 1)

    def forward(self, given: Tensor, *, count: int, together: bool) -> Tensor:
        """Return levels, log weight and correlation, ``(B * C, ...)``.

        The features of a place meet mean and root mean square of all of its image, or of all
        images ``together``, each channel for itself: ``count`` is B.
        """
        features = self.features(given)
        mean, square = features.mean(dim=(2, 3)), features.square().mean(dim=(2, 3))
        if together:
            mean, square = (
                each.unflatten(0, (count, -1)).mean(dim=0).repeat(count, 1)
                for each in (mean, square)
            )
        known = torch.cat([mean, (square + 1e-6).sqrt()], dim=1)
        features = F.relu(features + self.context(known)[..., None, None])
        return self.estimates(F.relu(self.mixed(features)))


def summarize(estimates: LocalEstimates) -> NoiseStatistics:
    """Summarize the estimates of each image, every place weighted with its certainty.

    Notes:
        With levels ``s_i`` and log weights ``a_i``, a channel has ``sum_i w_i s_i`` with
        ``w_i = exp(a_i) / sum_j exp(a_j)``; the level at a brightness ``b`` has weights
        ``w_i exp(-(b_i - b)^2 / (2 * 0.1^2))`` instead.

    >>> level = torch.tensor([[[[0.02, 0.06]]]])
    >>> one = LocalEstimates(level, 0 * level, 0 * level, torch.tensor([[[[0.1, 0.9]]]]))
    >>> found = summarize(one)
    >>> [round(value, 3) for value in found.by_brightness[0].tolist()]
    [0.021, 0.025, 0.04, 0.055, 0.059]
    """
    level, log_weight, correlation = (each.flatten(2) for each in estimates[:3])
    weight = log_weight.softmax(dim=-1)  # (B, C, n)
    channels = (weight * level).sum(dim=-1)  # (B, C)
    near = near_brightness(estimates.brightness)  # (B, 5, n)
    everywhere = channels.mean(dim=1, keepdim=True)
    shared = weight.mean(dim=1)  # (B, n)
    here = (near * (weight * level).mean(dim=1).unsqueeze(1)).sum(dim=-1)
    share = (near * shared.unsqueeze(1)).sum(dim=-1)
    by_brightness = (here + _PICTURE_SHARE * everywhere) / (share + _PICTURE_SHARE)
    return NoiseStatistics(
        channels.expand(-1, 3), by_brightness, (weight * correlation).sum(dim=-1).mean(dim=1)
    )


def near_brightness(brightness: Tensor) -> Tensor:
    """Return how near places ``(B, 1, h, w)`` are to ``BRIGHTNESSES``, ``(B, 5, h * w)``."""
    anchors = torch.tensor(BRIGHTNESSES, device=brightness.device).view(1, -1, 1)
    off = brightness.flatten(2) - anchors
    return torch.exp(-(off**2) / (2 * _BRIGHTNESS_SPREAD**2))


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
