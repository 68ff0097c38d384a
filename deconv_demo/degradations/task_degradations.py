"""The damage of each task: what its network is trained on, and what it is judged on.

Every function takes clean images ``(B, 3, H, W)`` in ``[0, 1]`` and a generator on the CPU, and
hands over a ``DegradedBatch``.
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
from deconv_demo.degradations.compression import jpeg, random_jpeg
from deconv_demo.degradations.kernels import IDENTITY_KERNEL, random_blur_kernel
from deconv_demo.degradations.noise import add_gaussian_noise, is_gray
from deconv_demo.degradations.resampling import bicubic_downsample_uint8

# A quarter of what the deblurrer and the upscalers are trained on has been through a file or a
# sensor: without it they take the blocks of a JPEG for edges and sharpen them.
JPEG_PROB, NOISE_PROB = 0.15, 0.10
MAX_FAINT_SIGMA = 3 / 255

# Of the denoiser's training crops: grey ones, whose channels share their noise, and colour ones
# with noise of brightness alone, as film has it. Without them it leaves most of such noise.
GRAY_PROB, SHARED_NOISE_PROB = 0.12, 0.05

# Of the deblurrer's training crops: those with two blurs, often one of them none. A photo has one
# blur for all only if the camera alone moved, and the guide is then wrong somewhere.
APART_PROB = 0.25


class DegradedBatch(NamedTuple):
    """What every degradation returns: the degraded images and the condition.

    Attributes:
        image: ``(B, 3, H, W)`` in ``[0, 1]``.
        condition: Sigma, ``(B,)``, for denoising; the kernels, ``(B, K, K)``, where the blur
            estimator is trained; else None.
    """

    image: Tensor
    condition: Tensor | None


def random_noise(clean: Tensor, generator: Generator) -> DegradedBatch:
    """Noise of a strength drawn for each image from 0 to 55 / 255."""
    levels = torch.rand(len(clean), generator=generator).to(clean.device) * (55 / 255)
    shared = torch.rand(len(clean), generator=generator) < SHARED_NOISE_PROB
    shared = shared.to(clean.device) | is_gray(clean)
    return DegradedBatch(add_gaussian_noise(clean, levels, generator, shared=shared), levels)


def fixed_noise(clean: Tensor, generator: Generator, *, sigma: float) -> DegradedBatch:
    """Noise of one ``sigma``; the same in all channels where the image is grey."""
    levels = torch.full((len(clean),), sigma, device=clean.device)
    shared = is_gray(clean)
    return DegradedBatch(add_gaussian_noise(clean, levels, generator, shared=shared), levels)


def random_blur(clean: Tensor, generator: Generator) -> DegradedBatch:
    """A blur, or two, and faint noise drawn for each image; a quarter of them compressed."""
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
    """One blur and noise of 2.55 / 255, as it is or from a JPEG file."""
    degraded = blur_and_noise(clean, kernel, 2.55 / 255, generator)
    if jpeg_quality is not None:
        degraded = jpeg(degraded, jpeg_quality)
    return DegradedBatch(degraded, None)


def half_image_blur(clean: Tensor, generator: Generator, *, kernel: Tensor) -> DegradedBatch:
    """One half blurred, the other sharp, and noise of 2.55 / 255."""
    count, (height, width) = len(clean), clean.shape[-2:]
    sides = half_plane_masks(height, width, torch.zeros(count), torch.zeros(count))
    blurred = blend_two_blurs(clean, kernel, IDENTITY_KERNEL, sides.to(clean))
    return DegradedBatch(add_gaussian_noise(blurred, 2.55 / 255, generator), None)


def random_downscale(clean: Tensor, generator: Generator, *, scale: int) -> DegradedBatch:
    """Smaller; of every twenty images three from a JPEG file, two with faint noise."""
    small = bicubic_downsample_uint8(clean, scale)
    noisy = torch.rand(len(clean), generator=generator) < NOISE_PROB
    sigma = torch.rand(len(clean), generator=generator) * MAX_FAINT_SIGMA * noisy
    small = add_gaussian_noise(small, sigma.to(small.device), generator)
    return DegradedBatch(random_jpeg(small, generator, probability=JPEG_PROB), None)


def bicubic_downscale(
    clean: Tensor, _generator: Generator, *, scale: int, jpeg_quality: int | None = None
) -> DegradedBatch:
    small = bicubic_downsample_uint8(clean, scale)
    return DegradedBatch(small if jpeg_quality is None else jpeg(small, jpeg_quality), None)
