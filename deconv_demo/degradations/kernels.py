"""Blur kernels of hand-held cameras: Gaussian, motion, defocus, shake."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

# Odd side of every blur kernel: 4 standard deviations of the widest Gaussian to each side.
BLUR_KERNEL_SIZE = 25
# Odd side of the kernels of shakes: as far as 1/4 second in the hand reaches, the path lying about
# its centre of mass. The shortest path in pixels, and the number of its steps.
SHAKE_KERNEL_SIZE = 31
MIN_SHAKE, SHAKE_STEPS = 5.0, 96
# The kernel that leaves an image unchanged.
IDENTITY_KERNEL = torch.zeros(BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)
IDENTITY_KERNEL[BLUR_KERNEL_SIZE // 2, BLUR_KERNEL_SIZE // 2] = 1


def gaussian_kernel(sigma_x: float, sigma_y: float | None = None, angle: float = 0.0) -> Tensor:
    """Return a normalised Gaussian blur kernel, ``(BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)``.

    Args:
        sigma_x: Standard deviation along the first axis of the ellipse, in pixels.
        sigma_y: Standard deviation along the second axis; None for an isotropic kernel.
        angle: Rotation of the ellipse in radians.
    """
    sigma_y = sigma_x if sigma_y is None else sigma_y
    y, x = _kernel_grid()
    along = (x * math.cos(angle) + y * math.sin(angle)) / sigma_x
    across = (-x * math.sin(angle) + y * math.cos(angle)) / sigma_y
    kernel = torch.exp(-(along**2 + across**2) / 2)
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float, turn: float = 0.0) -> Tensor:
    """Return the kernel of a camera that moved during the exposure.

    Args:
        length: Length of the path in pixels, at most 17.
        angle: Heading at the middle of the exposure, in radians.
        turn: Change of heading from start to end, in radians; 0 is a straight line.
    """
    steps = torch.linspace(-0.5, 0.5, 128)
    heading = angle + turn * steps
    path = torch.stack([heading.sin(), heading.cos()], dim=1).cumsum(0) * (length / 128)
    path = path - path.mean(dim=0)  # the blur must not shift the picture
    return draw_path(path.flip(1), BLUR_KERNEL_SIZE)


def draw_path(places: Tensor, side: int) -> Tensor:
    """Return the kernel of a camera that was at each of some places equally long.

    Each point is split between the four cells around it, so that a path stays thin.

    Args:
        places: ``(N, 2)``, x and y in pixels from the middle, less than ``side // 2`` away.
        side: Odd number of rows and columns.

    Returns:
        ``(side, side)``, its sum 1.

    >>> draw_path(torch.tensor([[0.5, 0.0]]), 3)[1].tolist()
    [0.0, 0.5, 0.5]
    """
    kernel = torch.zeros(side + 1, side + 1)
    corner = places.floor()
    fraction = places - corner
    for dy in (0, 1):
        for dx in (0, 1):
            columns, rows = (corner + torch.tensor([dx, dy]) + side // 2).long().unbind(1)
            weight_x = fraction[:, 0] if dx else 1 - fraction[:, 0]
            weight_y = fraction[:, 1] if dy else 1 - fraction[:, 1]
            kernel.index_put_((rows, columns), weight_x * weight_y, accumulate=True)
    return kernel[:side, :side] / kernel[:side, :side].sum()


def random_shake_kernel(generator: Generator, *, side: int = SHAKE_KERNEL_SIZE) -> Tensor:
    """Draw the kernel of a hand that shook: a path of 5 pixels or more, at changing speed.

    The acceleration is a random walk that is pulled back to nought, so that the path has bends and
    places where the hand stood still, as recorded ones have.

    Args:
        generator: Source of the path, on the CPU.
        side: Odd number of rows and columns; the path reaches over up to ``side - 2`` pixels.

    >>> random_shake_kernel(Generator().manual_seed(0)).shape
    torch.Size([31, 31])
    """
    pushes = torch.randn(SHAKE_STEPS, 2, generator=generator).tolist()
    extent, pull, width = torch.rand(3, generator=generator).tolist()
    calm = 0.90 + 0.09 * pull
    x = y = across = down = push_x = push_y = 0.0
    across, down = (2 * value for value in torch.randn(2, generator=generator).tolist())
    path = []
    for jolt_x, jolt_y in pushes:
        push_x, push_y = 0.9 * push_x + 0.3 * jolt_x, 0.9 * push_y + 0.3 * jolt_y
        across, down = calm * across + push_x, calm * down + push_y
        x, y = x + across, y + down
        path.append((x, y))
    places = torch.tensor(path)
    low, high = places.amin(dim=0), places.amax(dim=0)
    reach = MIN_SHAKE + (side - 2 - MIN_SHAKE) * extent**1.3
    places = (places - (low + high) / 2) * (reach / float((high - low).max().clamp_min(1e-6)))
    # Filled in so that no pixel between two places is missed.
    filled = F.interpolate(places.T[None], size=8 * SHAKE_STEPS, mode="linear", align_corners=True)
    places = filled[0].T
    # The picture must not move: about the centre of mass, as far as the path still fits.
    room = side // 2 - 1
    middle = places.mean(dim=0)
    middle = middle.clamp(places.amax(dim=0) - room, places.amin(dim=0) + room)
    kernel = draw_path(places - middle, side)
    # A lens is not perfectly sharp.
    spread = 0.3 + 0.4 * width
    offsets = torch.arange(-2.0, 3.0)
    line = torch.exp(-(offsets**2) / (2 * spread**2))
    line = line / line.sum()
    soft = F.conv2d(kernel[None, None], (line[:, None] * line[None])[None, None], padding=2)
    return soft[0, 0] / soft.sum()


def defocus_kernel(radius: float) -> Tensor:
    """Return the disc of a point out of focus, ``radius`` in pixels, with a smoothed rim."""
    y, x = _kernel_grid()
    disc = (radius + 0.5 - torch.hypot(x, y)).clamp(0, 1)
    return disc / disc.sum()


def random_blur_kernel(generator: Generator) -> Tensor:
    """Draw a random blur kernel of a hand-held camera: Gaussian, motion or defocus."""
    kind, first, second, third = torch.rand(4, generator=generator).tolist()
    if kind < 0.2:
        return gaussian_kernel(0.4 + 2.6 * first)
    if kind < 0.4:
        return gaussian_kernel(0.4 + 2.6 * first, 0.4 + 2.6 * second, math.pi * third)
    if kind < 0.8:
        turn = (third - 0.5) * math.pi if kind < 0.6 else 0.0
        return motion_kernel(1 + 16 * first, math.pi * second, turn)
    return defocus_kernel(0.5 + 3.5 * first)


def _kernel_grid() -> tuple[Tensor, Tensor]:
    offsets = torch.arange(BLUR_KERNEL_SIZE, dtype=torch.float32) - BLUR_KERNEL_SIZE // 2
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    return y, x
