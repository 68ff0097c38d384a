"""PSNR on held-out pictures, which selects the checkpoint during training."""

import statistics
from functools import lru_cache

import numpy as np
import torch
from torch import Generator, Tensor, nn

from deconv_demo.pictures import to_uint8
from deconv_demo.restoration import score_psnr, wiener_guide_crop
from deconv_demo.tasks import BenchmarkCase, Task
from deconv_demo.training.data import pixels_to_image, to_gray


def clean_image(pixels: np.ndarray, task: Task, case: BenchmarkCase) -> Tensor:
    """Return the ground truth ``(1, 3, H, W)``, its sides cropped to multiples of ``scale``."""
    height, width = (length - length % task.scale for length in pixels.shape[:2])
    image = pixels_to_image(pixels[:height, :width])
    return to_gray(image) if case.gray else image


def degrade_for_case(
    clean: Tensor, case: BenchmarkCase, index: int
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Degrade picture number ``index`` of a set, the same way every time.

    Returns:
        The degraded image, sigma where there is noise, and the ground truth.
    """
    degraded, sigma, target = case.degrade(clean, Generator().manual_seed(index))
    return degraded, sigma, clean if target is None else target


@torch.inference_mode()
def psnr_by_case(
    model: nn.Module, task: Task, pictures: list[np.ndarray], device: torch.device
) -> dict[str, float]:
    """Return the mean PSNR over all pictures for every benchmark case of a task."""
    values: dict[str, list[float]] = {case.name: [] for case in task.benchmark_cases}
    for index, pixels in enumerate(pictures):
        for case in task.benchmark_cases:
            clean = clean_image(pixels, task, case)
            degraded, sigma, clean = degrade_for_case(clean, case, index)
            condition = _guide(degraded) if task.guided else sigma
            inputs = [degraded] if condition is None else [degraded, condition]
            restored = model(*(tensor.to(device) for tensor in inputs)).cpu()
            values[case.name].append(score_psnr(restored, clean, task))
    return {name: statistics.fmean(found) for name, found in values.items()}


@lru_cache(maxsize=1024)
def _guide_of(pixels: bytes, height: int, width: int) -> Tensor:
    array = np.frombuffer(bytearray(pixels), np.uint8).reshape(height, width, 3)
    return pixels_to_image(wiener_guide_crop(array, (0, 0, width, height)))


def _guide(degraded: Tensor) -> Tensor:
    """Return the guide that a visitor's picture gets; the search for a shake takes a second."""
    pixels = to_uint8(degraded)
    return _guide_of(pixels.tobytes(), *pixels.shape[:2])
