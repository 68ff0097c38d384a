"""Bicubic downscaling as in MATLAB's ``imresize``."""

import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.degradations.noise import quantize


def bicubic_downsample_8bit(clean: Tensor, scale: int) -> Tensor:
    """Downscale an image ``scale`` times: antialiased bicubic, rounded to 8 bits.

    This is MATLAB's ``imresize``, with which the standard test sets were made: the kernel of Keys
    1981 with a = -0.5, stretched by ``scale``, the picture mirrored at its borders.

    Args:
        clean: ``(B, 3, H, W)``; both sides multiples of ``scale``.
        scale: At least 1.

    Raises:
        ValueError: A side is not a multiple of ``scale``.
    """
    return quantize(bicubic_downsample(clean, scale))


def bicubic_downsample(clean: Tensor, scale: int) -> Tensor:
    """Downscale like ``bicubic_downsample_8bit``, without rounding and clipping."""
    height, width = clean.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"{height} x {width} is not a multiple of {scale}; crop it first")
    # The kernel extends less than three pixels of the small image beyond a border.
    margin = 3
    rows, columns = (_mirrored(length, margin * scale, clean) for length in (height, width))
    wide = clean[..., rows, :][..., columns]
    size = (height // scale + 2 * margin, width // scale + 2 * margin)
    smaller = F.interpolate(wide, size=size, mode="bicubic", antialias=True)
    return smaller[..., margin:-margin, margin:-margin]


def _mirrored(length: int, margin: int, like: Tensor) -> Tensor:
    """Return the indices of a line that is continued by its mirror image, the edge repeated."""
    places = torch.arange(-margin, length + margin, device=like.device) % (2 * length)
    return torch.where(places < length, places, 2 * length - 1 - places)
