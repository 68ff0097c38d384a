"""Tidy an estimated blur kernel, and compare two."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Of a kernel's largest share, what is noise; and of its whole, what a speck may hold at most.
MIN_FRACTION, MAX_SPECK = 0.02, 0.01


def without_specks(kernel: Tensor) -> Tensor:
    """Remove from a kernel what is faint and the parts of it that hold little, and norm it.

    Parts are connected over sides and corners. A path is one, but where the camera was fast it may
    be too faint to be seen.

    >>> kernel = torch.zeros(5, 5)
    >>> kernel[0, 0], kernel[2, 2], kernel[3, 3] = 0.005, 0.5, 0.48
    >>> [round(share, 2) for share in without_specks(kernel).diag().tolist()]
    [0.0, 0.0, 0.51, 0.49, 0.0]
    """
    kernel = kernel * (kernel >= MIN_FRACTION * kernel.max())
    filled = kernel > 0
    names = torch.arange(1.0, kernel.numel() + 1, device=kernel.device).view_as(kernel) * filled
    while True:
        spread = F.max_pool2d(names[None, None], 3, 1, 1)[0, 0] * filled
        if torch.equal(spread, names):
            break
        names = spread
    held = kernel.new_zeros(kernel.numel() + 1)
    held.index_add_(0, names.long().flatten(), kernel.flatten())
    kernel = kernel * (held[names.long()] > MAX_SPECK * kernel.sum())
    return kernel / kernel.sum().clamp_min(1e-12)


def centered(kernel: Tensor) -> Tensor:
    """Shift a kernel by whole pixels so that its centre of mass lies in its middle pixel.

    What undoes it then does not shift the picture.

    >>> kernel = torch.zeros(5, 5)
    >>> kernel[0, 1] = 1
    >>> centered(kernel).argmax().item()
    12
    """
    side = kernel.shape[-1]
    offsets = torch.arange(side, device=kernel.device) - side // 2
    down, across = (round(float((kernel.sum(axis) * offsets).sum())) for axis in (1, 0))
    wide = F.pad(kernel, (side,) * 4)
    moved = wide[side + down : 2 * side + down, side + across : 2 * side + across]
    return moved / moved.sum()


def widened(kernel: Tensor, side: int) -> Tensor:
    """Return a kernel ``(K, K)`` in the middle of ``side`` rows and columns, both odd.

    >>> widened(torch.ones(1, 1), 3).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return F.pad(kernel, ((side - kernel.shape[-1]) // 2,) * 4)


def kernel_similarity(kernel: Tensor, other: Tensor) -> float:
    """Return the largest correlation of two kernels ``(K, K)`` over all shifts, from 0 to 1.

    As in Hu and Yang 2012, "Good Regions to Deblur", equation 6: where a kernel lies says nothing.

    >>> kernel = torch.rand(31, 31)
    >>> round(kernel_similarity(kernel, kernel.roll((0, 0), (0, 1))), 4)
    1.0
    """
    size = [2 * side for side in kernel.shape]
    product = torch.fft.rfft2(kernel, s=size) * torch.fft.rfft2(other, s=size).conj()
    return float(torch.fft.irfft2(product, s=size).max() / (kernel.norm() * other.norm()))


def spread(kernel: Tensor) -> float:
    """Return how wide a kernel is, in pixels: as wide as a disc of the same mean square radius.

    >>> spread(torch.ones(1, 1))
    0.0
    >>> from deconv_demo.degradations import defocus_kernel
    >>> round(spread(defocus_kernel(4.0)))
    8
    """
    rows, columns = (
        torch.arange(side, dtype=torch.float32, device=kernel.device) for side in kernel.shape
    )
    weights = kernel / kernel.sum()
    down, across = weights.sum(1), weights.sum(0)
    variance = sum(
        float((part * places.square()).sum() - (part * places).sum().square())
        for part, places in ((down, rows), (across, columns))
    )
    # A disc of radius r has a mean square radius of r^2 / 2.
    return 2 * (2 * max(variance, 0.0)) ** 0.5
