"""Decide which of several blur kernels of one photograph to believe, "no blur" among them.

Each kernel is undone, and the one whose result has the sparsest gradients is taken: edges that are
few and strong. What is measured is the normalised sparsity of Krishnan, Tay and Fergus 2011, "Blind
Deconvolution Using a Normalized Sparsity Measure": the mean magnitude of the gradients against its
root mean square. Blur lowers the root mean square more than the mean, and the rings and the noise
that a wrong kernel brings raise the mean more: either way the ratio rises.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.classical import wiener_deconvolve
from deconv_demo.degradations import SHARP
from deconv_demo.estimation.blur import LARGEST_READ, luma, middle, unit
from deconv_demo.estimation.shake import SHAKE_KERNEL_SIZE, estimate_shake

# Side of the part of a picture that is judged, in pixels; and the least that shows a shake.
LARGEST_JUDGED, SMALLEST_JUDGED = 512, 128
# How the filter is balanced for that: noise must not drown the edges.
JUDGED_BALANCE = 0.02
# Next to the border the results depend on what lies beyond.
RIM = 20
# By how much a kernel must be better than none, in logarithms of the ratio: one that was read off
# the spectrum, which can be of few shapes, one that can be of any, and such a one where nothing was
# read, mostly because the parts of the picture are blurred differently.
READ_HANDICAP, SHAKE_HANDICAP, LONE_SHAKE_HANDICAP = 0.01, 0.02, 0.10
# A shake that correlates so well with what was read adds nothing but noise to it. Of blurs of the
# shapes that are read all but a few did, of shakes none.
ALIKE = 0.87


def best_kernel(image: Tensor, read: Tensor) -> Tensor:
    """Estimate the shake of a picture and return the most believable kernel.

    Args:
        image: ``(1, 3, H, W)``, in ``[0, 1]`` or uint8, any size.
        read: ``(K, K)``, what ``read_blur`` found, ``SHARP`` for nothing; K at most
            ``SHAKE_KERNEL_SIZE``.

    Returns:
        The estimated shake, ``read`` or a single point, of ``SHAKE_KERNEL_SIZE`` a side; ``read``
        as it is where the picture is too small to judge, or where it is ``SHARP`` and no shake is
        believed.
    """
    grey = textured_part(luma(unit(middle(image, LARGEST_READ)))[0], LARGEST_JUDGED)
    if min(grey.shape) < SMALLEST_JUDGED:
        return read
    point, known = _widened(SHARP.to(read)), _widened(read)
    unread = torch.equal(point, known)
    handicaps = [0, READ_HANDICAP, LONE_SHAKE_HANDICAP if unread else SHAKE_HANDICAP]
    kernels = torch.stack([point, known])
    shake = estimate_shake(grey)
    if shake is not None and likeness(shake, known) < ALIKE:
        kernels = torch.cat([kernels, shake[None]])
    costs = normalised_sparsity(grey, kernels) + kernels.new_tensor(handicaps[: len(kernels)])
    best = costs.argmin().item()
    return read if unread and best < 2 else kernels[best]


def likeness(kernel: Tensor, other: Tensor) -> float:
    """Return the largest correlation of two kernels ``(K, K)`` over all shifts, from 0 to 1.

    As in Hu and Yang 2012, "Good Regions to Deblur", equation 6: where a kernel lies says nothing.

    >>> kernel = torch.rand(31, 31)
    >>> round(likeness(kernel, kernel.roll((0, 0), (0, 1))), 4)
    1.0
    """
    size = [2 * side for side in kernel.shape]
    product = torch.fft.rfft2(kernel, s=size) * torch.fft.rfft2(other, s=size).conj()
    return float(torch.fft.irfft2(product, s=size).max() / (kernel.norm() * other.norm()))


def normalised_sparsity(grey: Tensor, kernels: Tensor) -> Tensor:
    """Return how far from sparse the gradients are that each kernel leaves when it is undone.

    Args:
        grey: ``(H, W)`` in ``[0, 1]``.
        kernels: ``(B, K, K)``.

    Returns:
        ``(B,)``: the logarithm of mean magnitude over root mean square, at most 0; lower is better.
    """
    undone = torch.cat(
        [
            wiener_deconvolve(grey[None, None], each[None], balance=JUDGED_BALANCE)
            for each in kernels
        ]
    )[:, 0, RIM:-RIM, RIM:-RIM]
    squares = undone.diff(dim=-1)[:, :-1].square() + undone.diff(dim=-2)[..., :-1].square()
    means = squares.sqrt().mean((1, 2)) / squares.mean((1, 2)).sqrt().clamp_min(1e-12)
    return means.clamp_min(1e-12).log()


def textured_part(plane: Tensor, longest: int) -> Tensor:
    """Return the part of ``(H, W)``, at most ``longest`` a side, where most is to be seen.

    >>> plane = torch.zeros(100, 300)
    >>> plane[40:60, 220:280:2] = 1
    >>> textured_part(plane, 100).sum().item()
    600.0
    """
    step = longest // 4
    height, width = (min(side, longest) for side in plane.shape)
    if (height, width) == tuple(plane.shape):
        return plane
    # Differences are cut off, so that many edges count more than a strong one.
    down, across = plane.diff(dim=0)[:, :-1], plane.diff(dim=1)[:-1]
    steps = down.abs().clamp_max(0.1) + across.abs().clamp_max(0.1)
    sums = F.pad(steps.double().cumsum(0).cumsum(1), (1, 0, 1, 0))
    tops, lefts = (
        sorted({*range(0, side - part, step), side - part})
        for side, part in zip(plane.shape, (height, width), strict=True)
    )

    def seen(place: tuple[int, int]) -> float:
        top, left = place
        below, right = top + height - 1, left + width - 1
        return float(sums[below, right] - sums[top, right] - sums[below, left] + sums[top, left])

    top, left = max(((top, left) for top in tops for left in lefts), key=seen)
    return plane[top : top + height, left : left + width]


def _widened(kernel: Tensor) -> Tensor:
    return F.pad(kernel, ((SHAKE_KERNEL_SIZE - kernel.shape[-1]) // 2,) * 4)
