"""Non-blind deconvolution: iterations that stop, closed forms, and the operators they invert.

A blur is a linear map W, and a transposed convolution is its adjoint Wᵀ: one step towards the
solution, not the solution. The iterations here are generators, so that each step can be
inspected; all of them accept any operator with ``forward`` and ``adjoint``.

References:
    Landweber 1951, "An iteration formula for Fredholm integral equations of the first kind".
    Hestenes and Stiefel 1952, "Methods of Conjugate Gradients for Solving Linear Systems".
    Tikhonov 1963, "Solution of incorrectly formulated problems and the regularization method".
    Richardson 1972, "Bayesian-Based Iterative Method of Image Restoration". Lucy 1974, "An
    iterative technique for the rectification of observed distributions". Donoho 1995,
    "De-noising by soft-thresholding". Figueiredo and Nowak 2003, "An EM algorithm for
    wavelet-based image restoration". Daubechies, Defrise and De Mol 2004, "An iterative
    thresholding algorithm for linear inverse problems with a sparsity constraint".
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
    """A convolution with zeros beyond the border (``F.conv2d``), one kernel for every channel.

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
    """A convolution of a picture that repeats beyond its border, computed by Fourier transform.

    ``forward`` equals ``F.conv2d`` and ``adjoint`` equals ``F.conv_transpose2d`` on the circularly
    continued picture; the transform turns both into one product for every frequency, so that
    a hundred iterations on a small photo take a fraction of a second.

    Args:
        kernel: ``(K, K)``, K odd and at most the sides of the picture.
        height, width: Sides of the picture.

    >>> blur = CircularConvolution(torch.full((3, 3), 1 / 9), 8, 8)
    >>> blur.forward(torch.ones(1, 8, 8)).sum().round().item()
    64.0
    """

    def __init__(self, kernel: Tensor, height: int, width: int) -> None:
        self.kernel, self.size = kernel, (height, width)
        side = kernel.shape[-1]
        whole = F.pad(kernel, (0, width - side, 0, height - side))
        # The centre goes to the corner, where the transform has its origin. conv2d correlates,
        # which is the conjugate of the kernel's transform.
        whole = whole.roll((-(side // 2), -(side // 2)), dims=(0, 1))
        self.transfer = torch.fft.rfft2(whole).conj()
        # Factor of Wᵀ W at every frequency; the largest is the squared norm of W.
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
    """Iterate gradient descent on ``|W x - y|² + lam |x|²`` from zero, without end.

    Yields:
        Each iterate, of the shape of ``Wᵀ observed``.

    Notes:
        ``x <- x + step (Wᵀ (y - W x) - lam x)`` (Landweber 1951). The objective falls at every
        step as long as ``step < 2 / (|W|² + lam)``. The first iterate is ``step Wᵀ y``: one
        transposed convolution.
    """
    estimate = step * operator.adjoint(observed)
    while True:
        yield estimate
        gradient = operator.adjoint(observed - operator.forward(estimate))
        estimate = estimate + step * (gradient - lam * estimate)


def richardson_lucy(operator: LinearOperator, observed: Tensor) -> Iterator[Tensor]:
    """Iterate Richardson-Lucy: multiply by the back-projected ratio of observation and prediction.

    Yields:
        Each iterate, without end.

    Notes:
        ``x <- x · Wᵀ (y / W x)`` from 0.5 everywhere (Richardson 1972, Lucy 1974), for a kernel
        that is not negative and sums to 1. An estimate never turns negative.
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

    In exact arithmetic it reaches the Tikhonov solution after as many steps as there are distinct
    eigenvalues (Hestenes and Stiefel 1952), and it ends by itself once it has converged.

    Yields:
        Each iterate.
    """
    residual = observed.clone()
    descent = operator.adjoint(observed)
    estimate, direction = torch.zeros_like(descent), descent
    energy = descent.square().sum()
    # Below this the gradient is rounding error, and following it would lead away again.
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
    """Iterate a Landweber step and a soft threshold on wavelet coefficients (ISTA), without end.

    Args:
        operator: Blur W with ``step |W|² <= 1``.
        observed: ``(C, H, W)``, both sides multiples of 8.
        step: Step size of the descent.
        threshold: Amount by which every detail coefficient moves towards zero.
        generator: Source of the random shifts.

    Notes:
        ``x <- T(x + step Wᵀ (y - W x))`` decreases ``|W x - y|² / 2 + (threshold / step) |c|₁``
        with wavelet coefficients ``c`` (Daubechies, Defrise and De Mol 2004). A random shift before
        each transform replaces cycle spinning (Figueiredo and Nowak 2003).
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
    """Shrink every wavelet detail coefficient of ``(C, H, W)`` by ``threshold`` (Donoho 1995).

    The transform has three levels of an orthogonal wavelet (db4), fewer for a small picture, and
    assumes that the picture repeats; sides are multiples of 8.
    """
    import pywt

    options = {"wavelet": "db4", "mode": "periodization", "axes": (-2, -1)}
    levels = min(3, pywt.dwt_max_level(min(image.shape[-2:]), "db4"))
    coarse, *details = pywt.wavedec2(image.numpy(), level=levels, **options)
    shrunk = [tuple(pywt.threshold(part, threshold, "soft") for part in level) for level in details]
    return torch.from_numpy(pywt.waverec2([coarse, *shrunk], **options))


def tikhonov(blur: CircularConvolution, observed: Tensor, lam: float) -> Tensor:
    """Return the minimizer of ``|W x - y|² + lam |x|²`` in closed form (Tikhonov 1963).

    Per frequency it is ``conj(K) Y / (|K|² + lam)``. With ``lam`` 0 it divides by frequencies
    that the blur has all but removed, and noise fills the picture.
    """
    return blur.filter(observed, blur.transfer.conj() / (blur.gain + lam))


def wiener_circular(blur: CircularConvolution, observed: Tensor, balance: float) -> Tensor:
    """Apply the Wiener filter of a picture that repeats beyond its border.

    Per frequency it is ``conj(K) Y / (|K|² + balance |L|²)``. In place of ``balance |L|²`` Wiener
    1949 has the ratio of the power spectra of noise and picture, which is unknown; as in
    ``skimage.restoration.wiener`` the Laplacian L models it, because natural pictures have less
    power at high frequencies.
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
    taken = step * damped  # fraction of the remaining error that each step removes
    # The logarithm keeps digits that a power would round away where a step removes very little.
    slow = -torch.expm1(iterations * torch.log1p(-taken.clamp(max=0.5)))
    share = torch.where(taken < 0.5, slow, 1 - (1 - taken) ** iterations)
    return blur.filter(observed, blur.transfer.conj() * share / damped.clamp(min=_TINY))


def take(iterates: Iterable[Tensor], count: int) -> list[Tensor]:
    """Return the first ``count`` iterates, fewer where the iteration ends by itself."""
    return list(itertools.islice(iterates, count))
