"""PSNR on held-out pictures, for choosing between weights while they are trained."""

import statistics

import numpy as np
import torch
from torch import Generator, Tensor, nn

from deconv_demo.restoration import guide_of, score_psnr
from deconv_demo.tasks import Setting, Task
from deconv_demo.training.data import pixels_to_image, to_grey


def clean_image(pixels: np.ndarray, task: Task, setting: Setting) -> Tensor:
    """Return the ground truth ``(1, 3, H, W)``: cut so that ``task.scale`` divides its sides."""
    height, width = (length - length % task.scale for length in pixels.shape[:2])
    image = pixels_to_image(pixels[:height, :width])
    return to_grey(image) if setting.grey else image


def degrade(clean: Tensor, setting: Setting, index: int) -> tuple[Tensor, Tensor | None]:
    """Damage picture number ``index`` of a set, the same way every time."""
    return setting.degrade(clean, Generator().manual_seed(index))


@torch.inference_mode()
def psnr_by_setting(
    model: nn.Module, task: Task, pictures: list[np.ndarray], device: torch.device
) -> dict[str, float]:
    """Mean PSNR over all pictures for every setting of a task, for choosing between weights."""
    values: dict[str, list[float]] = {setting.name: [] for setting in task.settings}
    for index, pixels in enumerate(pictures):
        for setting in task.settings:
            clean = clean_image(pixels, task, setting)
            degraded, sigma = degrade(clean, setting, index)
            told = guide_of(degraded) if task.guided else sigma
            inputs = [degraded] if told is None else [degraded, told]
            restored = model(*(tensor.to(device) for tensor in inputs)).cpu()
            values[setting.name].append(score_psnr(restored, clean, task))
    return {name: statistics.fmean(found) for name, found in values.items()}
