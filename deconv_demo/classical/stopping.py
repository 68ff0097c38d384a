"""Stopping rules and regularization weights: the discrepancy principle and two searches."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def discrepancy_stop(residuals: Sequence[float], noise_norm: float) -> int | None:
    """Return the first iteration whose residual is no larger than the noise, counted from 1.

    This is the discrepancy principle (Morozov 1966): to fit the observation more closely than the
    noise allows is to fit the noise.

    Args:
        residuals: ``|W x - y|`` of each iterate.
        noise_norm: Expected norm of the noise, its standard deviation times the root of the
            number of values.

    Returns:
        Number of the iteration; None where no iterate came so close.

    >>> discrepancy_stop([9.0, 4.0, 2.0, 1.0], noise_norm=3.0)
    3
    """
    return next((n for n, value in enumerate(residuals, 1) if value <= noise_norm), None)


def noise_norm(observed: Tensor, sigma: float) -> float:
    """Return the expected norm of Gaussian noise and 8-bit rounding in ``observed``."""
    variance = sigma**2 + 1 / (12 * 255**2)
    return math.sqrt(variance * observed.numel())


def logarithmic_grid(low: float, high: float, count: int) -> list[float]:
    """Return ``count`` values from ``low`` to ``high``, each the same multiple of the one before.

    >>> [round(value, 6) for value in logarithmic_grid(0.01, 1, 3)]
    [0.01, 0.1, 1.0]
    """
    ratio = (high / low) ** (1 / (count - 1))
    return [low * ratio**n for n in range(count)]


def random_points(
    count: int,
    first_range: tuple[float, float],
    second_range: tuple[float, float],
    generator: Generator,
) -> list[tuple[float, float]]:
    """Draw points whose logarithms are uniform, as random search does (Bergstra, Bengio 2012)."""
    shares = torch.rand(count, 2, generator=generator).tolist()
    return [
        tuple(
            low * (high / low) ** share
            for share, (low, high) in zip(pair, (first_range, second_range), strict=True)
        )
        for pair in shares
    ]
