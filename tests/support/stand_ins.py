"""Networks that stand in for shipped ones in ``enhance``: tiny, or any function of the image."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.restoration import enhancement
from deconv_demo.tasks import CONTEXT, TASKS

BUILDERS = {
    "denoise": partial(DeconvUNet, widths=(4, 8), blocks=(1, 1), noise_level_map=True, bias=False),
    "jpeg": partial(DeconvUNet, widths=(4, 8), blocks=(1, 1), noise_level_map=True, bias=False),
    "deblur": partial(DeconvUNet, widths=(4, 8), blocks=(1, 1), guided=True),
    "upscale_x2": partial(DeconvUpscaler, channels=4, blocks=1, scale=2),
    "upscale_x4": partial(DeconvUpscaler, channels=4, blocks=1, scale=4),
}
TILE_LIMIT = 192
# What is mirrored around a tile on all sides before a network without strides gets it.
AROUND = 2 * 4


class Given(nn.Module):
    """Stands in for a network: any function of the image, and a note of every call."""

    noise_level_map = guided = False
    size_multiple = 1

    def __init__(self, function=lambda image: image):
        super().__init__()
        self.function, self.calls = function, []

    def forward(self, image, sigma=None):
        self.calls.append((tuple(image.shape), None if sigma is None else sigma.mean().item()))
        return self.function(image)


def use_tiny_networks(monkeypatch: pytest.MonkeyPatch) -> Callable[[nn.Module], nn.Module]:
    """Tiny networks and short tiles on the CPU; call the result to put another in their place."""
    networks = {}
    for task_id, build in BUILDERS.items():
        networks[task_id] = build().eval().requires_grad_(False)
    tasks = {
        task_id: dataclasses.replace(task, tile_pixels=TILE_LIMIT**2, tile_context=CONTEXT)
        for task_id, task in TASKS.items()
    }
    monkeypatch.setattr(enhancement, "TASKS", tasks)
    monkeypatch.setattr(enhancement, "load_model", lambda task_id: networks[task_id])
    monkeypatch.setattr(enhancement, "inference_device", lambda: torch.device("cpu"))

    def replace(network: nn.Module) -> nn.Module:
        networks.update(dict.fromkeys(BUILDERS, network))
        return network

    return replace


def random_picture(size: tuple[int, int], mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture of width and height ``size`` with random values in every channel."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (size[1], size[0], channels)
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.merge(mode, [Image.fromarray(values[..., index]) for index in range(channels)])


def same_pixels(a: Image.Image, b: Image.Image) -> bool:
    return a.mode == b.mode and np.array_equal(np.asarray(a), np.asarray(b))
