"""JPEG compression of images in memory."""

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

# The rounding errors of a JPEG file of quality 50, as a share of white: about their rms in photos.
_LEVEL_AT_50 = 0.018


def jpeg_level(quality: float) -> float:
    """Return how strong the artifacts of a JPEG file are, about the rms of its errors in a photo.

    The errors grow with the square root of the quantization steps, which libjpeg scales by
    ``50 / quality`` up to 50 and by ``2 - quality / 50`` above.

    Args:
        quality: 1 to 100, as Pillow and libjpeg count it.

    >>> [round(jpeg_level(quality) * 255, 1) for quality in (10, 50, 95, 100)]
    [10.3, 4.6, 1.5, 0.0]
    """
    steps = 50 / quality if quality < 50 else 2 - quality / 50
    return _LEVEL_AT_50 * math.sqrt(steps)


def jpeg_quality(level: float) -> float:
    """Return the quality of a JPEG file with artifacts of a level, the inverse of ``jpeg_level``.

    >>> [round(jpeg_quality(jpeg_level(quality))) for quality in (10, 50, 95, 100)]
    [10, 50, 95, 100]
    """
    steps = (level / _LEVEL_AT_50) ** 2
    return 50 / steps if steps > 1 else 50 * (2 - steps)


def jpeg(image: Tensor, quality: int, *, subsampled: bool = True) -> Tensor:
    """Compress and decompress each image as a JPEG file of ``quality`` 1 to 100 would.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``.
        quality: As Pillow and libjpeg count it.
        subsampled: Whether colour is stored at half the resolution (4:2:0), else at all of it.
    """
    pixels = image.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    decoded = [_through_jpeg(one.cpu().numpy(), quality, subsampled) for one in pixels]
    stacked = torch.stack([torch.from_numpy(one) for one in decoded]).permute(0, 3, 1, 2)
    return stacked.to(image) / 255


def shifted_jpeg(
    image: Tensor, quality: int, *, rows: int, columns: int, subsampled: bool = True
) -> Tensor:
    """Compress images as ``jpeg`` does, as the rest of a photo cropped after it was saved.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``.
        quality: As Pillow and libjpeg count it.
        rows: Rows, 0 to 7, cut off above: so much of the first row of 8 x 8 blocks is missing.
        columns: Columns, 0 to 7, cut off at the left.
        subsampled: Whether colour is stored at half the resolution.
    """
    whole = F.pad(image, (columns, 0, rows, 0), mode="replicate")
    return jpeg(whole, quality, subsampled=subsampled)[:, :, rows:, columns:]


def random_jpeg(
    image: Tensor,
    generator: Generator,
    *,
    probability: float,
    qualities: tuple[int, int] = (60, 95),
) -> Tensor:
    """Compress some of the images, each at a quality of its own.

    The 8 x 8 blocks begin anywhere, as in a photo that was cropped after it was saved: a network
    with strides must not learn where they lie.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``.
        generator: Source of the choices, on the CPU.
        probability: Probability of each image to be compressed.
        qualities: Lowest and highest quality, from 1 to 100.
    """
    compressed = image.clone()
    for index in range(len(image)):
        chosen, quality, down, right = torch.rand(4, generator=generator).tolist()
        if chosen >= probability:
            continue
        low, high = qualities
        compressed[index] = shifted_jpeg(
            image[index : index + 1],
            low + round(quality * (high - low)),
            rows=int(8 * down),
            columns=int(8 * right),
        )[0]
    return compressed


def _through_jpeg(pixels: np.ndarray, quality: int, subsampled: bool) -> np.ndarray:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(
        encoded, "JPEG", quality=quality, subsampling="4:2:0" if subsampled else "4:4:4"
    )
    return np.array(Image.open(encoded))
