"""Blurs of an image by its own kernel, or of two parts of it by two kernels."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from deconv_demo.degradations.noise import add_gaussian_noise


def blur(clean: Tensor, kernels: Tensor) -> Tensor:
    """Convolve each image with its own kernel; the last pixel is repeated beyond the border.

    Args:
        clean: ``(B, 3, H, W)``.
        kernels: ``(B, K, K)`` or ``(K, K)``, K odd, each summing to 1.

    Returns:
        ``(B, 3, H, W)``, not rounded: noise is added before a camera rounds.
    """
    kernels = kernels.expand(len(clean), -1, -1).to(clean)
    radius = kernels.shape[-1] // 2
    padded = F.pad(clean, (radius,) * 4, mode="replicate")
    # By Fourier transform, which at 25 x 25 is many times cheaper than sliding the kernel. Its
    # wrap-around stays inside the padding, which is cut off.
    size = padded.shape[-2:]
    spectrum = torch.fft.rfft2(padded) * torch.fft.rfft2(kernels, s=size).unsqueeze(1)
    full = torch.fft.irfft2(spectrum, s=size)
    return full[..., 2 * radius :, 2 * radius :].contiguous()


def blend_two_blurs(clean: Tensor, first: Tensor, second: Tensor, sides: Tensor) -> Tensor:
    """Blur two parts of each image differently, as where one thing moves or lies behind another.

    Args:
        clean: ``(B, 3, H, W)``.
        first, second: Kernels of the two parts, as for ``blur``.
        sides: ``(B, 1, H, W)`` from 0, where the first blur is, to 1, where the second is.
    """
    return torch.lerp(blur(clean, first), blur(clean, second), sides)


def half_plane_masks(
    height: int, width: int, angles: Tensor, offsets: Tensor, *, softness: float = 4.0
) -> Tensor:
    """Return masks of half an image each, 0 on one side of a straight line and 1 on the other.

    Args:
        height, width: Sides of the masks.
        angles: ``(B,)``, direction of the line's normal, in radians.
        offsets: ``(B,)``, distance of the line from the middle, as a fraction of the shorter side.
        softness: Pixels over which a mask rises from a quarter to three quarters, about.

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
