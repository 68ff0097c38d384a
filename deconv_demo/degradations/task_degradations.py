"""The degradations of each task: random ones for training and fixed ones for evaluation.

Every function takes clean images ``(B, 3, H, W)`` in ``[0, 1]`` and a generator on the CPU, and
returns a ``DegradedBatch``.
"""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from deconv_demo.degradations.blurring import (
    blend_two_blurs,
    blur,
    blur_and_noise,
    half_plane_masks,
)
from deconv_demo.degradations.compression import jpeg, jpeg_level, random_jpeg, shifted_jpeg
from deconv_demo.degradations.kernels import IDENTITY_KERNEL, random_blur_kernel
from deconv_demo.degradations.noise import add_gaussian_noise, is_gray
from deconv_demo.degradations.photographs import (
    measured,
    photograph,
    random_grain,
    random_photograph,
)
from deconv_demo.degradations.resampling import bicubic_downsample_8bit

# Probabilities of JPEG and of noise in a quarter of the training crops of deblurring and upscaling:
# without them the networks take the blocks of a JPEG for edges and sharpen them.
JPEG_PROB, NOISE_PROB = 0.15, 0.10
MAX_FAINT_SIGMA = 3 / 255

# Of the denoiser's training crops: those with white noise, without any, and with the grain of
# film; the others are photographs of a noisy camera.
PLAIN_PROB, NOISELESS_PROB, GRAIN_PROB, MAX_PLAIN_SIGMA = 0.33, 0.05, 0.14, 55 / 255
# And of all of them: grey ones, whose channels share their noise, and colour ones
# with noise of brightness alone, as film has it. Without them it leaves most of such noise.
GRAY_PROB, SHARED_NOISE_PROB = 0.12, 0.05

# Probability of two blurs, often one of them none, in the deblurrer's training crops. A photo has
# one blur all over only if nothing but the camera moved; otherwise the guide is wrong somewhere.
APART_PROB = 0.25

# Of the training crops of the remover of JPEG artifacts: the qualities of a file, most of them low;
# how many go through a second file and a third, their blocks elsewhere; how many files store colour
# at half the resolution; how many crops are in no file at all; and how far, as a standard deviation
# of the logarithm, the level that is told is off in some, as what is read off a picture is.
LOW_QUALITIES, HIGH_QUALITIES, LOW_QUALITY_PROB = (5, 50), (50, 98), 0.65
SECOND_JPEG_PROB, SUBSAMPLED_PROB, NO_JPEG_PROB = 0.3, 0.75, 0.03
MISREAD_PROB, MISREAD_SPREAD = 0.4, 0.25


class DegradedBatch(NamedTuple):
    """The result of every degradation: the degraded images and the condition.

    Attributes:
        image: ``(B, 3, H, W)`` in ``[0, 1]``.
        condition: Sigma, ``(B,)``, for denoising; the kernels, ``(B, K, K)``, where the blur
            estimator is trained; else None.
        target: The ground truth, where it is not the clean image itself: a camera's colours, or
            a resize, that both went through. Of the size of ``image``.
    """

    image: Tensor
    condition: Tensor | None
    target: Tensor | None = None


def random_noise(clean: Tensor, generator: Generator) -> DegradedBatch:
    """Add noise of any kind: of cameras, of film and files, white, and none.

    The condition is the strength of white noise, and the rms of any other.
    """
    made = [_any_noise(image, generator) for image in clean]
    image, sigma, target = (torch.stack(parts) for parts in zip(*made, strict=True))
    return DegradedBatch(image, sigma, target)


def _any_noise(image: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """One noisy image, the strength of its noise, and its ground truth."""
    kind, level, common = torch.rand(3, generator=generator).tolist()
    if kind < PLAIN_PROB + NOISELESS_PROB:
        sigma = level * MAX_PLAIN_SIGMA if kind < PLAIN_PROB else 0.0
        shared = common < SHARED_NOISE_PROB or bool(is_gray(image[None]))
        noisy = add_gaussian_noise(image[None], sigma, generator, shared=shared)[0]
        return noisy, torch.tensor(sigma), image
    make = random_grain if kind < PLAIN_PROB + NOISELESS_PROB + GRAIN_PROB else random_photograph
    return measured(image, make(image, generator))


def random_jpeg_files(clean: Tensor, generator: Generator) -> DegradedBatch:
    """Save each image as one JPEG file or several, and cut it so that the blocks begin anywhere.

    The condition is the ``jpeg_level`` of the worst of the files, a little off in some.
    """
    made = [_in_jpeg_files(image, generator) for image in clean.split(1)]
    return DegradedBatch(
        torch.cat([image for image, _ in made]), torch.tensor([level for _, level in made])
    )


def _in_jpeg_files(image: Tensor, generator: Generator) -> tuple[Tensor, float]:
    """Return one image ``(1, 3, H, W)`` out of its files, and the level to be told."""

    def draw() -> float:
        return torch.rand((), generator=generator).item()

    if draw() < NO_JPEG_PROB:
        return image, jpeg_level(90 + 10 * draw())
    worst = 100
    while True:
        low, high = LOW_QUALITIES if draw() < LOW_QUALITY_PROB else HIGH_QUALITIES
        quality = low + round((high - low) * draw())
        rows, columns = int(8 * draw()), int(8 * draw())
        subsampled = draw() < SUBSAMPLED_PROB
        image = shifted_jpeg(image, quality, rows=rows, columns=columns, subsampled=subsampled)
        worst = min(worst, quality)
        if draw() >= SECOND_JPEG_PROB:
            break
    level = jpeg_level(worst)
    if draw() < MISREAD_PROB:
        level *= math.exp(MISREAD_SPREAD * torch.randn((), generator=generator).item())
    return image, level


def fixed_jpeg(
    clean: Tensor, _generator: Generator, *, qualities: tuple[int, ...]
) -> DegradedBatch:
    """Save images as JPEG in 4:2:0, and what comes out again, 5 rows and 3 columns cut off."""
    image = jpeg(clean, qualities[0])
    for quality in qualities[1:]:
        image = shifted_jpeg(image, quality, rows=5, columns=3)
    return DegradedBatch(image, torch.full((len(clean),), jpeg_level(min(qualities))))


def fixed_camera_noise(
    clean: Tensor, generator: Generator, *, shot: float, quality: int | None = None
) -> DegradedBatch:
    """Noise of one exposure of a camera, as it is or from a JPEG file."""
    made = [photograph(image, generator, shot=shot, quality=quality) for image in clean]
    image, target = (torch.stack(pictures) for pictures in zip(*made, strict=True))
    rms = (image - target).square().mean(dim=(1, 2, 3)).sqrt()
    return DegradedBatch(image, rms, target)


def fixed_noise(clean: Tensor, generator: Generator, *, sigma: float) -> DegradedBatch:
    """Add noise of one ``sigma``, the same in all channels where the image is gray."""
    levels = torch.full((len(clean),), sigma, device=clean.device)
    shared = is_gray(clean)
    return DegradedBatch(add_gaussian_noise(clean, levels, generator, shared=shared), levels)


def random_blur(clean: Tensor, generator: Generator) -> DegradedBatch:
    """Blur each image by one or two random kernels, add faint noise, and compress a quarter."""
    kernels = torch.stack([random_blur_kernel(generator) for _ in clean])
    blurred = blur(clean, kernels)
    height, width = clean.shape[-2:]
    drawn, angles, offsets, sharp = torch.rand(4, len(clean), generator=generator)
    for index in (drawn < APART_PROB).nonzero().flatten().tolist():
        other = random_blur_kernel(generator)
        one = slice(index, index + 1)
        sides = half_plane_masks(
            height, width, angles[one] * (2 * math.pi), (offsets[one] - 0.5) * 0.6
        )
        blurred[one] = blend_two_blurs(
            clean[one],
            kernels[index],
            IDENTITY_KERNEL if sharp[index] < 0.5 else other,
            sides.to(clean),
        )
    sigma = torch.rand(len(clean), generator=generator).to(clean.device) * (5 / 255)
    degraded = add_gaussian_noise(blurred, sigma, generator)
    return DegradedBatch(random_jpeg(degraded, generator, probability=JPEG_PROB + NOISE_PROB), None)


def fixed_blur(
    clean: Tensor, generator: Generator, *, kernel: Tensor, jpeg_quality: int | None = None
) -> DegradedBatch:
    """Blur with one kernel and add noise of 2.55 / 255, with or without JPEG compression."""
    degraded = blur_and_noise(clean, kernel, 2.55 / 255, generator)
    if jpeg_quality is not None:
        degraded = jpeg(degraded, jpeg_quality)
    return DegradedBatch(degraded, None)


def half_image_blur(clean: Tensor, generator: Generator, *, kernel: Tensor) -> DegradedBatch:
    """Blur one half, leave the other sharp, and add noise of 2.55 / 255."""
    count, (height, width) = len(clean), clean.shape[-2:]
    sides = half_plane_masks(height, width, torch.zeros(count), torch.zeros(count))
    blurred = blend_two_blurs(clean, kernel, IDENTITY_KERNEL, sides.to(clean))
    return DegradedBatch(add_gaussian_noise(blurred, 2.55 / 255, generator), None)


def random_downscale(clean: Tensor, generator: Generator, *, scale: int) -> DegradedBatch:
    """Downscale; of every twenty images, compress three as JPEG and add faint noise to two."""
    small = bicubic_downsample_8bit(clean, scale)
    noisy = torch.rand(len(clean), generator=generator) < NOISE_PROB
    sigma = torch.rand(len(clean), generator=generator) * MAX_FAINT_SIGMA * noisy
    small = add_gaussian_noise(small, sigma.to(small.device), generator)
    return DegradedBatch(random_jpeg(small, generator, probability=JPEG_PROB), None)


def bicubic_downscale(
    clean: Tensor, _generator: Generator, *, scale: int, jpeg_quality: int | None = None
) -> DegradedBatch:
    """Downscale by ``scale``, with or without JPEG compression."""
    small = bicubic_downsample_8bit(clean, scale)
    return DegradedBatch(small if jpeg_quality is None else jpeg(small, jpeg_quality), None)
