"""Blur images, each by its own kernel, or two parts of one by two kernels."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from deconv_demo.degradations.noise import add_gaussian_noise


def blur(clean: Tensor, kernels: Tensor) -> Tensor:
    """Convolve each image with its own kernel; beyond the border the last pixel goes on.

    Args:
        clean: ``(B, 3, H, W)``.
        kernels: ``(B, K, K)`` or ``(K, K)``, K odd, each summing to 1.

    Returns:
        ``(B, 3, H, W)``, not rounded: noise is added before a camera rounds.
    """
    kernels = kernels.expand(len(clean), -1, -1).to(clean)
    radius = kernels.shape[-1] // 2
    padded = F.pad(clean, (radius,) * 4, mode="replicate")
    # By Fourier transform: at 25 x 25 it is many times cheaper than sliding the kernel. The
    # wrap-around it brings stays inside the padding, which is cut off.
    size = padded.shape[-2:]
    spectrum = torch.fft.rfft2(padded) * torch.fft.rfft2(kernels, s=size).unsqueeze(1)
    full = torch.fft.irfft2(spectrum, s=size)
    return full[..., 2 * radius :, 2 * radius :].contiguous()


def blend_two_blurs(clean: Tensor, first: Tensor, second: Tensor, sides: Tensor) -> Tensor:
    """Blur two parts of each image differently, as where one thing moves or lies behind another.

    Args:
        clean: ``(B, 3, H, W)``.
        first, second: As for ``blur``, a kernel for each part.
        sides: ``(B, 1, H, W)`` from 0, where the first blur is, to 1, where the second is.
    """
    return torch.lerp(blur(clean, first), blur(clean, second), sides)


def half_plane_masks(
    height: int, width: int, angles: Tensor, offsets: Tensor, *, softness: float = 4.0
) -> Tensor:
    """Return masks of half an image each, 0 on one side of a straight line and 1 on the other.

    Args:
        angles: ``(B,)``, of the line's normal, in radians.
        offsets: ``(B,)``, of the line from the middle, in shares of the shorter side.
        softness: Pixels over which a mask goes from a quarter to three quarters, about.

    Returns:
        ``(B, 1, height, width)``.
    """
    y = (torch.arange(height) - (height - 1) / 2).view(1, -1, 1)
    x = (torch.arange(width) - (width - 1) / 2).view(1, 1, -1)
    angles, offsets = angles.view(-1, 1, 1), offsets.view(-1, 1, 1) * min(height, width)
    beyond = x * angles.cos() + y * angles.sin() - offsets
    return torch.sigmoid(beyond * (2.2 / softness)).unsqueeze(1)


def blur_and_noise(
    clean: Tensor, kernels: Tensor, sigma: float | Tensor, generator: Generator
) -> Tensor:
    """Blur as ``blur`` does, then add noise, clip and round as ``add_gaussian_noise`` does."""
    return add_gaussian_noise(blur(clean, kernels), sigma, generator)
