"""Blur kernels that a visitor or a program tells: by a name and sizes, as a path, or as weights."""

import json
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.degradations import SHAKE_KERNEL_SIZE, defocus_kernel, draw_path, gaussian_kernel

# Smallest and largest length of a straight path, radius of a disc and sigma of a Gaussian.
STRAIGHT, DISC, GAUSSIAN = (1.0, 29.0), (0.5, 8.0), (0.3, 4.0)
SIZES = {"straight": STRAIGHT, "disc": DISC, "gaussian": GAUSSIAN}
# Points of a path for each pixel of its length: as many that no pixel between two is missed.
_POINTS_PER_PIXEL = 8
_MAX_TEXT, _MAX_POINTS = 40_000, 5_000
HOW = (
    "write straight:LENGTH:ANGLE (pixels, degrees), disc:RADIUS, gaussian:SIGMA, path:POINTS or "
    f"weights (both as JSON), up to {SHAKE_KERNEL_SIZE} x {SHAKE_KERNEL_SIZE}"
)


class KernelError(ValueError):
    """What was told is no blur kernel; the text says what was expected.

    Attributes:
        is_missing: Whether nothing was told at all.
    """

    is_missing = False


class NoKernelError(KernelError):
    """A blur was to be told, and none was."""

    is_missing = True


def known_kernel(weights: Tensor | Sequence[Sequence[float]]) -> Tensor:
    """Return weights as a blur kernel: odd, its centre of mass in the middle, its sum 1.

    Args:
        weights: ``(H, W)``, at least 0, up to ``SHAKE_KERNEL_SIZE`` a side.

    Returns:
        ``(SHAKE_KERNEL_SIZE, SHAKE_KERNEL_SIZE)``.

    Raises:
        KernelError: These are no weights of a kernel.

    >>> known_kernel([[1, 1]]).sum().item()
    1.0
    """
    try:
        kernel = torch.as_tensor(weights, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise KernelError("a blur kernel is a table of numbers, every row equally long") from error
    side = SHAKE_KERNEL_SIZE
    if kernel.dim() != 2 or not 1 <= max(kernel.shape) <= side or not min(kernel.shape):
        raise KernelError(
            f"a blur kernel has 1 to {side} rows and columns, got {tuple(kernel.shape)}"
        )
    if not kernel.isfinite().all() or kernel.min() < 0 or not 0 < kernel.sum() < math.inf:
        raise KernelError("the weights of a blur kernel are at least 0, and not all of them 0")
    kernel = kernel / kernel.sum()
    rows, columns = kernel.nonzero().unbind(1)
    top, left = (
        _first_place(kernel.sum(dim=1 - axis), places)
        for axis, places in enumerate((rows, columns))
    )
    tight = kernel[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    below, right = side - top - tight.shape[0], side - left - tight.shape[1]
    return F.pad(tight, (left, right, top, below))


def _first_place(weights: Tensor, places: Tensor) -> int:
    """Return where what is not 0 begins, its centre of mass in the middle as far as it fits."""
    first, last = int(places.min()), int(places.max())
    center = float((weights * torch.arange(len(weights))).sum())
    begins = SHAKE_KERNEL_SIZE // 2 - round(center) + first
    return min(max(begins, 0), SHAKE_KERNEL_SIZE - 1 - (last - first))


def path_kernel(points: Sequence[Sequence[float]]) -> Tensor:
    """Return the kernel of a camera that moved along a path, at one speed.

    Args:
        points: ``(x, y)`` in pixels, at least one, within a square of ``SHAKE_KERNEL_SIZE``.

    Raises:
        KernelError: The points are none, or too far apart.

    >>> path_kernel([(0, 0), (2, 0)])[15, 13:18].gt(0).tolist()
    [False, True, True, True, False]
    """
    try:
        path = torch.as_tensor(points, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise KernelError("a path is a list of points, each an x and a y") from error
    if path.dim() != 2 or path.shape[1] != 2 or not len(path) or not path.isfinite().all():
        raise KernelError("a path is a list of points, each an x and a y")
    extent = path.amax(dim=0) - path.amin(dim=0)
    largest = SHAKE_KERNEL_SIZE - 2
    if extent.max() > largest or len(path) > _MAX_POINTS:
        raise KernelError(f"a path reaches over at most {largest} pixels, got {extent.max():.0f}")
    path = path - (path.amax(dim=0) + path.amin(dim=0)) / 2
    lengths = path.diff(dim=0).norm(dim=1)
    ends = torch.cat([torch.zeros(1), lengths.cumsum(0)])
    count = max(int(ends[-1] * _POINTS_PER_PIXEL), 1) + 1
    at = torch.linspace(0, float(ends[-1]), count)
    piece = torch.searchsorted(ends, at, right=True).sub(1).clamp(0, max(len(path) - 2, 0))
    following = (piece + 1).clamp_max(len(path) - 1)
    fraction = (at - ends[piece]) / (ends[following] - ends[piece]).clamp_min(1e-6)
    places = torch.lerp(path[piece], path[following], fraction.clamp(0, 1).unsqueeze(1))
    return known_kernel(draw_path(places, SHAKE_KERNEL_SIZE))


def shaped_kernel(shape: str, size: float, angle: float = 0.0) -> Tensor:
    """Return a straight, disc or Gaussian kernel.

    Args:
        shape: Key of ``SIZES``.
        size: Length, radius or sigma, in pixels, within its range.
        angle: Of a straight path, in degrees, counted from the horizontal against the clock.

    Raises:
        KernelError: There is no such shape, or the size is out of its range.

    >>> shaped_kernel("disc", 3).shape
    torch.Size([31, 31])
    """
    if shape not in SIZES:
        raise KernelError(f"a blur is {', '.join(SIZES)} or drawn, got {shape[:20]!r}; {HOW}")
    least, most = SIZES[shape]
    if not least <= size <= most or not math.isfinite(angle):
        raise KernelError(f"the size of {shape} must be from {least:g} to {most:g}, got {size:g}")
    if shape == "straight":
        radians = math.radians(angle)
        x, y = (size - 1) / 2 * math.cos(radians), -(size - 1) / 2 * math.sin(radians)
        return path_kernel([(-x, -y), (x, y)])
    return known_kernel(defocus_kernel(size) if shape == "disc" else gaussian_kernel(size))


def parse_blur(told: str) -> Tensor | None:
    """Return the kernel that a text tells; None for an empty one.

    Args:
        told: ``straight:12:30``, ``disc:3``, ``gaussian:1.6``, ``path:[[0,0],[5,2]]`` or the
            weights as JSON.

    Raises:
        KernelError: It tells none.

    >>> parse_blur("straight:3:0")[15, 13:18].gt(0).tolist()
    [False, True, True, True, False]
    >>> parse_blur("") is None
    True
    """
    if not isinstance(told, str) or len(told) > _MAX_TEXT:
        raise KernelError(f"a blur is told by a short text; {HOW}")
    told = told.strip()
    if not told:
        return None
    try:
        if told.startswith("["):
            return known_kernel(json.loads(told))
        shape, _, sizes = told.partition(":")
        if shape == "path":
            return path_kernel(json.loads(sizes))
        return shaped_kernel(shape, *(float(size) for size in sizes.split(":")))
    except KernelError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise KernelError(f"this tells no blur: {told[:40]!r}; {HOW}") from error
