"""Undo a blur that is known, by the Wiener filter."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.degradations import BLUR_KERNEL_SIZE, quantise

# What noise costs against blur in the filter: little, since a network that takes away noise
# comes after it.
BALANCE = 0.005
# The cost of noise that all frequencies share. Without it the filter answers for hundreds of
# pixels where a long blur has a zero at a low frequency; of the values tried this one brought
# long motion nearest to the truth, by 0.5 to 1 dB, and cost nothing elsewhere.
FLOOR = 0.5
# Beyond the picture it goes on for so many pixels and fades, so that its borders do not ring.
MARGIN = 2 * BLUR_KERNEL_SIZE


def wiener_deconvolve(
    image: Tensor, kernels: Tensor, *, balance: float = BALANCE, floor: float = FLOOR
) -> Tensor:
    """Undo a blur by the Wiener filter, with a Laplacian and a floor to hold noise down.

    Args:
        image: ``(B, C, H, W)`` in ``[0, 1]``.
        kernels: ``(B, K, K)``, K odd, each summing to 1.
        balance: What noise costs against blur; larger is smoother.
        floor: The share of that cost which does not rise with the frequency.

    Returns:
        ``(B, C, H, W)``, rounded to 8 bits.

    >>> point = torch.zeros(1, 25, 25)
    >>> point[0, 12, 12] = 1
    >>> round(wiener_deconvolve(torch.full((1, 3, 8, 8), 0.2), point)[0, 0, 0, 0].item(), 3)
    0.2
    """
    undo = WienerFilter(kernels.to(image), *image.shape[-2:], balance=balance, floor=floor)
    return torch.stack([undo(image[:, channel]) for channel in range(image.shape[1])], dim=1)


class WienerFilter:
    """The filter of ``wiener_deconvolve``, to be called for one channel after the other.

    Of a large photo the spectra of one channel alone take hundreds of megabytes.

    Args:
        kernels, balance, floor: As for ``wiener_deconvolve``.
        height, width: Of the pictures.
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
        # The kernel's middle is its origin, so what comes out lies that much further back.
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
        """Undo the blur of one channel, ``(B, height, width)``; rounded to 8 bits.

        Beyond its borders the picture fades into ``mean``; None takes its own.
        """
        if mean is None:
            mean = plane.mean((-1, -2), keepdim=True)
        wide = F.pad((plane - mean).unsqueeze(1), self.margins, mode="replicate").squeeze(1)
        spectrum = torch.fft.rfft2(wide.mul_(self.fade)).mul_(self.inverse)
        restored = torch.fft.irfft2(spectrum, s=self.size)
        return quantise(restored[..., self.rows, self.columns] + mean)


def power(spectrum: Tensor) -> Tensor:
    """Return the squared magnitude of a spectrum."""
    return spectrum.real.square() + spectrum.imag.square()


def _laplacian_spectrum(height: int, width: int, *, like: Tensor) -> Tensor:
    """What ``rfft2`` would say of the kernel 0 -1 0 / -1 4 -1 / 0 -1 0 about its middle."""
    rows = torch.fft.fftfreq(height, device=like.device, dtype=like.dtype)
    columns = torch.fft.rfftfreq(width, device=like.device, dtype=like.dtype)
    down, across = (2 - 2 * (2 * math.pi * along).cos() for along in (rows, columns))
    return down[:, None] + across[None]


def _fade(side: int, whole: int, like: Tensor) -> Tensor:
    """1 over a picture's side that begins at ``MARGIN``, falling to 0 at both ends."""
    place = torch.arange(whole, device=like.device, dtype=like.dtype)
    rise, fall = place / MARGIN, (whole - 1 - place) / (whole - side - MARGIN)
    return torch.minimum(rise, fall).clamp(0, 1)


def fast_length(least: int) -> int:
    """The next length for which Fourier transforms are quick: 8 times small prime factors."""
    length = -(-least // 8) * 8
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 8
