"""Undoing a known blur: iterations that stop, closed forms, and the operators they invert.

A blur is a linear map W, and a transposed convolution is its adjoint Wᵀ: one step towards the
solution, not the solution. The iterations here are generators, so that each step can be
looked at; every one of them takes any operator with ``forward`` and ``adjoint``.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

# Keeps a division by a prediction of zero finite; the value scikit-image uses.
_TINY = 1e-12


class LinearOperator(Protocol):
    """A linear map W and its adjoint Wᵀ: ``<W x, y> = <x, Wᵀ y>``."""

    def forward(self, image: Tensor) -> Tensor:
        """Return W x."""

    def adjoint(self, observed: Tensor) -> Tensor:
        """Return Wᵀ y."""


@dataclass(frozen=True)
class Convolution:
    """``F.conv2d`` with zeros beyond the border, one kernel for every channel.

    Its adjoint is ``F.conv_transpose2d`` with the same kernel, stride and padding.

    Attributes:
        kernel: ``(K, K)``, K odd.
    """

    kernel: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """Return W x for ``(C, H, W)``, of the same size."""
        return self._each(F.conv2d, image)

    def adjoint(self, observed: Tensor) -> Tensor:
        """Return Wᵀ y for ``(C, H, W)``, of the same size."""
        return self._each(F.conv_transpose2d, observed)

    def matrix(self, height: int, width: int) -> Tensor:
        """Return W itself, ``(height * width, height * width)``: column i is W times pixel i."""
        pixels = torch.eye(height * width, dtype=self.kernel.dtype)
        return self.forward(pixels.view(-1, height, width)).flatten(1).T

    def _each(self, convolve: Callable[..., Tensor], image: Tensor) -> Tensor:
        radius = self.kernel.shape[-1] // 2
        kernel = self.kernel.to(image)[None, None]
        return convolve(image.unsqueeze(1), kernel, padding=radius).squeeze(1)


class CircularConvolution:
    """The same for a picture that repeats beyond its border, computed by Fourier transform.

    ``forward`` equals ``F.conv2d`` and ``adjoint`` equals ``F.conv_transpose2d`` on the circularly
    continued picture; the transform turns both into one product for every frequency, so that
    a hundred iterations on a small photo take a fraction of a second.

    Args:
        kernel: ``(K, K)``, K odd and at most the sides of the picture.
        height, width: Of the picture.

    >>> blur = CircularConvolution(torch.full((3, 3), 1 / 9), 8, 8)
    >>> blur.forward(torch.ones(1, 8, 8)).sum().round().item()
    64.0
    """

    def __init__(self, kernel: Tensor, height: int, width: int) -> None:
        self.kernel, self.size = kernel, (height, width)
        side = kernel.shape[-1]
        whole = F.pad(kernel, (0, width - side, 0, height - side))
        # Its centre to the corner, where the transform has its origin. conv2d correlates, which
        # is the conjugate of the kernel's transform.
        whole = whole.roll((-(side // 2), -(side // 2)), dims=(0, 1))
        self.transfer = torch.fft.rfft2(whole).conj()
        # What every frequency is multiplied with by Wᵀ W; the largest is the squared norm of W.
        self.gain = self.transfer.abs().square()

    @property
    def squared_norm(self) -> float:
        """The largest eigenvalue of Wᵀ W."""
        return self.gain.max().item()

    def forward(self, image: Tensor) -> Tensor:
        """Return W x for ``(..., H, W)``."""
        return self.filter(image, self.transfer)

    def adjoint(self, observed: Tensor) -> Tensor:
        """Return Wᵀ y for ``(..., H, W)``."""
        return self.filter(observed, self.transfer.conj())

    def filter(self, image: Tensor, factors: Tensor) -> Tensor:
        """Multiply every frequency of ``(..., H, W)`` with its factor, ``(H, W // 2 + 1)``."""
        return torch.fft.irfft2(torch.fft.rfft2(image) * factors, s=self.size)


def landweber(
    operator: LinearOperator, observed: Tensor, *, step: float, lam: float = 0.0
) -> Iterator[Tensor]:
    """Gradient descent on ``|W x - y|² + lam |x|²`` from zero, without end.

    ``x <- x + step (Wᵀ (y - W x) - lam x)`` (Landweber 1951). The sum of both terms
    falls at every step as long as ``step`` stays below 2 / (norm of W squared + regulariser). The
    first iterate is ``step Wᵀ y``: one transposed convolution.

    Yields:
        Each iterate, of the shape of ``Wᵀ observed``.
    """
    estimate = step * operator.adjoint(observed)
    while True:
        yield estimate
        gradient = operator.adjoint(observed - operator.forward(estimate))
        estimate = estimate + step * (gradient - lam * estimate)


def richardson_lucy(operator: LinearOperator, observed: Tensor) -> Iterator[Tensor]:
    """Multiply with what the observation exceeds the prediction by, without end.

    ``x <- x · Wᵀ (y / W x)`` from 0.5 everywhere (Richardson 1972, Lucy 1974), for a kernel that
    is not negative and sums to 1. An estimate never turns negative.

    Yields:
        Each iterate.
    """
    estimate = torch.full_like(observed, 0.5)
    while True:
        ratio = observed / (operator.forward(estimate) + _TINY)
        estimate = estimate * operator.adjoint(ratio)
        yield estimate


def conjugate_gradient(
    operator: LinearOperator, observed: Tensor, *, lam: float = 0.0
) -> Iterator[Tensor]:
    """Solve ``(Wᵀ W + lam) x = Wᵀ y`` by conjugate gradients (CGLS) from zero.

    Hestenes and Stiefel 1952. In exact arithmetic it ends at the Tikhonov solution after as
    many steps as there are distinct eigenvalues; it ends by itself when nothing is left to do.

    Yields:
        Each iterate.
    """
    residual = observed.clone()
    descent = operator.adjoint(observed)
    estimate, direction = torch.zeros_like(descent), descent
    energy = descent.square().sum()
    # Below this the gradient is rounding, and to follow it would lead away again.
    enough = energy * torch.finfo(observed.dtype).eps ** 1.5
    while energy > enough:
        image = operator.forward(direction)
        curvature = image.square().sum() + lam * direction.square().sum()
        length = energy / curvature
        estimate = estimate + length * direction
        yield estimate
        residual = residual - length * image
        descent = operator.adjoint(residual) - lam * estimate
        energy, former = descent.square().sum(), energy
        direction = descent + energy / former * direction


def ista_wavelets(
    operator: LinearOperator,
    observed: Tensor,
    *,
    step: float,
    threshold: float,
    generator: Generator,
) -> Iterator[Tensor]:
    """Landweber's step, then a soft threshold on wavelet coefficients, without end.

    Iterative soft thresholding (Daubechies, Defrise and De Mol 2004): it makes
    ``|W x - y|² / 2`` plus the sum of absolute coefficients, times ``threshold / step``, smaller.
    Each step shifts the picture at random before the transform, which spins the cycles as it goes
    (Figueiredo and Nowak 2003).

    Args:
        operator: Its norm squared times ``step`` at most 1.
        observed: ``(C, H, W)``, both sides multiples of 8.
        step: Of the descent.
        threshold: What every detail coefficient is moved towards zero by.
        generator: Of the shifts.
    """
    estimate = torch.zeros_like(operator.adjoint(observed))
    while True:
        gradient = operator.adjoint(observed - operator.forward(estimate))
        shift = torch.randint(8, (2,), generator=generator).tolist()
        moved = (estimate + step * gradient).roll(shift, dims=(-2, -1))
        estimate = soft_threshold_wavelets(moved, threshold).roll(
            [-n for n in shift], dims=(-2, -1)
        )
        yield estimate


def soft_threshold_wavelets(image: Tensor, threshold: float) -> Tensor:
    """Move every detail coefficient of ``(C, H, W)`` towards zero by ``threshold`` (Donoho 1995).

    Three levels of an orthogonal wavelet (db4) on a picture that repeats, fewer where it is
    small; sides are multiples of 8.
    """
    import pywt

    options = {"wavelet": "db4", "mode": "periodization", "axes": (-2, -1)}
    levels = min(3, pywt.dwt_max_level(min(image.shape[-2:]), "db4"))
    coarse, *details = pywt.wavedec2(image.numpy(), level=levels, **options)
    shrunk = [tuple(pywt.threshold(part, threshold, "soft") for part in level) for level in details]
    return torch.from_numpy(pywt.waverec2([coarse, *shrunk], **options))


def tikhonov(blur: CircularConvolution, observed: Tensor, lam: float) -> Tensor:
    """Return the x that makes ``|W x - y|² + lam |x|²`` smallest, in closed form.

    Tikhonov 1963. With ``lam`` 0 it divides by frequencies that the blur has all but
    taken away, and noise fills the picture.
    """
    return blur.filter(observed, blur.transfer.conj() / (blur.gain + lam))


def wiener_circular(blur: CircularConvolution, observed: Tensor, balance: float) -> Tensor:
    """Wiener filter with the roughness of the picture as prior.

    Wiener 1949 divides the noise by the spectrum of the picture, which nobody knows; as in
    ``skimage.restoration.wiener``, ``balance`` times the squared transform of the Laplacian stands
    for that ratio, because natural pictures have less of the fine than of the coarse.
    """
    laplacian = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]).to(observed)
    roughness = CircularConvolution(laplacian, *blur.size).gain
    return blur.filter(observed, blur.transfer.conj() / (blur.gain + balance * roughness))


def landweber_closed_form(
    blur: CircularConvolution,
    observed: Tensor,
    *,
    step: float,
    iterations: int,
    lam: float = 0.0,
) -> Tensor:
    """Return iterate number ``iterations`` of ``landweber`` without the ones before it.

    For each frequency the iteration is a geometric series:
    ``(1 - (1 - step (gain + lam))^n) / (gain + lam)``.
    """
    damped = blur.gain + lam
    taken = step * damped  # of what is missing, in each step
    # The logarithm keeps what a power would round away where a step takes next to nothing.
    slow = -torch.expm1(iterations * torch.log1p(-taken.clamp(max=0.5)))
    share = torch.where(taken < 0.5, slow, 1 - (1 - taken) ** iterations)
    return blur.filter(observed, blur.transfer.conj() * share / damped.clamp(min=_TINY))


def take(iterates: Iterable[Tensor], count: int) -> list[Tensor]:
    """Return the first ``count`` iterates, fewer where the iteration ends by itself."""
    return list(itertools.islice(iterates, count))
