"""The condition of a network: read off a picture, or told by whoever runs it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.degradations import jpeg_level, jpeg_quality
from deconv_demo.estimation import BRIGHTNESSES, NoiseReading, read_noise, sees_blocks
from deconv_demo.networks import QuantizedNetwork, Restorer
from deconv_demo.restoration.guide import estimate_kernel, is_identity
from deconv_demo.restoration.weights import load_jpeg_estimator, load_noise_estimator
from deconv_demo.tasks import Task

# What pixels show speaks against the tables of a file only if it is so much worse: times the level
# of the file, and on top of that.
WORSE, TOLERATED = 1.3, 1 / 255
# Stronger noise is told as this: no network was trained on more.
MAX_LEVEL = 75 / 255
# Side of the square whose mean is the brightness of a place, in pixels.
BRIGHTNESS_WINDOW = 9


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a network is told of a picture beside the picture itself.

    Attributes:
        level: Strength of noise or artifacts on ``[0, 1]``, for networks with a map of it.
        by_brightness: That at each of ``estimation.BRIGHTNESSES``; None where it is the same
            everywhere.
        kernel: Blur kernel, ``(K, K)``, for guided networks.
        is_read: Whether it was read off the picture.
        noise: What was read of the noise.
    """

    level: float | None = None
    by_brightness: tuple[float, ...] | None = None
    kernel: Tensor | None = None
    is_read: bool = False
    noise: NoiseReading | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the record of a run says of it; see ``Enhancement``."""
        found: dict[str, Any] = {}
        if self.noise is not None:
            found["level_by_brightness"] = list(self.noise.by_brightness)
            found["grain"] = round(self.noise.grain, 2)
            found["sigma_by_channel"] = list(self.noise.channels)
        if self.kernel is not None:
            found["blur_kernel"] = None if is_identity(self.kernel) else _rounded(self.kernel)
        return found


def read_condition(
    task: Task,
    model: Restorer | QuantizedNetwork,
    pixels: np.ndarray,
    values: Mapping[str, float | None],
    device: torch.device,
    *,
    kernel: Tensor | None = None,
    file_quality: float | None = None,
) -> tuple[Condition, dict[str, float | None]]:
    """Return what the network of a task is told, and its controls with what was read.

    Args:
        task: Entry of ``TASKS``.
        model: Its network.
        pixels: ``(H, W, 3)`` uint8, the part of the picture that can be read.
        values: Its controls; those that are None are read off the picture.
        device: Where a kernel is estimated.
        kernel: Blur kernel that is known; None estimates it.
        file_quality: Quality of the JPEG file that the picture comes from, by its tables.
    """
    used = dict(values)
    if model.guided:
        told = estimate_kernel(pixels, device) if kernel is None else kernel.to(device)
        return Condition(kernel=told, is_read=kernel is None), used
    if "quality" in values:
        quality = values["quality"]
        if quality is None:
            quality = read_quality(pixels, file_quality)
        used["quality"] = quality
        return Condition(level=jpeg_level(quality), is_read=values["quality"] is None), used
    if "sigma" not in values:
        return Condition(), used
    if values["sigma"] is not None:
        return Condition(level=task.level_of(used)), used
    noise = read_noise(load_noise_estimator(), pixels)
    most = next(control.maximum for control in task.controls if control.name == "sigma")
    used["sigma"] = min(noise.sigma, most)
    strength = used.get("strength")
    return (
        Condition(
            level=task.level_of(used),
            by_brightness=scaled(noise.by_brightness, 1.0 if strength is None else strength),
            is_read=True,
            noise=noise,
        ),
        used,
    )


def scaled(by_brightness: Iterable[float], strength: float) -> tuple[float, ...]:
    """Return the levels that a network is told, ``strength`` times those that were read."""
    return tuple(min(level, MAX_LEVEL) * strength for level in by_brightness)


def read_quality(pixels: np.ndarray, file_quality: float | None = None) -> float:
    """Return the JPEG quality whose artifacts a picture has, by its pixels and its file.

    A picture may have been in a worse file than the one it is in now, which only its pixels show;
    what these show cannot be better than the file. A picture that shows no blocks was in no bad
    one.

    Args:
        pixels: ``(H, W, 3)`` uint8.
        file_quality: As the tables of its file say; None where it is in no JPEG file.

    Returns:
        5 to 100, or less where the file says so.
    """
    best = 100.0 if file_quality is None else file_quality
    if not sees_blocks(pixels):
        return best
    level = read_noise(load_jpeg_estimator(), pixels).sigma
    if file_quality is not None and level < WORSE * jpeg_level(file_quality) + TOLERATED:
        return best
    return float(min(max(jpeg_quality(level), 5.0), best))


def level_map(image: Tensor, condition: Condition) -> Tensor:
    """Return the strength of the noise as a network takes it.

    Args:
        image: ``(1, 3, H, W)`` in ``[0, 1]``.
        condition: With a ``level``.

    Returns:
        ``(1,)``, or ``(1, 1, H, W)`` where the strength depends on the brightness.
    """
    if condition.by_brightness is None:
        return torch.tensor([condition.level], device=image.device)
    half = BRIGHTNESS_WINDOW // 2
    gray = image.mean(dim=1, keepdim=True)
    padded = F.pad(gray, (half,) * 4, mode="replicate")
    around = F.avg_pool2d(padded, BRIGHTNESS_WINDOW, stride=1).clamp(0, 1)
    return interpolate(around, condition.by_brightness)


def interpolate(brightness: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Return the level at each brightness, on straight lines between ``BRIGHTNESSES``.

    >>> interpolate(torch.tensor([0.0, 0.2, 1.0]), (1.0, 2.0, 3.0, 4.0, 5.0)).tolist()
    [1.0, 1.5, 5.0]
    """
    anchors = torch.tensor(BRIGHTNESSES, device=brightness.device)
    values = torch.tensor(levels, device=brightness.device)
    place = ((brightness - anchors[0]) / (anchors[1] - anchors[0])).clamp(0, len(levels) - 1)
    low = place.floor().long().clamp_max(len(levels) - 2)
    return torch.lerp(values[low], values[low + 1], place - low)


def _rounded(kernel: Tensor) -> list[list[float]]:
    return [[round(weight, 6) for weight in row] for row in kernel.tolist()]
