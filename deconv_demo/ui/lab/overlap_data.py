"""Data of the section on uneven overlap: maps of counts, and upsamplers on a picture."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from deconv_demo.classical import bicubic, psnr
from deconv_demo.convolution import checkerboard_db, overlap_map, overlap_ratio
from deconv_demo.degradations import bicubic_downsample_8bit
from deconv_demo.networks import SCALE, build_upsamplers
from deconv_demo.restoration import load_upsamplers
from deconv_demo.ui.lab.picture import lab_image

# Kernel, stride and layers of transposed convolutions as they were published.
NETWORKS = {
    "FSRCNN ×2": (9, 2, 1),
    "FSRCNN ×3": (9, 3, 1),
    "FSRCNN ×4": (9, 4, 1),
    "LapSRN ×4": (4, 2, 2),
    "DeblurGAN": (3, 2, 2),
    "DCGAN": (5, 2, 3),
    "DBPN ×2": (6, 2, 1),
    "DBPN ×4": (8, 4, 1),
    "DBPN ×8": (12, 8, 1),
    "DRUNet": (2, 2, 3),
    "U-Net": (2, 2, 3),
}
MAX_KERNEL, MAX_STRIDE, MAX_LAYERS = 12, 8, 3

# Number of drawn cells: enough to see a pattern, few enough to see each cell.
_DRAWN_CELLS = 64
_PICTURE_SIDE = 192
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """The numbers of contributions to the cells of an output.

    Attributes:
        line: Counts along one axis, away from the border.
        ratio_1d, ratio_2d: Largest over smallest count inside.
    """

    line: np.ndarray
    ratio_1d: float
    ratio_2d: float


@dataclass(frozen=True, kw_only=True)
class Upsampled:
    """The result of one way to double a picture; ``psnr_db`` is infinite for the ground truth."""

    name: str
    image: Tensor
    psnr_db: float
    grid_db: float


def overlap(kernel_size: int, stride: int, layers: int) -> Overlap:
    """Count contributions of ``layers`` transposed convolutions in a row."""
    # As many input cells beside the drawn ones as the border of the last layer extends.
    border = layers * (kernel_size // stride + 2)
    line = overlap_map(
        kernel_size,
        stride,
        layers=layers,
        input_size=math.ceil(_DRAWN_CELLS / stride**layers) + 2 * border,
        dimensions=1,
    )
    start = (len(line) - _DRAWN_CELLS) // 2
    return Overlap(
        line=line[start : start + _DRAWN_CELLS],
        ratio_1d=overlap_ratio(kernel_size, stride, layers=layers, dimensions=1),
        ratio_2d=overlap_ratio(kernel_size, stride, layers=layers),
    )


def paint_at_random(
    key: str, kernel_size: int, stride: int, layers: int
) -> tuple[Tensor, Tensor, float]:
    """Send a picture through untrained transposed convolutions, every channel alike.

    The weights are positive, so that brightness shows the counts.

    Returns:
        The input and the middle of the output, ``(3, h, w)`` in ``[0, 1]``, and ``checkerboard_db``
        of the latter (``nan`` for a stride of 1).
    """
    side = max(3, math.ceil(_PICTURE_SIDE / stride**layers) + kernel_size // stride + 1)
    small = F.interpolate(
        lab_image(key)[None], size=(side, side), mode="bilinear", antialias=True
    ).transpose(0, 1)
    painted, generator = small, Generator().manual_seed(_SEED)
    for _ in range(layers):
        weight = torch.rand(1, 1, kernel_size, kernel_size, generator=generator)
        weight = weight * stride**2 / weight.sum()  # keeps the mean brightness
        painted = F.conv_transpose2d(painted, weight, stride=stride)
    painted = _middle(painted.transpose(0, 1)[0], _PICTURE_SIDE)
    grid_db = checkerboard_db(painted, stride) if stride > 1 else math.nan
    return small.transpose(0, 1)[0], painted.clamp(0, 1), grid_db


@lru_cache(maxsize=4)
@torch.inference_mode()
def race(key: str, trained: bool) -> list[Upsampled]:
    """Halve a picture and double it again, by bicubic interpolation and by the six networks.

    Args:
        key: Key of the picture, see ``picture.picture_key``.
        trained: False takes the networks as they were before their first step; their output is
            stretched to the brightness and contrast of the ground truth.
    """
    clean = lab_image(key)[None]
    small = bicubic_downsample_8bit(clean, SCALE)
    networks = load_upsamplers() if trained else build_upsamplers(_SEED)
    results = {"truth": clean, "bicubic": bicubic(small, scale=SCALE)}
    for kind, network in networks.items():
        enlarged = network(small)
        results[kind] = enlarged if trained else _stretch(enlarged, clean)
    return [
        Upsampled(
            name=name,
            image=image[0],
            psnr_db=psnr(image.clamp(0, 1), clean),
            grid_db=checkerboard_db(image[0], SCALE),
        )
        for name, image in results.items()
    ]


def _stretch(image: Tensor, like: Tensor) -> Tensor:
    spread, mean = torch.std_mean(image, dim=(-2, -1), keepdim=True)
    wanted_spread, wanted_mean = torch.std_mean(like, dim=(-2, -1), keepdim=True)
    return (image - mean) / spread.clamp(min=1e-6) * wanted_spread + wanted_mean


def _middle(image: Tensor, side: int) -> Tensor:
    top, left = (max(0, length - side) // 2 for length in image.shape[-2:])
    return image[..., top : top + side, left : left + side]
