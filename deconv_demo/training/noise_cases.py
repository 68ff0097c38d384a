"""Fixed noises on which noise level estimators are validated."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from deconv_demo import degradations
from deconv_demo.degradations import photograph
from deconv_demo.training.data import center_crop, pixels_to_image, to_gray
from deconv_demo.training.estimators import ValidationSet
from deconv_demo.training.synthetic_images import random_drawing

VALIDATION_CROP = 256


def coarse_grain(noise: Tensor, grain: float) -> Tensor:
    """Blur noise ``(B, C, H, W)`` by a Gaussian of ``grain`` pixels, and make its strength 1."""
    coarse = gaussian_blur(noise, [7, 7], [grain])
    return coarse / coarse.std()


@dataclass(frozen=True, kw_only=True)
class NoiseCase:
    """A fixed noise on which estimators are validated.

    Attributes:
        name: Name in tables.
        level: Standard deviation of the noise, of 255.
        gray: Whether picture and noise are gray.
        tone: Factors of the channels of picture and noise, as in a toned print; the level is the
            mean of the channels.
        grain: Standard deviation of the blur that makes it coarse, in pixels; 0 for white noise.
        border: Pixels of white around the picture.
        quality: Quality of the JPEG file that it comes from, if any.
        drawn: Whether a drawing takes the place of the photograph.
        shot: Variance of a camera's shot noise for each unit of light; the level is then the rms
            of what its noise comes to.
        common: Whether the noise of a picture in colour is the same in all channels.
    """

    name: str
    level: float = 0
    gray: bool = False
    tone: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grain: float = 0.0
    border: int = 0
    quality: int | None = None
    drawn: bool = False
    shot: float | None = None
    common: bool = False


NOISE_CASES = (
    NoiseCase(name="none", level=0),
    *(NoiseCase(name=str(level), level=level) for level in (5, 15, 25, 50, 75)),
    NoiseCase(name="25, in grey", level=25, gray=True),
    NoiseCase(name="25, in sepia", level=25, gray=True, tone=(1.0, 0.85, 0.65)),
    NoiseCase(name="15, coarse grain", level=15, grain=0.6),
    NoiseCase(name="15, coarse grain, in grey", level=15, gray=True, grain=0.6),
    NoiseCase(name="25, a white border", level=25, border=24),
    NoiseCase(name="15, then JPEG 75", level=15, quality=75),
    NoiseCase(name="none, a drawing", level=0, drawn=True),
    NoiseCase(name="15, a drawing", level=15, drawn=True),
    NoiseCase(name="15, the same in all channels", level=15, common=True),
    NoiseCase(name="camera, little light", shot=1e-3),
    NoiseCase(name="camera, hardly any light", shot=6e-3),
    NoiseCase(name="camera, little light, JPEG 90", shot=1e-3, quality=90),
)


def make_noise_validation_set(pictures: list[np.ndarray]) -> ValidationSet:
    """Add the noise of each case to the middle of each picture, the same every time."""
    validation_set = []
    for index, pixels in enumerate(pictures):
        clean = pixels_to_image(center_crop(pixels, VALIDATION_CROP))
        drawn = random_drawing(np.random.default_rng(index), VALIDATION_CROP)
        drawing = pixels_to_image(drawn[: clean.shape[-2], : clean.shape[-1]])
        noise = Generator().manual_seed(index)
        made = [_damaged(drawing if case.drawn else clean, case, noise) for case in NOISE_CASES]
        damaged, levels = zip(*made, strict=True)
        validation_set.append((torch.cat(damaged), torch.tensor(levels)))
    return validation_set


def _damaged(clean: Tensor, case: NoiseCase, generator: Generator) -> tuple[Tensor, float]:
    """One image with the noise of a case, ``(1, 3, H, W)``, and its strength on ``[0, 1]``."""
    if case.shot is not None:
        noisy, target = photograph(clean[0], generator, shot=case.shot, quality=case.quality)
        return noisy[None], (noisy - target).square().mean().sqrt().item()
    noise = torch.randn(clean.shape, generator=generator)
    if case.common:
        noise = noise[:, :1].expand_as(clean)
    if case.gray:
        clean, noise = to_gray(clean), noise[:, :1]
    if case.grain:
        noise = coarse_grain(noise, case.grain)
    tone = torch.tensor(case.tone)
    noisy = clean + case.level / 255 / tone.mean() * noise
    noisy = degradations.quantize(noisy * tone.view(3, 1, 1))
    if case.border:
        inside = slice(case.border, -case.border)
        noisy = F.pad(noisy[..., inside, inside], [case.border] * 4, value=1.0)
    noisy = noisy if case.quality is None else degradations.jpeg(noisy, case.quality)
    return noisy, case.level / 255
