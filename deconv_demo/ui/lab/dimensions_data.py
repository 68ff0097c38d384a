"""Data of transposed convolutions of a sound, a block and a clip."""

import io
import math
import wave
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from deconv_demo.convolution import overlap_ratio
from deconv_demo.ui.lab.picture import lab_image

SAMPLE_RATE = 16_000
SECONDS = 2.0
STRIDES = (4, 8, 16)
MAX_KERNEL = 48
SHAPES = ("box", "triangle")
# Kernel and stride of transposed convolutions of published networks for sound.
SOUND_NETWORKS = {"WaveGAN": (25, 4), "HiFi-GAN": (16, 8)}
# Notes of the melody in hertz. With its second partial every one stays below 500, which is half
# the rate of the slowest input, 16,000 / 16.
_NOTES = (196.0, 220.0, 246.9, 196.0, 164.8, 196.0, 220.0, 196.0)
_LEVEL = 0.22  # level of the melody as it is played; a tone may be added to it

FRAMES, FRAME_SIDE = 8, 40
# Paths of a window: (top, left) at start and end, as fractions of the available room.
_PATHS = (((0, 0), (1, 1)), ((0, 1), (1, 0)), ((0, 0.5), (1, 0.5)), ((0.5, 0), (0.5, 1)))
CLIP_STRIDE = 2
# Kernel size and its weights along each axis.
CLIPS = {
    "uneven": (3, (1.0, 1.0, 1.0)),
    "even": (4, (1.0, 1.0, 1.0, 1.0)),
    "learned": (3, (0.5, 1.0, 0.5)),
}


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A melody, and a transposed convolution of a slow sampling of it.

    Attributes:
        melody, painted: Samples in ``[-1, 1]``, before and after.
        ratio: Largest over smallest number of contributions.
        tone_hz: Sample rate over stride: the frequency at which an uneven overlap is heard.
        tone_db: Strength of that tone relative to the strongest line of the melody.
    """

    melody: np.ndarray
    painted: np.ndarray
    ratio: float
    tone_hz: float
    tone_db: float


def melody(rate: float) -> np.ndarray:
    """Sample the melody ``rate`` times a second, without anything above 500 Hz."""
    time = np.arange(round(SECONDS * rate)) / rate
    length = SECONDS / len(_NOTES)
    index = np.minimum((time / length).astype(int), len(_NOTES) - 1)
    pitch, local = np.array(_NOTES)[index], time - index * length
    # Every note swells and fades, so that none begins with a click.
    swell = np.sin(np.pi * np.clip(local / length, 0, 1)) ** 0.7
    partials = np.sin(2 * np.pi * pitch * local) + 0.35 * np.sin(4 * np.pi * pitch * local)
    return swell * partials / 1.35


def window(kernel_size: int, shape: str) -> Tensor:
    """Return a kernel of ones, or a triangle, of mean 1."""
    if shape == "box":
        return torch.ones(kernel_size, dtype=torch.float64)
    place = torch.arange(kernel_size, dtype=torch.float64) + 0.5
    triangle = torch.minimum(place, kernel_size - place)
    return triangle / triangle.mean()


@lru_cache(maxsize=16)
def sound(kernel_size: int, stride: int, shape: str) -> Sound:
    """Send the melody, sampled every ``stride`` samples, through ``F.conv_transpose1d``.

    The input is lifted above zero, like the output of a ReLU: an uneven overlap turns a constant
    part into a tone. The mean of the output is removed again.
    """
    truth = melody(SAMPLE_RATE)
    slow = torch.from_numpy(0.5 + 0.5 * melody(SAMPLE_RATE / stride)).view(1, 1, -1)
    kernel = window(kernel_size, shape) * stride / kernel_size
    lead = (kernel_size - 1) // 2
    painted = F.conv_transpose1d(slow, kernel.view(1, 1, -1), stride=stride)
    painted = F.pad(painted, (0, max(0, lead + len(truth) - painted.shape[-1])))
    painted = painted[0, 0, lead : lead + len(truth)].numpy()
    # The first and last samples get fewer contributions: their edge would be a click.
    painted[: MAX_KERNEL * 2] = painted[-MAX_KERNEL * 2 :] = 0.5
    painted = 2 * (painted - painted.mean())
    frequencies, levels = spectrum(painted)
    tone_hz = SAMPLE_RATE / stride
    at_tone = np.abs(frequencies - tone_hz) < 4
    in_melody = (frequencies > 100) & (frequencies < 500)
    return Sound(
        melody=_LEVEL * truth,
        painted=np.clip(_LEVEL * painted, -1, 1),
        ratio=overlap_ratio(kernel_size, stride, dimensions=1),
        tone_hz=tone_hz,
        tone_db=float(levels[at_tone].max() - levels[in_melody].max()),
    )


def spectrum(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in hertz and levels in decibels under a Hann window."""
    magnitudes = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return frequencies, 20 * np.log10(np.maximum(magnitudes, 1e-6))


def wav_bytes(samples: np.ndarray) -> bytes:
    """Return samples in ``[-1, 1]`` as a WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sheet:
        sheet.setnchannels(1)
        sheet.setsampwidth(2)
        sheet.setframerate(SAMPLE_RATE)
        sheet.writeframes(np.rint(samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


@lru_cache(maxsize=8)
def pan(key: str) -> Tensor:
    """Return a short clip in which a window moves over the picture, ``(3, T, h, w)``.

    Flicker shows in bright parts: of the paths across the picture, it is the one whose darkest
    frame is brightest.
    """
    image = lab_image(key)
    side = 2 * FRAME_SIDE
    if min(image.shape[-2:]) < side + FRAMES:
        image = F.interpolate(image[None], size=(160, 160), mode="bilinear")[0]
    clips = [_along(image, path, side) for path in _PATHS]
    return max(clips, key=lambda clip: clip.mean(dim=(0, 2, 3)).min())


def _along(image: Tensor, path: tuple, side: int) -> Tensor:
    room = [length - side for length in image.shape[-2:]]
    frames = []
    for share in torch.linspace(0, 1, FRAMES).tolist():
        top, left = (
            round(length * (first + share * (last - first)))
            for length, first, last in zip(room, *path, strict=True)
        )
        frames.append(F.avg_pool2d(image[:, top : top + side, left : left + side], 2))
    return torch.stack(frames, dim=1)


@lru_cache(maxsize=8)
def double_clip(key: str, name: str) -> Tensor:
    """Double a clip in time, height and width with ``F.conv_transpose3d``: ``(3, 2T, 2h, 2w)``."""
    kernel_size, weights = CLIPS[name]
    line = torch.tensor(weights)
    line = line * CLIP_STRIDE / line.sum()
    kernel = line[:, None, None] * line[:, None] * line
    # Both give exactly twice the size: 3 with output padding, 4 without.
    doubled = F.conv_transpose3d(
        pan(key)[:, None],
        kernel[None, None],
        stride=CLIP_STRIDE,
        padding=1,
        output_padding=CLIP_STRIDE - kernel_size + 2,
    )
    return doubled[:, 0]


def animation_bytes(clip: Tensor, *, milliseconds: int) -> bytes:
    """Return ``(3, T, h, w)`` in ``[0, 1]`` as a lossless WebP that plays for five seconds."""
    pixels = clip.clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 3, 0).numpy()
    frames = [Image.fromarray(np.ascontiguousarray(frame)) for frame in pixels]
    file = io.BytesIO()
    frames[0].save(
        file,
        "WebP",
        save_all=True,
        append_images=frames[1:],
        duration=milliseconds,
        # An endless animation distracts from reading.
        loop=max(1, math.floor(5000 / (milliseconds * len(frames)))),
        lossless=True,
        quality=20,
    )
    return file.getvalue()
