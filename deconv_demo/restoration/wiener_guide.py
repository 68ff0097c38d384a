"""What a guided network is given beside a picture: the same picture, its blur undone."""

import copy
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from deconv_demo.classical import WienerFilter, wiener_deconvolve
from deconv_demo.estimation import best_kernel, no_blur, on_one_thread, read_blur
from deconv_demo.restoration.weights import load_reader

CPU = torch.device("cpu")
# As far as the filter of the longest blur reaches, but for about half a level: so much around a
# part has to be known for its guide to be that of the whole.
REACH = 256


@torch.inference_mode()
def guide_of(image: Tensor, *, unread: bool = False) -> Tensor:
    """Estimate the blur of each small picture and undo it.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``, on any device.
        unread: Take the pictures as they are, as those that are too small to be read.

    Returns:
        ``(B, 3, H, W)``, rounded to 8 bits.
    """
    kernels = no_blur(image) if unread else read_blur(_reader_on(image.device), image)
    return wiener_deconvolve(image, kernels)


@torch.inference_mode()
def blur_of(pixels: np.ndarray, device: torch.device = CPU) -> Tensor:
    """Estimate the blur of a picture of any size, ``(H, W, 3)`` uint8, as a ``(K, K)`` kernel.

    It is read off the spectrum, estimated as a shake of any shape, and taken for none; what the
    picture itself speaks for is believed.
    """
    image = torch.from_numpy(pixels).to(device).permute(2, 0, 1).unsqueeze(0)
    read = read_blur(_reader_on(device), image)[0]
    return on_one_thread(best_kernel, image, read)


def was_read(kernel: Tensor) -> bool:
    """Whether ``blur_of`` could tell the blur, or gave up and took the picture as it is."""
    return not torch.equal(kernel, no_blur(kernel[None])[0])


def fill_guide(
    pixels: np.ndarray, kernel: Tensor, guide: np.ndarray, means: np.ndarray | None = None
) -> Iterator[int]:
    """Undo a blur over a whole picture, one channel after the other.

    Args:
        pixels: ``(H, W, 3)`` uint8.
        kernel: ``(K, K)``, what ``blur_of`` found; on the device that does the work.
        guide: ``(H, W, 3)`` uint8, written; complete after the last yield.
        means: Of each channel, of 255, that the picture fades into beyond its borders; None takes
            its own.

    Yields:
        How many channels are done.
    """
    means = pixels.mean(axis=(0, 1)) if means is None else means
    with torch.inference_mode():
        undo = WienerFilter(kernel[None], *pixels.shape[:2])
    for channel in range(pixels.shape[2]):
        with torch.inference_mode():
            plane = torch.from_numpy(np.ascontiguousarray(pixels[..., channel]))
            plane = plane.to(kernel.device).float().div_(255).unsqueeze(0)
            restored = undo(plane, float(means[channel]) / 255)
            guide[..., channel] = restored[0].mul(255).round().byte().cpu().numpy()
        yield channel + 1


def guide_part(
    pixels: np.ndarray, box: tuple[int, int, int, int], kernel: Tensor | None = None
) -> np.ndarray:
    """Return the guide of a part of a picture, as the guide of the whole shows it.

    Args:
        pixels: ``(H, W, 3)`` uint8, the whole picture.
        box: Left, top, right and bottom of the part.
        kernel: What ``blur_of`` found in the whole; None looks for it.

    Returns:
        ``(bottom - top, right - left, 3)`` uint8.
    """
    left, top, right, bottom = box
    first_row, first_column = max(top - REACH, 0), max(left - REACH, 0)
    around = pixels[first_row : bottom + REACH, first_column : right + REACH]
    guide = np.empty_like(around)
    kernel = blur_of(pixels) if kernel is None else kernel
    for _ in fill_guide(around, kernel, guide, pixels.mean(axis=(0, 1))):
        pass
    rows, columns = slice(top - first_row, bottom - first_row), slice(left - first_column, None)
    return guide[rows, columns][:, : right - left]


def _reader_on(device: torch.device) -> nn.Module:
    reader = load_reader("blur_reader")
    return reader if device.type == "cpu" else _moved(reader, device)


@lru_cache(maxsize=1)
def _moved(reader: nn.Module, device: torch.device) -> nn.Module:
    # Modules move in place, and the one that was loaded belongs to all.
    return copy.deepcopy(reader).to(device)
