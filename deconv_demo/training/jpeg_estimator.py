"""Training data and validation of the estimator of JPEG artifacts."""

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from deconv_demo import degradations
from deconv_demo.degradations import DegradedBatch, jpeg_level, jpeg_quality, shifted_jpeg
from deconv_demo.estimation import BRIGHTNESSES, MIN_SIDE, NoiseLevelEstimator, estimate_sigma
from deconv_demo.pictures import to_uint8
from deconv_demo.tasks import Recipe
from deconv_demo.training.data import center_crop, pixels_to_image
from deconv_demo.training.estimators import EstimatorSpec, ValidationSet
from deconv_demo.training.noise_cases import VALIDATION_CROP
from deconv_demo.training.noise_estimator import level_loss_of, relative_error
from deconv_demo.training.synthetic_images import random_drawing

# Of all crops: those that were in no file, drawings, those with noise before the file, and those
# that went through a second file, their blocks elsewhere.
NO_FILE_PROB, DRAWN_PROB, NOISE_PROB, SECOND_FILE_PROB = 0.15, 0.12, 0.3, 0.35
SUBSAMPLED_PROB, QUALITIES, MAX_SIGMA = 0.7, (5, 98), 15 / 255
# Files on which estimators are validated: the qualities one after the other, cropped between them.
FILES: tuple[tuple[int, ...], ...] = ((), (5,), (10,), (20,), (40,), (60,), (75,), (90,), (95,))
FILES_TWICE = ((10, 50), (20, 75), (50, 20), (40, 95))


def in_files(clean: Tensor, generator: Generator) -> DegradedBatch:
    """Save crops as JPEG, some of them twice; the condition is the level of the worst file.

    It is laid out as that of the noise estimator, whose network this is.
    """
    choices = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    made = [_in_files(image, choices, generator) for image in clean.split(1)]
    levels = torch.tensor([level for _, level in made]).view(-1, 1)
    unknown = torch.full((len(clean), len(BRIGHTNESSES) + 1), float("nan"))
    condition = torch.cat([levels.expand(-1, 3), unknown], dim=1)
    return DegradedBatch(torch.cat([image for image, _ in made]), condition)


def _in_files(
    image: Tensor, choices: np.random.Generator, generator: Generator
) -> tuple[Tensor, float]:
    side = image.shape[-1]
    if choices.random() < DRAWN_PROB:
        image = pixels_to_image(random_drawing(choices, side, to_uint8(image)))
    if choices.random() < NOISE_PROB:
        sigma = MAX_SIGMA * choices.random() ** 2
        image = degradations.add_gaussian_noise(image, sigma, generator, shared=False)
    if choices.random() < NO_FILE_PROB:
        return image, 0.0
    worst = 100
    while True:
        quality = int(choices.integers(QUALITIES[0], QUALITIES[1] + 1))
        image = _saved(image, quality, choices)
        worst = min(worst, quality)
        if choices.random() >= SECOND_FILE_PROB:
            return image, jpeg_level(worst)


def _saved(image: Tensor, quality: int, choices: np.random.Generator) -> Tensor:
    rows, columns = choices.integers(8, size=2).tolist()
    subsampled = bool(choices.random() < SUBSAMPLED_PROB)
    return shifted_jpeg(image, quality, rows=rows, columns=columns, subsampled=subsampled)


def make_jpeg_validation_set(pictures: list[np.ndarray]) -> ValidationSet:
    """Save the middle of each picture in all files of ``FILES`` and ``FILES_TWICE``."""
    validation_set = []
    for index, pixels in enumerate(pictures):
        choices = np.random.default_rng(index)
        clean = pixels_to_image(center_crop(pixels, VALIDATION_CROP))
        images, levels = [], []
        for files in (*FILES, *FILES_TWICE):
            image = clean
            for quality in files:
                image = _saved(image, quality, choices)
            images.append(image)
            levels.append(jpeg_level(min(files, default=100)))
        validation_set.append((torch.cat(images), torch.tensor(levels)))
    return validation_set


def validate_quality(
    estimator: NoiseLevelEstimator, validation_set: ValidationSet
) -> dict[str, Any]:
    """Return as ``error`` the mean ``relative_error``, and what was read of each file."""
    read, errors = [], []
    for images, levels in validation_set:
        found = torch.tensor([estimate_sigma(estimator, to_uint8(image)) for image in images])
        errors.append(relative_error(found, levels).mean().item())
        read.append([jpeg_quality(level) for level in found.tolist()])
    means = np.mean(read, axis=0).round(1).tolist()
    rows = [
        {"file": ", then ".join(map(str, files)) or "none", "quality_read": mean}
        for files, mean in zip((*FILES, *FILES_TWICE), means, strict=True)
    ]
    return {"error": float(np.mean(errors)), "files": rows}


JPEG_SPEC = EstimatorSpec(
    name="jpeg_reader",
    build=NoiseLevelEstimator,
    degrade=in_files,
    recipe=Recipe(
        patch=128,
        batch=16,
        learning_rate=2e-3,
        ema_decay=0.998,
        gradient_clip=1.0,
        grey_share=0.3,
        reduced_share=0.6,
    ),
    smallest_side=MIN_SIDE,
    make_validation_set=make_jpeg_validation_set,
    loss=level_loss_of,
    validate=validate_quality,
)
