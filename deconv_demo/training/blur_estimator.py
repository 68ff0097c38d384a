"""What the network that reads a blur off a picture's spectrum is trained on and judged by."""

import math
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from deconv_demo import degradations
from deconv_demo.degradations import Degraded
from deconv_demo.estimation import BLOCK, BlurReader, spectral_distance, spectral_features
from deconv_demo.tasks import Recipe
from deconv_demo.training.data import centre_crop, pixels_to_image, to_grey
from deconv_demo.training.estimators import Judged, Reading

VALIDATION_CROP = 256
KERNELS_JUDGED = 8
HARD_SHARE = 1 / 3


def with_its_blur(clean: Tensor, generator: Generator) -> Degraded:
    """Blur and worsen the brightness of each image as the deblurrer's crops are, blur told."""
    kernels = torch.stack([_kernel(generator) for _ in clean])
    grey = degradations.blur(to_grey(clean)[:, :1], kernels)
    # The noise of three channels is weaker in their brightness: by the norm of its weights.
    sigma = torch.rand(len(clean), generator=generator) * (0.67 * 5 / 255)
    noisy = degradations.add_gaussian_noise(grey, sigma, generator).expand(-1, 3, -1, -1)
    return degradations.jpeg_some(noisy, generator, share=0.25), kernels


def _kernel(generator: Generator) -> Tensor:
    """A blur as the deblurrer's; a third are long, bent motion, which is the hardest to read."""
    share, length, heading, turn = torch.rand(4, generator=generator).tolist()
    if share > HARD_SHARE:
        return degradations.random_blur_kernel(generator)
    return degradations.motion_kernel(
        1 + 16 * length**0.5, math.pi * heading, (turn - 0.5) * math.pi
    )


def held_out_blurs(pictures: list[np.ndarray]) -> Judged:
    """Damage the middle of each picture in some ways, the same ones every time."""
    judged = []
    for index, pixels in enumerate(pictures):
        generator = Generator().manual_seed(index)
        clean = pixels_to_image(centre_crop(pixels, VALIDATION_CROP)).expand(
            KERNELS_JUDGED, -1, -1, -1
        )
        judged.append(with_its_blur(clean, generator))
    return judged


@torch.inference_mode()
def judge(reader: nn.Module, judged: Judged) -> dict[str, Any]:
    """Return as ``error`` the mean ``spectral_error`` over pictures of any size."""
    errors = [_loss(reader, image, told).item() for image, told in judged]
    return {"error": float(np.mean(errors))}


def spectral_error(kernels: Tensor, told: Tensor) -> Tensor:
    """Mean ``spectral_distance`` of kernels, ``(B, K, K)``, from what they should be."""
    return spectral_distance(kernels, told).mean()


def _loss(reader: nn.Module, blurred: Tensor, kernels: Tensor) -> Tensor:
    with torch.no_grad():
        features = spectral_features(blurred)
    return spectral_error(reader(features), kernels)


BLUR_READING = Reading(
    name="blur_reader",
    build=BlurReader,
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
    held_out=held_out_blurs,
    loss=_loss,
    judge=judge,
)
