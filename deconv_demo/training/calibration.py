"""Calibration: the activation ranges of networks on photographs, for running them in 8 bits."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from deconv_demo.networks import ActivationRange, calibrate, save_ranges
from deconv_demo.restoration import find_weights, load_model, skip_checksum, wiener_guide
from deconv_demo.tasks import TASKS
from deconv_demo.training.data import center_crop, pixels_to_image, read_pictures

# The ranges grow slowly with the number of pictures: with 6 of 256 pixels, other pictures exceeded
# the ranges, headroom included, by 13 %.
PICTURES, SIDE = 480, 256
# Fraction that is not degraded, because visitors restore sharp and clean pictures, too. Half of
# them go to a denoiser with a sigma above 0, as the slider may be set.
CLEAN_PROB = 0.25


def record_ranges(task_ids: list[str], path: Path, *, data: list[Path]) -> None:
    """Calibrate networks and write their ranges into a file.

    Args:
        task_ids: Keys of ``TASKS``.
        path: File for ``activation_ranges.save_ranges``.
        data: Folders and tar files of clean photographs; 480 are drawn.

    Raises:
        DataError: There are no photographs.
        WeightsError: Weights are missing or cut, or ``path`` is not a file of ranges.
    """
    pictures = read_pictures(data, smallest_side=SIDE)
    pictures = random.Random(0).sample(pictures, min(PICTURES, len(pictures)))
    with skip_checksum():  # weights that were trained just now are not recorded yet
        for task_id in dict.fromkeys(task_ids):
            found = compute_ranges(task_id, pictures)
            save_ranges(path, task_id, found, weights=find_weights(task_id))
            print(
                f"{task_id}: ranges of {len(found)} blocks on {len(pictures)} pictures in "
                f"{path.name}",
                flush=True,
            )


def compute_ranges(task_id: str, pictures: list[np.ndarray]) -> dict[str, ActivationRange]:
    """Return the activation ranges of a task's network, by the name of the block."""
    return calibrate(load_model(task_id), _examples(task_id, pictures))


def _examples(task_id: str, pictures: list[np.ndarray]) -> Iterator[list[Tensor]]:
    """Yield the inputs of the network: each picture degraded as in training, or clean.

    A guided network also gets each picture half blurred and half sharp: there the guide is that of
    a blur that is not everywhere, and activations are twice as large. Without these, its result for
    a face was wrong by 13 of 255 in places; with them, by 7.
    """
    task, generator = TASKS[task_id], Generator().manual_seed(0)
    for index, pixels in enumerate(pictures):
        clean = _channels_last(pixels_to_image(center_crop(pixels, SIDE)))
        image, condition, _ = task.degrade(clean, generator)
        if index < CLEAN_PROB * len(pictures):
            image, condition = clean, None if condition is None else condition * (index % 2)
        inputs = [_channels_last(image)]
        inputs += [wiener_guide(inputs[0])] if task.guided else []
        yield inputs if condition is None else [*inputs, condition]
        if task.guided:
            image, *_ = task.benchmark_cases[-1].degrade(clean, generator)
            yield [_channels_last(image), wiener_guide(image)]


def _channels_last(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)
