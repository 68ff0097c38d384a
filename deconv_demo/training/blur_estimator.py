"""Training data, loss and validation of the blur kernel estimator."""

import math
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from deconv_demo import degradations
from deconv_demo.degradations import DegradedBatch
from deconv_demo.estimation import BLOCK, BlurKernelEstimator, spectral_distance, spectral_features
from deconv_demo.tasks import Recipe
from deconv_demo.training.data import center_crop, pixels_to_image, to_gray
from deconv_demo.training.estimators import EstimatorSpec, ValidationSet

VALIDATION_CROP = 256
KERNELS_PER_PICTURE = 8
HARD_PROB = 1 / 3


def with_its_blur(clean: Tensor, generator: Generator) -> DegradedBatch:
    """Blur and degrade each image as in the deblurrer's training, with the kernels as condition."""
    return DegradedBatch(*_blurred_and_kernels(clean, generator))


def _blurred_and_kernels(clean: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    kernels = torch.stack([_kernel(generator) for _ in clean])
    gray = degradations.blur(to_gray(clean)[:, :1], kernels)
    # Averaging three channels to brightness weakens their noise, by the norm of its weights.
    sigma = torch.rand(len(clean), generator=generator) * (0.67 * 5 / 255)
    noisy = degradations.add_gaussian_noise(gray, sigma, generator).expand(-1, 3, -1, -1)
    return degradations.random_jpeg(noisy, generator, probability=0.25), kernels


def _kernel(generator: Generator) -> Tensor:
    """Draw a kernel as for the deblurrer; a third are long bent motion, the hardest to estimate."""
    drawn, length, heading, turn = torch.rand(4, generator=generator).tolist()
    if drawn > HARD_PROB:
        return degradations.random_blur_kernel(generator)
    return degradations.motion_kernel(
        1 + 16 * length**0.5, math.pi * heading, (turn - 0.5) * math.pi
    )


def make_blur_validation_set(pictures: list[np.ndarray]) -> ValidationSet:
    """Degrade the middle of each picture in several fixed ways."""
    validation_set = []
    for index, pixels in enumerate(pictures):
        generator = Generator().manual_seed(index)
        clean = pixels_to_image(center_crop(pixels, VALIDATION_CROP)).expand(
            KERNELS_PER_PICTURE, -1, -1, -1
        )
        validation_set.append(_blurred_and_kernels(clean, generator))
    return validation_set


@torch.inference_mode()
def validate_kernels(estimator: nn.Module, validation_set: ValidationSet) -> dict[str, Any]:
    """Return as ``error`` the mean ``spectral_error`` over the pictures."""
    errors = [_loss(estimator, image, target).item() for image, target in validation_set]
    return {"error": float(np.mean(errors))}


def spectral_error(kernels: Tensor, target: Tensor) -> Tensor:
    """Return the mean ``spectral_distance`` of kernels, ``(B, K, K)``, from the target."""
    return spectral_distance(kernels, target).mean()


def _loss(estimator: nn.Module, blurred: Tensor, kernels: Tensor) -> Tensor:
    with torch.no_grad():
        features = spectral_features(blurred)
    return spectral_error(estimator(features), kernels)


BLUR_SPEC = EstimatorSpec(
    name="blur_reader",
    build=BlurKernelEstimator,
    degrade=with_its_blur,
    recipe=Recipe(
        patch=256,
        batch=24,
        margin=degradations.BLUR_KERNEL_SIZE // 2,
        learning_rate=1e-3,
        ema_decay=0.998,
        gradient_clip=1.0,
    ),
    smallest_side=BLOCK,
    make_validation_set=make_blur_validation_set,
    loss=_loss,
    validate=validate_kernels,
)
