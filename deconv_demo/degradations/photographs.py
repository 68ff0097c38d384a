"""Photographs as people have them: taken by a camera, smoothed, sharpened, resized and saved.

Each function takes one image ``(3, H, W)`` in ``[0, 1]`` and a generator on the CPU, and returns a
degraded image and the ground truth that goes with it, of the same size: what was done to both, such
as a resize, is no degradation.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from deconv_demo.degradations.camera import camera_noise, random_exposure, usual_read_noise
from deconv_demo.degradations.compression import jpeg, shifted_jpeg
from deconv_demo.degradations.noise import is_gray, quantize

# What a resize leaves of a side; the rest is mirrored.
MIN_RESIZE = 0.6
# Of all photographs: those taken through a lens that is not perfectly sharp; smoothed by the camera
# itself; in black and white; sharpened; resized; saved as JPEG; and of the latter, saved twice.
LENS_PROB, SMOOTHED_PROB, MONOCHROME_PROB, SHARPENED_PROB = 0.7, 0.3, 0.12, 0.4
RESIZED_PROB, FILE_PROB, SECOND_FILE_PROB = 0.35, 0.5, 0.2
SUBSAMPLED_PROB, QUALITIES, SECOND_QUALITIES = 0.6, (60, 97), (75, 97)
MAX_GRAIN_SIGMA = 40 / 255


def random_photograph(image: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Photograph a clean picture with a noisy camera, and do what cameras and people do then."""
    shot, read = random_exposure(generator)
    if _chance(generator, LENS_PROB):  # without it the mosaic is all false colours
        image = _blurred(image, _between(generator, 0.3, 0.8)).clamp(0, 1)
    noisy, clean = camera_noise(image, generator, shot=shot, read=read)
    if _chance(generator, SMOOTHED_PROB):
        noisy = clean + _smoothed_residual(noisy - clean, generator)
    if _chance(generator, MONOCHROME_PROB):
        noisy, clean = (
            picture.mean(dim=0, keepdim=True).expand(3, -1, -1) for picture in (noisy, clean)
        )
    if _chance(generator, SHARPENED_PROB):
        radius, amount = _between(generator, 0.5, 1.5), _between(generator, 0.2, 1.2)
        noisy, clean = (_sharpened(picture, radius, amount) for picture in (noisy, clean))
    if _chance(generator, RESIZED_PROB):
        factor = _between(generator, MIN_RESIZE, 1)
        noisy, clean = _resized(torch.stack([noisy, clean]), factor)
    return _perhaps_saved(noisy.clamp(0, 1), generator), clean.clamp(0, 1)


def random_grain(image: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Add Gaussian noise that is coarse, common to the channels or of unequal strength in them."""
    noise = torch.randn(image.shape, generator=generator)
    if _chance(generator, 0.6):
        noise = _blurred(noise, _between(generator, 0.3, 1.2))
        noise = noise / noise.std()
    common = _between(generator, 0, 1) if _chance(generator, 0.6) else 0.0
    # Rolled, so that it is that of no channel.
    noise = math.sqrt(1 - common) * noise + math.sqrt(common) * noise[:1].roll(7, dims=1)
    if _chance(generator, 0.5):
        noise = noise * (0.4 + 0.6 * torch.rand(3, 1, 1, generator=generator))
    if _chance(generator, 0.3):
        noise = noise * (0.4 + image.mean(dim=0, keepdim=True))
    sigma = MAX_GRAIN_SIGMA * torch.rand((), generator=generator).item() ** 1.7
    return _perhaps_saved((image + sigma * noise).clamp(0, 1), generator), image


def photograph(
    image: Tensor, generator: Generator, *, shot: float, quality: int | None = None
) -> tuple[Tensor, Tensor]:
    """Photograph a clean picture with one exposure, as it is or saved as JPEG in 4:2:0.

    Args:
        image: ``(3, H, W)`` in ``[0, 1]``.
        generator: Source of camera and noise.
        shot: Variance of shot noise for each unit of light; read noise is what goes with it.
        quality: Of the JPEG file.
    """
    image = _blurred(image, 0.6).clamp(0, 1)
    noisy, clean = camera_noise(image, generator, shot=shot, read=usual_read_noise(shot))
    noisy = quantize(noisy)
    if quality is not None:
        noisy = jpeg(noisy[None], quality)[0]
    return noisy, quantize(clean)


def measured(clean: Tensor, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Round a degraded image and its ground truth to 8 bits and measure what lies between them.

    Args:
        clean: The image that was degraded, ``(3, H, W)``: if it is gray, both become so.
        pair: As ``random_photograph`` and ``random_grain`` return it.

    Returns:
        The degraded image, the rms of its noise, ``()``, and the ground truth.
    """
    gray = bool(is_gray(clean[None]))
    noisy, target = (
        quantize(image.mean(dim=0, keepdim=True).expand(3, -1, -1) if gray else image)
        for image in pair
    )
    return noisy, (noisy - target).square().mean().sqrt(), target


def _perhaps_saved(image: Tensor, generator: Generator) -> Tensor:
    """Send some through a JPEG file, its blocks anywhere, and some of these through another."""
    for probability, qualities in (
        (FILE_PROB, QUALITIES),
        (SECOND_FILE_PROB, SECOND_QUALITIES),
    ):
        if not _chance(generator, probability):
            break
        rows, columns = (int(_between(generator, 0, 8)) for _ in range(2))
        quality = round(_between(generator, *qualities))
        subsampled = _chance(generator, SUBSAMPLED_PROB)
        image = shifted_jpeg(
            image[None], quality, rows=rows, columns=columns, subsampled=subsampled
        )[0]
    return image


def _smoothed_residual(residual: Tensor, generator: Generator) -> Tensor:
    """Make noise what a camera's own smoothing leaves of it: coarse, and blotches of colour."""
    gray = residual.mean(dim=0, keepdim=True)
    color = residual - gray
    if _chance(generator, 0.7):
        color = _blurred(color, _between(generator, 0.5, 2.5))
    if _chance(generator, 0.5):
        smooth = _blurred(gray, _between(generator, 0.5, 1.5))
        gray = torch.lerp(gray, smooth, _between(generator, 0.3, 1.0))
    return gray + color


def _resized(images: Tensor, factor: float) -> Tensor:
    """Make ``(B, 3, H, W)`` smaller, and mirror what is then missing of its size."""
    size = [max(round(factor * side), 1) for side in images.shape[-2:]]
    small = F.interpolate(images, size=size, mode="bicubic", antialias=True)
    (above, below), (left, right) = (
        ((side - cut) // 2, side - cut - (side - cut) // 2)
        for side, cut in zip(images.shape[-2:], size, strict=True)
    )
    return F.pad(small, (left, right, above, below), mode="reflect")


def _sharpened(image: Tensor, radius: float, amount: float) -> Tensor:
    return image + amount * (image - _blurred(image, radius))


def _blurred(image: Tensor, radius: float) -> Tensor:
    """Convolve ``(C, H, W)`` with a Gaussian of ``radius`` pixels, the border repeated."""
    reach = math.ceil(3 * radius)
    x = torch.arange(-reach, reach + 1, dtype=torch.float32)
    line = torch.exp(-(x**2) / (2 * radius**2))
    line = (line / line.sum()).view(1, 1, 1, -1)
    padded = F.pad(image.unsqueeze(1), (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, line), line.transpose(2, 3)).squeeze(1)


def _between(generator: Generator, low: float, high: float) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _chance(generator: Generator, probability: float) -> bool:
    return torch.rand((), generator=generator).item() < probability
