"""A meter of checkerboard artifacts: the energy of a map at the frequencies of the stride."""

import math

import torch
from torch import Tensor

# Value of the meter where a picture has no grid, and its largest value, in decibels.
NEUTRAL_DB = 0.0
CEILING_DB = 60.0

# Side of the squares whose spectra are averaged, in periods. It is short enough that a grid whose
# strength follows the picture stays in step within one, and long enough that natural spectra,
# which fall with frequency, are nearly straight between the neighbours of a peak.
_PERIODS, _MIN_PERIODS = 16, 8
# A Hann window spreads a peak over the next bin; neighbours start behind it.
_NEAREST, _FARTHEST = 2, 7
_DEEPEST_DENT = math.log(4)


def checkerboard_db(values: Tensor, stride: int) -> float:
    """Measure the energy of a spectrum at multiples of ``1 / stride`` against its neighbourhood.

    A transposed convolution whose output pixels get unequal numbers of contributions leaves a
    grid of period ``stride`` (Odena, Dumoulin and Olah 2016). It appears in the power spectrum as
    peaks at the frequencies ``(i / stride, j / stride)`` cycles a pixel, ``i`` and ``j`` not both
    zero.

    Args:
        values: One picture or its feature maps, ``(..., H, W)``, any range, any size: squares
            are laid so that the last one ends at the border.
        stride: Period of the grid in pixels of ``values``, at least 2.

    Returns:
        Mean over the peaks of peak / baseline, in decibels. ``NEUTRAL_DB`` for white noise
        (to a decibel, on a picture of 128 x 128 and more) and for constant values, within 2 or 3
        for photographs; more for a grid, at most ``CEILING_DB``; less where a filter has cut
        these very frequencies out. ``math.nan`` where a side is shorter than
        ``8 * stride``: too few periods for a measurement.

    Raises:
        ValueError: ``stride`` is below 2: there is no grid of period 1.

    Notes:
        ``10 log10(mean_p exp(S(p) - B(p)))`` over the peaks ``p``. ``S`` is the log of the power
        spectrum, averaged over channels and half-overlapping squares of ``16 * stride`` pixels,
        each without its mean and under a Hann window, so that neither brightness nor borders leak.

        ``B``, the baseline of a peak, is the larger of two estimates, along its row and along its
        column (horizontal and vertical edges of a photograph fill such a line and are no grid),
        each from bins 2 to 7 on both sides. Where ``S`` falls towards the peak, a linear fit is
        extrapolated to it, at most 6 dB below the mean of those bins: the spectrum of a photograph
        has a dent at half a cycle a pixel, where it meets its own mirror image.

    References:
        Odena, Dumoulin and Olah 2016, "Deconvolution and Checkerboard Artifacts". Welch 1967, "The
        use of fast Fourier transform for the estimation of power spectra".

    >>> noise = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(0))
    >>> grid = noise.clone()
    >>> grid[:, ::2, ::2] += 1
    >>> abs(checkerboard_db(noise, 2)) < 1 and checkerboard_db(grid, 2) > 10
    True
    """
    if stride < 2:
        raise ValueError(f"a grid has a period of at least 2 pixels, got stride {stride}")
    height, width = values.shape[-2:]
    periods = min(_PERIODS, height // stride, width // stride)
    if periods < _MIN_PERIODS:
        return math.nan
    side = periods * stride
    spectrum = log_spectrum(values, side)
    # The bin ``periods`` away may be zero frequency, whose mean was removed.
    distances = torch.arange(_NEAREST, min(_FARTHEST + 1, periods - 1))
    lines = [(row, column) for row in range(0, side, periods) for column in range(0, side, periods)]
    ratios = [
        math.exp(spectrum[row, column] - _around(spectrum, row, column, distances))
        for row, column in lines[1:]
    ]
    return min(10 * math.log10(sum(ratios) / len(ratios)), CEILING_DB)


def _around(spectrum: Tensor, row: int, column: int, distances: Tensor) -> float:
    """Return the baseline of one peak of the log spectrum, from its row and its column."""
    side, x = len(spectrum), distances.double()
    # Weights that give the value at 0 of a line fitted to values at x.
    weights = 1 / len(x) - x.mean() * (x - x.mean()) / (x - x.mean()).square().sum()
    level, upright = (
        (line[(at - distances) % side] + line[(at + distances) % side]) / 2
        for line, at in ((spectrum[row], column), (spectrum[:, column], row))
    )
    # Where a peak has a broad foot, the fit climbs towards it: that is the grid itself, and the
    # mean limits it. Where a filter has its zero, the fit falls without end.
    return max(
        min(max((y @ weights).item(), y.mean().item() - _DEEPEST_DENT), y.mean().item())
        for y in (level, upright)
    )


def log_spectrum(values: Tensor, side: int) -> Tensor:
    """Return the natural logarithm of the mean power spectrum that the meter uses.

    Args:
        values: ``(..., H, W)``.
        side: Side of the squares whose spectra are averaged, at most ``min(H, W)``.

    Returns:
        ``(side, side)`` float64, zero frequency at ``[0, 0]``; bin ``k`` of an axis is the
        frequency ``k / side`` cycles a pixel.

    >>> log_spectrum(torch.rand(3, 70, 64), 32).shape
    torch.Size([32, 32])
    """
    planes = values.detach().reshape(-1, *values.shape[-2:])
    window = torch.hann_window(side, periodic=True, device=planes.device)
    window = window[:, None] * window
    tops, lefts = (_starts(length, side) for length in planes.shape[-2:])
    half = torch.zeros(side, side // 2 + 1, dtype=torch.float64, device=planes.device)
    for plane in planes.float():  # one by one: their spectra together are many times the planes
        squares = torch.stack(
            [plane[top : top + side, left : left + side] for top in tops for left in lefts]
        )
        squares = squares - (squares * window).sum(dim=(1, 2), keepdim=True) / window.sum()
        half += torch.fft.rfft2(squares * window).abs().square().sum(dim=0)
    # The spectrum of real values is the same at (-row, -column).
    backwards = -torch.arange(side) % side
    power = torch.cat([half, half[backwards][:, 1 : (side + 1) // 2].flip(1)], dim=1).cpu()
    # Anything below a part in 10^12 is rounding, the only content of a flat map.
    return (power + 1e-12 * power.sum() + torch.finfo(power.dtype).tiny).log()


def _starts(length: int, side: int) -> list[int]:
    starts = list(range(0, length - side + 1, side // 2))
    return starts if starts[-1] == length - side else [*starts, length - side]
