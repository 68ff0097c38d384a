"""Measure how far the numbers inside each network reach, so that it can run in 8 bits.

Photographs alone would not do: on letters, chessboards and noise the numbers reach further, and
what lies beyond a range is cut off, which is seen. So such pictures are measured too.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
import torch
from torch import Generator, Tensor

from deconv_demo.degradations import add_gaussian_noise, downscale
from deconv_demo.quantised import Ranges, measure_ranges
from deconv_demo.ranges import save_ranges
from deconv_demo.tasks import TASKS
from deconv_demo.training.data import centre_crop, to_image
from deconv_demo.weights import find_weights, load_model, trusting

# Not those by which the benchmark and the tests judge.
PICTURES = ("coffee", "rocket", "camera", "page", "colorwheel", "coins")
PICTURE_SIDE, PATTERN_SIDE = 256, 64
# Noise in a picture and what the network is told of it, of 255: visitors may tell it wrong.
NOISE_AND_TOLD = ((0, 0), (0, 75), (25, 25), (50, 5), (75, 75))


def record_ranges(task_ids: list[str], path: Path) -> None:
    """Measure the ranges of networks and write them into a file.

    Args:
        task_ids: Keys of ``TASKS``, of those that run in 8 bits.
        path: See ``ranges.save_ranges``.

    Raises:
        WeightsError: Weights are missing or cut, or ``path`` is no such file.
    """
    with trusting():  # weights that were trained just now are not recorded yet
        for task_id in task_ids:
            found = ranges_of(task_id)
            save_ranges(path, task_id, found, weights=find_weights(task_id))
            print(f"{task_id}: ranges of {len(found)} blocks in {path.name}", flush=True)


def ranges_of(task_id: str) -> dict[str, Ranges]:
    """Return how far the numbers reach in the blocks of a task's network, by name of the block."""
    return measure_ranges(load_model(task_id), _examples(task_id))


def _examples(task_id: str) -> Iterator[list[Tensor]]:
    """What the network is given, for each picture and damage."""
    task, generator = TASKS[task_id], Generator().manual_seed(0)
    for clean in [*_pictures(), *patterns(generator)]:
        if task_id == "denoise":
            for sigma, told in NOISE_AND_TOLD:
                noisy = add_gaussian_noise(clean, sigma / 255, generator)
                yield [_channels_last(noisy), torch.tensor([told / 255])]
            continue
        for image in (clean, downscale(clean, task.scale)):
            yield [_channels_last(image)]


def _pictures() -> list[Tensor]:
    pictures = [centre_crop(getattr(skimage.data, name)(), PICTURE_SIDE) for name in PICTURES]
    # So that all scales divide them.
    pictures = [pixels[: len(pixels) // 4 * 4] for pixels in pictures]
    return [
        to_image(pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2))
        for pixels in pictures
    ]


def patterns(generator: Generator, side: int = PATTERN_SIDE) -> list[Tensor]:
    """Return pictures as hard as they come, each ``(1, 3, side, side)``: 0 to 1, mostly both."""
    rows, columns = torch.arange(side).view(-1, 1), torch.arange(side).view(1, -1)

    def squares(size: int, *, channels: int = 3) -> Tensor:
        count = -(-side // size)
        drawn = torch.rand(1, channels, count, count, generator=generator)
        return drawn.repeat_interleave(size, 2).repeat_interleave(size, 3)[..., :side, :side]

    # Black and white, and colours with what they lack: in a small field, all that there can be.
    masks = [
        (rows + columns) % 2,
        rows // 2 % 2 ^ columns // 2 % 2,
        rows % 2 + 0 * columns,
        columns % 2 + 0 * rows,
        columns // 2 % 2 + 0 * rows,
        (columns % 3 == 0) + 0 * rows,
    ]
    found = [torch.ones(1, 3, side, side)]
    for colour in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        inked = torch.tensor(colour).view(3, 1, 1)
        found += [torch.where(mask.bool(), inked, 1 - inked).float()[None] for mask in masks]
        if colour != (1, 1, 1):
            found += [(mask * inked).float()[None] for mask in masks[::3]]
            found += [(mask * (1 - inked)).float()[None] for mask in masks[::3]]
    found += [squares(8, channels=1).round().expand(1, 3, side, side)]
    found += [squares(1), squares(1).round(), squares(4).round(), squares(16)]
    return [image.contiguous() for image in found]


def _channels_last(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)
