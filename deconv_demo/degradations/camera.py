"""Noise the way a camera makes it: on the sensor, before colours, curve and file.

A clean photograph is taken back to what the sensor saw (inverse tone curve, colour matrix and
white balance), gets shot and read noise behind a Bayer mosaic, and is developed again. The noise
that comes out grows with light, differs between the channels and has grain of more than a pixel:
nothing like white noise of one strength.

References:
    Brooks et al. 2019, "Unprocessing Images for Learned Raw Denoising": curve, gains and the
    relation of shot and read noise. Malvar, He and Cutler 2004, "High-Quality Linear Interpolation
    for Demosaicing of Bayer-Patterned Color Images".
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

# The variance of shot noise for each unit of light is drawn log-uniformly between these; that of
# read noise follows it: ln read = SLOPE * ln shot + OFFSET, give or take SPREAD.
SHOT_RANGE = (1e-4, 1.2e-2)
READ_SLOPE, READ_OFFSET, READ_SPREAD = 2.18, 1.20, 0.26
GAMMA = 2.2
BILINEAR_PROB = 0.15
_CURVE_STEPS = 1025
_TINY = 1e-8


@dataclass(frozen=True, kw_only=True)
class Development:
    """How one photograph is developed from what a sensor saw.

    Attributes:
        gains: White balance of red, green and blue.
        matrix: Colour matrix from camera to sRGB, ``(3, 3)``, its rows summing to 1.
        phase: Row and column of the 2 x 2 Bayer cell at which the picture begins.
        bilinear: Whether missing colours are filled in bilinearly instead of along gradients.
        curve: How much of an S-shaped tone curve is applied, 0 to 1.
    """

    gains: tuple[float, float, float]
    matrix: Tensor
    phase: tuple[int, int]
    bilinear: bool
    curve: float


def random_development(generator: Generator) -> Development:
    """Draw the white balance, colours, mosaic and curve of a camera."""
    red, blue, mix, row, column, simple, curve, total = torch.rand(8, generator=generator).tolist()
    leaks = torch.rand(3, 3, generator=generator) * (0.35 * mix)
    leaks.fill_diagonal_(0)
    brighter = 1 + 0.5 * total
    return Development(
        gains=((1.4 + red) * brighter, brighter, (1.3 + 0.9 * blue) * brighter),
        matrix=torch.diag(1 + leaks.sum(dim=1)) - leaks,
        phase=(int(2 * row), int(2 * column)),
        bilinear=simple < BILINEAR_PROB,
        curve=curve,
    )


def to_sensor(image: Tensor, development: Development) -> Tensor:
    """Return the linear light that a sensor saw of a photograph, ``(3, H, W)`` in ``[0, 1]``."""
    flat = _without_curve(image, development.curve)
    linear = flat.clamp_min(_TINY) ** GAMMA
    colors = torch.einsum("ij,jhw->ihw", torch.linalg.inv(development.matrix), linear)
    return colors.clamp(0, 1) / torch.tensor(development.gains).view(3, 1, 1)


def develop(sensor: Tensor, development: Development) -> Tensor:
    """Return the photograph of what a sensor saw; the inverse of ``to_sensor``.

    >>> development = random_development(Generator().manual_seed(0))
    >>> image = torch.full((3, 4, 4), 0.4)
    >>> back = develop(to_sensor(image, development), development)
    >>> torch.allclose(back, image, atol=1e-4)
    True
    """
    balanced = (sensor * torch.tensor(development.gains).view(3, 1, 1)).clamp(0, 1)
    linear = torch.einsum("ij,jhw->ihw", development.matrix, balanced).clamp(0, 1)
    flat = linear.clamp_min(_TINY) ** (1 / GAMMA)
    # The curve has no inverse in closed form where only part of it is applied: it is looked up.
    shown_at = torch.linspace(0, 1, _CURVE_STEPS)
    flat_at = _without_curve(shown_at, development.curve)
    index = torch.searchsorted(flat_at, flat.contiguous()).clamp(1, _CURVE_STEPS - 1)
    low, high = flat_at[index - 1], flat_at[index]
    fraction = ((flat - low) / (high - low)).clamp(0, 1)
    return torch.lerp(shown_at[index - 1], shown_at[index], fraction)


def _without_curve(image: Tensor, amount: float) -> Tensor:
    """Undo the smoothstep ``3 x^2 - 2 x^3``, or part of it."""
    flat = 0.5 - torch.sin(torch.asin((1 - 2 * image).clamp(-1, 1)) / 3)
    return torch.lerp(image, flat, amount)


def bayer_masks(height: int, width: int, phase: tuple[int, int]) -> Tensor:
    """Return which colour each site of an RGGB mosaic sees, ``(3, H, W)`` of 0 and 1.

    >>> bayer_masks(2, 2, (0, 0))[1].tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    rows = ((torch.arange(height) + phase[0]) % 2).view(-1, 1)
    columns = ((torch.arange(width) + phase[1]) % 2).view(1, -1)
    red, blue = (1 - rows) * (1 - columns), rows * columns
    return torch.stack([red, 1 - red - blue, blue]).float()


def _kernel(*rows: tuple[float, ...], scale: float) -> Tensor:
    return torch.tensor(rows) / scale


_PLUS = _kernel((0, 1, 0), (1, 4, 1), (0, 1, 0), scale=4)
_SQUARE = _kernel((1, 2, 1), (2, 4, 2), (1, 2, 1), scale=4)
# Figure 2 of the paper: green at red or blue; red in a red row (transposed: in a blue row); red at
# blue.
_GREEN = _kernel(
    (0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0), scale=8
)
_ALONG = _kernel(
    (0, 0, 0.5, 0, 0),
    (0, -1, 0, -1, 0),
    (-1, 4, 5, 4, -1),
    (0, -1, 0, -1, 0),
    (0, 0, 0.5, 0, 0),
    scale=8,
)
_ACROSS = _kernel(
    (0, 0, -1.5, 0, 0),
    (0, 2, 0, 2, 0),
    (-1.5, 0, 6, 0, -1.5),
    (0, 2, 0, 2, 0),
    (0, 0, -1.5, 0, 0),
    scale=8,
)


def demosaic(mosaic: Tensor, phase: tuple[int, int], *, bilinear: bool) -> Tensor:
    """Fill in the two colours that each site of RGGB mosaics did not see.

    Args:
        mosaic: ``(B, H, W)``.
        phase: Row and column of the Bayer cell at which they begin.
        bilinear: Whether to take means of neighbours; else gradients of the other colours correct
            them (Malvar, He and Cutler 2004).

    Returns:
        ``(B, 3, H, W)``.
    """
    masks = bayer_masks(mosaic.shape[-2], mosaic.shape[-1], phase)
    padded = F.pad(mosaic.unsqueeze(1), (2,) * 4, mode="reflect")
    if bilinear:
        weights = torch.stack([_SQUARE, _PLUS, _SQUARE]).unsqueeze(1)
        wide = bayer_masks(padded.shape[-2], padded.shape[-1], phase)
        return F.conv2d(padded * wide, weights, groups=3)[..., 1:-1, 1:-1]
    weights = torch.stack([_GREEN, _ALONG, _ALONG.T, _ACROSS]).unsqueeze(1)
    as_green, along_row, along_column, across = F.conv2d(padded, weights).unbind(1)
    red, green, blue = masks
    rows = ((torch.arange(mosaic.shape[-2]) + phase[0]) % 2).view(-1, 1)
    red_row, blue_row = green * (1 - rows), green * rows
    return torch.stack(
        [
            mosaic * red + along_row * red_row + along_column * blue_row + across * blue,
            mosaic * green + as_green * (1 - green),
            mosaic * blue + along_row * blue_row + along_column * red_row + across * red,
        ],
        dim=1,
    )


def random_exposure(generator: Generator) -> tuple[float, float]:
    """Draw the variances of shot noise, for each unit of light, and of read noise."""
    low, high = map(math.log, SHOT_RANGE)
    log_shot = low + (high - low) * torch.rand((), generator=generator).item()
    spread = READ_SPREAD * torch.randn((), generator=generator).item()
    return math.exp(log_shot), usual_read_noise(math.exp(log_shot)) * math.exp(spread)


def usual_read_noise(shot: float) -> float:
    """Return the variance of read noise that usually goes with one of shot noise.

    >>> round(usual_read_noise(0.01) / usual_read_noise(0.001))
    151
    """
    return math.exp(READ_SLOPE * math.log(shot) + READ_OFFSET)


def camera_noise(
    image: Tensor, generator: Generator, *, shot: float, read: float
) -> tuple[Tensor, Tensor]:
    """Take a picture with a noisy sensor, and once more with a perfect one.

    Args:
        image: Clean, ``(3, H, W)`` in ``[0, 1]``.
        generator: Source of camera and noise, on the CPU.
        shot: Variance of the noise for each unit of light.
        read: Variance of the noise in the dark.

    Returns:
        The noisy and the clean photograph, ``(3, H, W)`` in ``[0, 1]``, not rounded. Both went
        through the same mosaic and development, so that no shift of colour lies between them.
    """
    development = random_development(generator)
    sensor = to_sensor(image, development)
    light = (sensor * bayer_masks(image.shape[-2], image.shape[-1], development.phase)).sum(dim=0)
    noise = torch.randn(light.shape, generator=generator)
    noisy = (light + (light * shot + read).sqrt() * noise).clamp(0, 1)
    mosaics = torch.stack([noisy, light])
    both = demosaic(mosaics, development.phase, bilinear=development.bilinear).clamp(0, 1)
    return develop(both[0], development), develop(both[1], development)
