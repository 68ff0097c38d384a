"""Non-blind deconvolution by the Wiener filter, as the guide of the deblurring network."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.degradations import BLUR_KERNEL_SIZE, quantize

# Regularization weight, small because a denoising network follows.
BALANCE = 0.005
# Constant added to the squared Laplacian, without which zeros of a long blur at low frequencies
# ring for hundreds of pixels. Of the values tried, 0.5 gained 0.5 to 1 dB on long motion, and cost
# nothing elsewhere.
FLOOR = 0.5
# The picture is continued by this many pixels and fades over them, so that its borders do not ring.
MARGIN = 2 * BLUR_KERNEL_SIZE


def wiener_deconvolve(
    image: Tensor, kernels: Tensor, *, balance: float = BALANCE, floor: float = FLOOR
) -> Tensor:
    """Deconvolve with known kernels by the Wiener filter, regularized by a Laplacian and a floor.

    ``iterative.wiener_circular`` assumes that the picture repeats and has no floor;
    ``baselines.wiener_skimage`` has no floor either, and a margin that ramps to the mean.

    Args:
        image: ``(B, C, H, W)`` in ``[0, 1]``.
        kernels: ``(B, K, K)``, K odd, each summing to 1.
        balance: Regularization weight; larger is smoother.
        floor: Part of the regularization that is the same at all frequencies.

    Returns:
        ``(B, C, H, W)``, rounded to 8 bits.

    Notes:
        Per frequency, ``X = conj(K) Y / (|K|² + balance (|L|² + floor))`` with the transfer
        functions K of the kernel and L of the Laplacian.

    References:
        Wiener 1949, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series". Hunt
        1973, "The Application of Constrained Least Squares Estimation to Image Restoration by
        Digital Computer".

    >>> point = torch.zeros(1, 25, 25)
    >>> point[0, 12, 12] = 1
    >>> round(wiener_deconvolve(torch.full((1, 3, 8, 8), 0.2), point)[0, 0, 0, 0].item(), 3)
    0.2
    """
    undo = WienerFilter(kernels.to(image), *image.shape[-2:], balance=balance, floor=floor)
    return torch.stack([undo(image[:, channel]) for channel in range(image.shape[1])], dim=1)


class WienerFilter:
    """The filter of ``wiener_deconvolve``, applied to one channel at a time.

    The spectra of one channel of a large photo alone take hundreds of megabytes.

    Args:
        kernels, balance, floor: As for ``wiener_deconvolve``.
        height, width: Sides of the pictures.
    """

    def __init__(
        self,
        kernels: Tensor,
        height: int,
        width: int,
        *,
        balance: float = BALANCE,
        floor: float = FLOOR,
    ) -> None:
        self.size = [fast_length(side + 2 * MARGIN) for side in (height, width)]
        # The origin of the kernel is its centre, so the result lies half a kernel further back.
        start = MARGIN - kernels.shape[-1] // 2
        self.rows, self.columns = slice(start, start + height), slice(start, start + width)
        below, right = (
            whole - side - MARGIN for side, whole in zip((height, width), self.size, strict=True)
        )
        self.margins = (MARGIN, right, MARGIN, below)
        fades = [
            _fade(side, whole, kernels)
            for side, whole in zip((height, width), self.size, strict=True)
        ]
        self.fade = fades[0][:, None] * fades[1][None]
        cost = _laplacian_spectrum(*self.size, like=kernels).square_().add_(floor).mul_(balance)
        transfer = torch.fft.rfft2(kernels, s=self.size)
        self.inverse = transfer.conj_physical().div_(power(transfer).add_(cost))

    def __call__(self, plane: Tensor, mean: Tensor | float | None = None) -> Tensor:
        """Deconvolve one channel, ``(B, height, width)``, and round it to 8 bits.

        Beyond its borders the picture fades into ``mean``; None takes the mean of the channel.
        """
        if mean is None:
            mean = plane.mean((-1, -2), keepdim=True)
        wide = F.pad((plane - mean).unsqueeze(1), self.margins, mode="replicate").squeeze(1)
        spectrum = torch.fft.rfft2(wide.mul_(self.fade)).mul_(self.inverse)
        restored = torch.fft.irfft2(spectrum, s=self.size)
        return quantize(restored[..., self.rows, self.columns] + mean)


def power(spectrum: Tensor) -> Tensor:
    """Return the squared magnitude of a spectrum."""
    return spectrum.real.square() + spectrum.imag.square()


def _laplacian_spectrum(height: int, width: int, *, like: Tensor) -> Tensor:
    """Return the ``rfft2`` of the kernel 0 -1 0 / -1 4 -1 / 0 -1 0, centred at the origin."""
    rows = torch.fft.fftfreq(height, device=like.device, dtype=like.dtype)
    columns = torch.fft.rfftfreq(width, device=like.device, dtype=like.dtype)
    down, across = (2 - 2 * (2 * math.pi * along).cos() for along in (rows, columns))
    return down[:, None] + across[None]


def _fade(side: int, whole: int, like: Tensor) -> Tensor:
    """Return a window of 1 over a picture's side from ``MARGIN`` on, falling to 0 at the ends."""
    place = torch.arange(whole, device=like.device, dtype=like.dtype)
    rise, fall = place / MARGIN, (whole - 1 - place) / (whole - side - MARGIN)
    return torch.minimum(rise, fall).clamp(0, 1)


def fast_length(least: int) -> int:
    """Return the next fast length for Fourier transforms: 8 times prime factors up to 5."""
    length = -(-least // 8) * 8
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 8
