"""Training data, loss and validation of the noise level estimator."""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from deconv_demo import degradations
from deconv_demo.degradations import DegradedBatch, random_grain, random_photograph
from deconv_demo.estimation import (
    BRIGHTNESSES,
    MIDDLE,
    MIN_SIDE,
    RECEPTIVE_FIELD,
    STRIDE,
    NoiseLevelEstimator,
    estimate_sigma,
    near_brightness,
)
from deconv_demo.pictures import to_uint8
from deconv_demo.tasks import Recipe
from deconv_demo.training.data import pixels_to_image
from deconv_demo.training.estimators import EstimatorSpec, ValidationSet
from deconv_demo.training.loop import bfloat16_autocast
from deconv_demo.training.noise_cases import NOISE_CASES, coarse_grain, make_noise_validation_set
from deconv_demo.training.synthetic_images import random_drawing

# A little beyond the range of the page's slider, so that estimates do not saturate at its end.
MAX_LEVEL = 80
# Probability of no noise, and an exponent that favours weak noise, which is the most common and the
# hardest to tell from detail.
CLEAN_PROB, TOWARDS_WEAK = 0.22, 1.7
# Probability of a drawing (in a third of these, over a part only), of a dim crop, of few levels.
DRAWN_PROB, DIM_PROB, LEVELED_PROB, MAX_LEVELS = 0.3, 0.1, 0.04, 16
# Probability of a JPEG before the noise and of one after it. A denoiser given the noise level from
# before the file does about best after it, too.
JPEG_BEFORE_PROB, JPEG_AFTER_PROB, JPEG_AFTER_QUALITIES = 0.15, 0.25, (40, 95)
# Probability of noise of brightness alone, and of the same noise in every channel of a gray crop: a
# gray page may as well come from a colour camera.
SHARED_NOISE_PROB, SHARED_ON_GRAY_PROB = 0.14, 0.75
# Probability that a gray crop is toned with its noise, like an old print, and its weakest channel.
TONED_PROB, MIN_CHANNEL_GAIN = 0.2, 0.4
# Probability that the channels have noise of different strength, as in lamp light, where blue is
# amplified most, and the smallest share of the strongest.
UNEQUAL_PROB, MIN_SHARE = 0.15, 0.15
# Probability of noise that is not white, as out of a camera, and the largest grain, the standard
# deviation of a blur in pixels. The denoiser, which was trained on white noise, does best with a
# sigma of up to 1.25 times that of the grain.
COARSE_PROB, MAX_GRAIN = 0.2, 1.0
# Probability that a noisy crop gets a clean part: a border, a caption, a light that is white in the
# file. It must not count for the estimate, although it is certain to have no noise.
CLEAN_PART_PROB = 0.2
# Crops that are photographs of a noisy camera, and those with the grain of film, common to the
# channels or stronger in one. To be estimated of them is the rms of what lies over the truth.
CAMERA_PROB, FILM_PROB = 0.38, 0.12
# An error of so much, of 255, on a clean picture weighs as much as one of twice the noise.
TOLERATED = 2.0
# What is read too low leaves noise and costs so many times what is read too high, which a visitor
# can lower. The other parts of the loss, beside that of the strength of the whole picture.
UNDER_READING = 1.15
CHANNEL_SHARE, BRIGHTNESS_SHARE, CORRELATION_SHARE = 0.3, 0.3, 0.1
# A brightness is measured where so large a share of a crop is near it; fainter noise, on [0, 1],
# has no correlation to be measured beside the rounding to 8 bits.
OCCURS, FAINT = 0.03, 1.5 / 255


class NoiseTarget(NamedTuple):
    """What is to be estimated of noisy crops; NaN where it is not known.

    Attributes:
        channels: Strength of the noise of red, green and blue on ``[0, 1]``, ``(B, 3)``.
        by_brightness: Its strength at each of ``BRIGHTNESSES``, ``(B, 5)``.
        correlation: Correlation of the noise of neighbouring pixels, ``(B, 1)``.
    """

    channels: Tensor
    by_brightness: Tensor
    correlation: Tensor


def with_its_noise(clean: Tensor, generator: Generator) -> DegradedBatch:
    """Add noise with sigma drawn for each image from 0 to 80 / 255.

    Some images are replaced by drawings, some come from a JPEG, some get a clean part after the
    noise, some are compressed as JPEG in the end; others are photographs of a noisy camera. The
    condition holds the parts of ``NoiseTarget`` side by side.
    """
    choices = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    shown = torch.cat([_shown(image, choices) for image in clean.split(1)])
    shown = degradations.random_jpeg(shown, generator, probability=JPEG_BEFORE_PROB)
    drawn, brightness, gray, source = torch.rand(4, len(clean), generator=generator)
    drawn = ((drawn - CLEAN_PROB) / (1 - CLEAN_PROB)).clamp_min(0)
    sigma = drawn**TOWARDS_WEAK * (MAX_LEVEL / 255)
    shared = brightness < SHARED_NOISE_PROB
    shared |= degradations.is_gray(shown) & (gray < SHARED_ON_GRAY_PROB)
    noise = torch.randn(clean.shape, generator=generator)
    noise = torch.where(shared.view(-1, 1, 1, 1), noise[:, :1], noise)
    noise = torch.cat([_perhaps_coarse(image, choices) for image in noise.split(1)])
    tones = torch.stack([_tone(image, choices) for image in shown])
    shares = torch.stack([_channel_shares(image, choices) for image in shown])
    noisy = shown + sigma.view(-1, 1, 1, 1) * shares.view(-1, 3, 1, 1) * noise
    noisy = degradations.quantize(noisy * tones.view(-1, 3, 1, 1))
    noisy = torch.cat([_with_clean_part(image, choices) for image in noisy.split(1)])
    compressed = degradations.random_jpeg(
        noisy, generator, probability=JPEG_AFTER_PROB, qualities=JPEG_AFTER_QUALITIES
    )
    # A file takes noise away and adds its own, so that the correlation is no longer known.
    whole = (compressed == noisy).flatten(1).all(dim=1, keepdim=True)
    target = NoiseTarget(
        sigma.view(-1, 1) * tones * shares,
        (sigma * (tones * shares).mean(dim=1)).view(-1, 1).repeat(1, len(BRIGHTNESSES)),
        torch.where(whole, correlation_of(noise), math.nan),
    )
    for index in (source < CAMERA_PROB + FILM_PROB).nonzero().flatten().tolist():
        make = random_photograph if source[index] < CAMERA_PROB else random_grain
        pair = make(shown[index], generator)
        compressed[index], _, truth = degradations.measured(shown[index], pair)
        measured = measure(compressed[index : index + 1], truth[None])
        for part, value in zip(target, measured, strict=True):
            part[index] = value[0]
    return DegradedBatch(compressed, torch.cat(target, dim=1))


def measure(noisy: Tensor, truth: Tensor) -> NoiseTarget:
    """Measure the noise between images ``(B, 3, H, W)`` and their ground truth."""
    noise = noisy - truth
    cut = (RECEPTIVE_FIELD - MIDDLE) // 2
    inner, squares = (
        F.avg_pool2d(each.mean(dim=1, keepdim=True)[..., cut:-cut, cut:-cut], MIDDLE, stride=STRIDE)
        for each in (noisy, noise.square())
    )
    near = near_brightness(inner)
    total = near.sum(dim=-1)
    variance = (near * squares.flatten(2)).sum(dim=-1) / total.clamp_min(1e-6)
    by_brightness = torch.where(
        total > OCCURS * squares[0].numel(), variance.sqrt(), torch.full_like(variance, math.nan)
    )
    channels = noise.square().mean(dim=(2, 3)).sqrt()
    return NoiseTarget(channels, by_brightness, correlation_of(noise))


def correlation_of(noise: Tensor) -> Tensor:
    """Return the correlation of neighbouring pixels of ``(B, C, H, W)``, NaN without noise."""
    gray = noise.mean(dim=1)
    power = gray.square().mean(dim=(1, 2))
    along = (gray[..., 1:] * gray[..., :-1]).mean(dim=(1, 2))
    across = (gray[:, 1:] * gray[:, :-1]).mean(dim=(1, 2))
    known = torch.where(power > FAINT**2, (along + across) / 2 / power.clamp_min(1e-12), math.nan)
    return known.unsqueeze(1)


def _shown(image: Tensor, choices: np.random.Generator) -> Tensor:
    """Return a photo ``(1, 3, H, W)`` as it is, dim, of few levels, or partly or all a drawing."""
    kind = choices.random()
    if kind < DRAWN_PROB:
        drawing = pixels_to_image(random_drawing(choices, image.shape[-1], to_uint8(image[0])))
        first = choices.integers(image.shape[-1]) if kind < DRAWN_PROB / 3 else 0
        return torch.cat([image[..., :first], drawing[..., first:]], dim=-1)
    if kind < DRAWN_PROB + DIM_PROB:
        return degradations.quantize(image * choices.uniform(0.2, 1))
    if kind < DRAWN_PROB + DIM_PROB + LEVELED_PROB:
        steps = int(choices.integers(1, MAX_LEVELS))
        return degradations.quantize((image * steps).round() / steps)
    return image


def _tone(image: Tensor, choices: np.random.Generator) -> Tensor:
    """Return factors for the channels of ``(3, H, W)``: a tone for some gray images, else 1."""
    if choices.random() >= TONED_PROB or not degradations.is_gray(image[None]).item():
        return torch.ones(3)
    tone = torch.from_numpy(choices.uniform(MIN_CHANNEL_GAIN, 1, 3)).float()
    return tone / tone.max()


def _channel_shares(image: Tensor, choices: np.random.Generator) -> Tensor:
    """Return the share of the noise that each channel of ``(3, H, W)`` has: not alike in some."""
    if choices.random() >= UNEQUAL_PROB or degradations.is_gray(image[None]).item():
        return torch.ones(3)
    shares = torch.from_numpy(choices.uniform(MIN_SHARE, 1, 3)).float()
    return shares / shares.max()


def _perhaps_coarse(noise: Tensor, choices: np.random.Generator) -> Tensor:
    """Blur some of the noise at the same sigma: cameras and enlargements make coarser grain."""
    if choices.random() >= COARSE_PROB:
        return noise
    return coarse_grain(noise, choices.uniform(0.3, MAX_GRAIN))


def _with_clean_part(image: Tensor, choices: np.random.Generator) -> Tensor:
    """Put a flat colour, mostly black or white, or a drawing over up to two thirds of some."""
    if choices.random() >= CLEAN_PART_PROB:
        return image
    side = image.shape[-1]
    first, last = np.sort(choices.uniform(0, side, (2, 2)), axis=0).astype(int)
    rows, columns = np.indices((side, side))
    kind = choices.choice(["frame", "band", "light"])
    if kind == "frame":
        width = choices.integers(1, side // 5)
        nearest = np.minimum(np.minimum(rows, columns), side - 1 - np.maximum(rows, columns))
        part = nearest < width
    elif kind == "band":
        along = rows if choices.random() < 0.5 else columns
        height = choices.integers(1, 2 * side // 3)
        part = along < height if choices.random() < 0.5 else along >= side - height
    else:
        middle, radii = (first + last) / 2, (last - first) / 2 + 1
        part = (((rows - middle[0]) / radii[0]) ** 2 + ((columns - middle[1]) / radii[1]) ** 2) < 1
    color = choices.choice([0, 255, int(choices.integers(256))], p=[0.4, 0.4, 0.2])
    content = np.full((side, side, 3), color, np.uint8)
    if choices.random() < DRAWN_PROB:
        content = random_drawing(choices, side)
    return torch.where(torch.from_numpy(part), pixels_to_image(content), image)


def validate_sigma(estimator: NoiseLevelEstimator, validation_set: ValidationSet) -> dict[str, Any]:
    """Return as ``error`` the mean ``relative_error``, and as ``off_by`` the error in each case.

    The latter is of 255, for the network and for the classical estimate: the median of the finest
    wavelet coefficients (Donoho and Johnstone 1994), by scikit-image; 0 where all of them are 0 in
    a channel, for which it returns NaN.
    """
    from skimage.restoration import estimate_sigma as from_wavelets

    off: dict[str, list[list[float]]] = {"network": [], "wavelets": []}
    errors = []
    for damaged, sigma in validation_set:
        pictures = [to_uint8(image) for image in damaged]
        found = torch.tensor([estimate_sigma(estimator, pixels) for pixels in pictures])
        errors.append(relative_error(found, sigma).mean().item())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from drawings, which may have no detail at all
            rival = [from_wavelets(p, channel_axis=-1, average_sigmas=True) / 255 for p in pictures]
        for name, read in (("network", found), ("wavelets", torch.tensor(rival).nan_to_num())):
            off[name].append(((read - sigma).abs() * 255).tolist())
    means = {name: np.mean(values, axis=0).round(2).tolist() for name, values in off.items()}
    rows = [
        {"noise": case.name} | {name: means[name][index] for name in means}
        for index, case in enumerate(NOISE_CASES)
    ]
    return {"error": float(np.mean(errors)), "off_by": rows}


def relative_error(found: Tensor, sigma: Tensor) -> Tensor:
    """Return the error of each level relative to ``sigma + TOLERATED``, in gray levels.

    >>> relative_error(torch.tensor([12 / 255]), torch.tensor([8 / 255]))
    tensor([0.4000])
    """
    return ((found - sigma) * 255).abs() / (sigma * 255 + TOLERATED)


def level_loss_of(estimator: nn.Module, noisy: Tensor, target: Tensor) -> Tensor:
    """Return the loss of a level estimator; what is NaN in the target is not known."""
    with bfloat16_autocast(noisy.device):
        found = estimator(noisy.contiguous(memory_format=torch.channels_last))
    channels, by_brightness, correlation = target.split((3, len(BRIGHTNESSES), 1), dim=1)
    strength = channels.square().mean(dim=1).sqrt()
    loss = _level_loss(found.channels.square().mean(dim=1).add(1e-9).sqrt(), strength)
    loss = loss + CHANNEL_SHARE * _level_loss(found.channels, channels)
    loss = loss + BRIGHTNESS_SHARE * _level_loss(found.by_brightness, by_brightness)
    off = (found.correlation.unsqueeze(1) - correlation).abs()[~correlation.isnan()]
    return loss + CORRELATION_SHARE * off.sum() / len(noisy)


def _level_loss(found: Tensor, level: Tensor) -> Tensor:
    """Return the error of the levels that are known; one too low costs more than one too high."""
    known = ~level.isnan()
    off = relative_error(found, level.nan_to_num())[known]
    weights = torch.where((found < level)[known], UNDER_READING, 1.0)
    loss = F.smooth_l1_loss(off, torch.zeros_like(off), beta=0.05, reduction="none")
    return (weights * loss).sum() / level.numel()


NOISE_SPEC = EstimatorSpec(
    name="noise_reader",
    build=NoiseLevelEstimator,
    degrade=with_its_noise,
    recipe=Recipe(
        patch=128,
        batch=16,
        learning_rate=2e-3,
        ema_decay=0.998,
        gradient_clip=1.0,
        # 45 % gray crops; a quarter of these get colour noise, so a third of all crops train
        # the gray branch.
        grey_share=0.45,
        reduced_share=0.6,
    ),
    smallest_side=MIN_SIDE,
    make_validation_set=make_noise_validation_set,
    loss=level_loss_of,
    validate=validate_sigma,
)
