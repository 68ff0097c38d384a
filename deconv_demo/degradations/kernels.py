"""Blur kernels of hand-held cameras: Gaussian, motion, defocus."""

import math

import torch
from torch import Generator, Tensor

# Odd side of every blur kernel: 4 standard deviations of the widest Gaussian to each side.
BLUR_KERNEL_SIZE = 25
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
    # Each point is split between the four cells around it, so that a path stays thin.
    center = BLUR_KERNEL_SIZE // 2
    corner = path.floor()
    fraction = path - corner
    kernel = torch.zeros(BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)
    for dy in (0, 1):
        for dx in (0, 1):
            rows, columns = (corner + torch.tensor([dy, dx]) + center).long().unbind(1)
            weight_y = fraction[:, 0] if dy else 1 - fraction[:, 0]
            weight_x = fraction[:, 1] if dx else 1 - fraction[:, 1]
            kernel.index_put_((rows, columns), weight_y * weight_x, accumulate=True)
    return kernel / kernel.sum()


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
