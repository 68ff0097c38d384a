"""Blind estimation of the noise of a picture of any size."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from deconv_demo.estimation.flat_blocks import flat_block_noise
from deconv_demo.estimation.noise import (
    BRIGHTNESSES,
    RECEPTIVE_FIELD,
    LocalEstimates,
    NoiseLevelEstimator,
    is_monochrome,
    summarize,
)

# Pictures with a shorter side are too small for an estimate, and mostly icons.
MIN_SIDE = 16
# A larger picture is sampled in up to 4 x 4 blocks of this side, evenly spread: more costs time.
BLOCK, BLOCKS = 128, 4
# Mean level, on [0, 1], from which on it is measured how the channels share it: fainter noise is
# no stronger than what is left of detail in the flattest places.
MIN_SHARED = 3 / 255
# Correlations of neighbours outside of this are those of no grain that could be told.
_MAX_CORRELATION = 0.95
# Full width at half maximum of a Gaussian, in standard deviations.
_WIDTH = 2 * math.sqrt(2 * math.log(2))


@dataclass(frozen=True, kw_only=True)
class NoiseReading:
    """The noise that was estimated of a picture.

    Attributes:
        sigma: Standard deviation over all channels, on ``[0, 1]``.
        channels: That of red, green and blue.
        by_brightness: That of all channels at each of ``estimation.noise.BRIGHTNESSES``.
        correlation: Correlation of the noise of neighbouring pixels, 0 to 1: 0 for white noise.
    """

    sigma: float
    channels: tuple[float, float, float]
    by_brightness: tuple[float, ...]
    correlation: float

    @property
    def grain(self) -> float:
        """Width of a grain in pixels, 1 for white noise.

        White noise that a Gaussian of standard deviation ``s`` has blurred has the correlation
        ``exp(-1 / (4 s^2))`` between neighbours; the width is that of the Gaussian at half its
        height.

        >>> NO_NOISE.grain
        1.0
        """
        if self.correlation <= 0:
            return 1.0
        spread = 1 / (2 * math.sqrt(-math.log(min(self.correlation, _MAX_CORRELATION))))
        return max(1.0, _WIDTH * spread)

    def level_at(self, brightness: np.ndarray) -> np.ndarray:
        """Return the standard deviation for places of a brightness in ``[0, 1]``.

        >>> NO_NOISE.level_at(np.array([0.2, 0.4])).tolist()
        [0.0, 0.0]
        """
        return np.interp(brightness, BRIGHTNESSES, self.by_brightness)


NO_NOISE = NoiseReading(
    sigma=0.0,
    channels=(0.0, 0.0, 0.0),
    by_brightness=(0.0,) * len(BRIGHTNESSES),
    correlation=0.0,
)


@torch.inference_mode()
def read_noise(estimator: NoiseLevelEstimator, pixels: np.ndarray) -> NoiseReading:
    """Estimate the noise of a picture: how strong, where, in which channels, how coarse.

    Args:
        estimator: Network on the CPU.
        pixels: ``(H, W, 3)`` uint8, any size.

    Returns:
        The reading; that of no noise for pictures too small for an estimate.

    Notes:
        The network tells the mean over the channels (``estimation.noise.summarize``), flat places
        how they share it (``estimation.flat_blocks``); ``sigma`` is their root mean square.

    >>> read_noise(NoiseLevelEstimator(), np.zeros((8, 8, 3), np.uint8)).sigma
    0.0
    """
    if min(pixels.shape[:2]) < MIN_SIDE:
        return NO_NOISE
    blocks = torch.from_numpy(np.stack(_spread_blocks(pixels)))  # (N, h, w, 3)
    given = blocks.permute(0, 3, 1, 2).float().div(255)  # (N, 3, h, w)
    given = given.contiguous(memory_format=torch.channels_last)
    # Decided for all blocks together, for the two ways weigh places differently.
    one_tone = bool(is_monochrome(torch.cat(tuple(given), dim=-1)[None]))
    local = estimator.local_estimates(given, one_tone=one_tone, together=True)
    # The places of all blocks in one row: (1, C, 1, n).
    whole = LocalEstimates(
        *(each.transpose(0, 1).reshape(1, each.shape[1], 1, -1) for each in local)
    )
    found = summarize(whole)
    mean = found.channels[0].mean().clamp_min(0).item()
    shares, correlation = np.ones(3), 0.0
    if mean >= MIN_SHARED and (measured := flat_block_noise(pixels)) is not None:
        shares = measured[0] / measured[0].mean()
        correlation = min(max(measured[1], 0.0), _MAX_CORRELATION)
    rms = float(np.sqrt((shares**2).mean()))
    red, green, blue = (mean * shares).tolist()
    return NoiseReading(
        sigma=mean * rms,
        channels=(red, green, blue),
        by_brightness=tuple(rms * level for level in found.by_brightness[0].clamp_min(0).tolist()),
        correlation=correlation,
    )


def estimate_sigma(estimator: NoiseLevelEstimator, pixels: np.ndarray) -> float:
    """Estimate the standard deviation of the noise of a picture, on ``[0, 1]``.

    Args:
        estimator: Network on the CPU.
        pixels: ``(H, W, 3)`` uint8, any size; 0 for pictures too small for an estimate.

    >>> estimate_sigma(NoiseLevelEstimator(), np.zeros((8, 8, 3), np.uint8))
    0.0
    """
    return read_noise(estimator, pixels).sigma


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
