"""The Wiener-deconvolved copy of a picture that guides a deblurring network."""

import copy
import hashlib
import threading
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from deconv_demo.classical import WienerFilter, wiener_deconvolve
from deconv_demo.estimation import best_kernel, estimate_kernels, identity_kernels, on_one_thread
from deconv_demo.restoration.weights import load_estimator

CPU = torch.device("cpu")
# Margin in pixels around a crop so that its Wiener guide differs from that of the whole image by at
# most about half a gray level, with the longest blur.
REACH = 256


@torch.inference_mode()
def wiener_guide(image: Tensor, *, skip_estimation: bool = False) -> Tensor:
    """Estimate the blur of each small picture and deconvolve it.

    Args:
        image: ``(B, 3, H, W)`` in ``[0, 1]``, on any device.
        skip_estimation: Use the identity kernel, as for pictures too small for an estimate.

    Returns:
        Guides ``(B, 3, H, W)``, rounded to 8 bits.
    """
    kernels = (
        identity_kernels(image)
        if skip_estimation
        else estimate_kernels(_estimator_on(image.device), image)
    )
    return wiener_deconvolve(image, kernels)


# A kernel with so much of its weight in the middle is no blur.
_ALL = 0.999
# Kernels of the pictures that were last estimated, which takes a second: a picture is often run
# again, looked into, or compared with a classical method.
MAX_KERNELS = 32
_kernels: dict[tuple[bytes, tuple[int, ...], torch.device], Tensor] = {}
_while_storing = threading.Lock()


@torch.inference_mode()
def estimate_kernel(pixels: np.ndarray, device: torch.device = CPU) -> Tensor:
    """Estimate the blur kernel of a picture of any size, ``(H, W, 3)`` uint8, as ``(K, K)``.

    One candidate is estimated from the spectrum, one as a camera shake of any shape, and one is no
    blur; the picture itself decides between them, see ``estimation.kernel_choice``.
    """
    # Hashed where it lies: a copy of 50 megapixels would be 150 MB.
    contents = np.ascontiguousarray(pixels).data
    key = (hashlib.sha256(contents).digest(), pixels.shape, device)
    kernel = _kernels.get(key)
    if kernel is None:
        # A view of a decoded picture may be read-only, of which PyTorch warns.
        image = (
            torch.from_numpy(np.require(pixels, requirements="W"))
            .to(device)
            .permute(2, 0, 1)
            .unsqueeze(0)
        )
        usual = estimate_kernels(_estimator_on(device), image)[0]
        kernel = on_one_thread(best_kernel, image, usual)
        with _while_storing:
            while len(_kernels) >= MAX_KERNELS:
                _kernels.pop(next(iter(_kernels)))
            _kernels[key] = kernel
    return kernel.clone()


def forget_kernels() -> None:
    """Forget the kernels of the pictures that were last estimated, so that they are timed anew."""
    with _while_storing:
        _kernels.clear()


def is_identity(kernel: Tensor) -> bool:
    """Return whether a kernel is the identity: no blur, or none that could be estimated."""
    middle = kernel.shape[-1] // 2
    return bool(kernel[middle, middle] > _ALL * kernel.sum())


def fill_wiener_guide(
    pixels: np.ndarray, kernel: Tensor, guide: np.ndarray, means: np.ndarray | None = None
) -> Iterator[int]:
    """Deconvolve a whole picture, one channel after the other.

    Args:
        pixels: ``(H, W, 3)`` uint8.
        kernel: ``(K, K)`` from ``estimate_kernel``; its device does the work.
        guide: ``(H, W, 3)`` uint8, written; complete after the last yield.
        means: Value of each channel, of 255, to which the picture fades beyond its borders; None
            takes the mean of each channel.

    Yields:
        Number of channels done.
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


def wiener_guide_crop(
    pixels: np.ndarray, box: tuple[int, int, int, int], kernel: Tensor | None = None
) -> np.ndarray:
    """Return the guide of a crop, equal to that part of the guide of the whole picture.

    Args:
        pixels: ``(H, W, 3)`` uint8, the whole picture.
        box: Left, top, right and bottom of the crop.
        kernel: Kernel estimated from the whole picture; None estimates it.

    Returns:
        ``(bottom - top, right - left, 3)`` uint8.
    """
    left, top, right, bottom = box
    first_row, first_column = max(top - REACH, 0), max(left - REACH, 0)
    around = pixels[first_row : bottom + REACH, first_column : right + REACH]
    guide = np.empty_like(around)
    kernel = estimate_kernel(pixels) if kernel is None else kernel
    for _ in fill_wiener_guide(around, kernel, guide, pixels.mean(axis=(0, 1))):
        pass
    rows, columns = slice(top - first_row, bottom - first_row), slice(left - first_column, None)
    return guide[rows, columns][:, : right - left]


def _estimator_on(device: torch.device) -> nn.Module:
    estimator = load_estimator("blur_reader")
    return estimator if device.type == "cpu" else _moved(estimator, device)


@lru_cache(maxsize=1)
def _moved(estimator: nn.Module, device: torch.device) -> nn.Module:
    # Modules move in place, and the loaded one is shared by all callers.
    return copy.deepcopy(estimator).to(device)
