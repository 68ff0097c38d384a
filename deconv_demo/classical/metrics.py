"""Full-reference quality metrics: PSNR and SSIM, one definition each."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Y of ITU-R BT.601 in studio range, as in MATLAB's rgb2ycbcr and the papers on upscaling.
_LUMA_WEIGHTS = (65.481 / 255, 128.553 / 255, 24.966 / 255)
_LUMA_OFFSET = 16 / 255

# Wang et al. 2004, "Image quality assessment": 11 x 11 Gaussian window, K1 and K2.
_SSIM_WINDOW, _SSIM_SIGMA, _SSIM_K1, _SSIM_K2 = 11, 1.5, 0.01, 0.03


def psnr(restored: Tensor, reference: Tensor) -> float:
    """Return the peak signal-to-noise ratio in decibels, for a peak of 1.

    Args:
        restored: Any shape, values in ``[0, 1]``.
        reference: The same shape.

    Returns:
        Decibels; ``math.inf`` for equal pictures, NaN where a value is NaN.

    Notes:
        ``10 log10(1 / mean((restored - reference)²))``, with the mean over all values, and thus
        over all three channels of an RGB picture at once.

    Raises:
        ValueError: The shapes differ.

    >>> round(psnr(torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.6)), 3)
    20.0
    """
    _check_shapes(restored, reference)
    mean_squared_error = (restored.double() - reference.double()).square().mean().item()
    return math.inf if mean_squared_error == 0 else -10 * math.log10(mean_squared_error)


def ssim(restored: Tensor, reference: Tensor) -> float:
    """Return the mean structural similarity (Wang et al. 2004), averaged over channels.

    Args:
        restored: ``(B, C, H, W)``, values in ``[0, 1]``, at least 11 x 11.
        reference: The same shape.

    Returns:
        A number in ``[-1, 1]``, 1 for equal pictures.

    Raises:
        ValueError: The shapes differ, or a side is shorter than the window.

    Notes:
        ``(2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2))`` in a Gaussian window
        of 11 x 11 and standard deviation 1.5, with population variances, C1 = 0.01² and
        C2 = 0.03², averaged over the places where the window lies inside the picture: the same
        as scikit-image with ``gaussian_weights=True, use_sample_covariance=False``.

    References:
        Wang, Bovik, Sheikh and Simoncelli 2004, "Image quality assessment: from error visibility
        to structural similarity".
    """
    _check_shapes(restored, reference)
    if restored.dim() != 4 or min(restored.shape[-2:]) < _SSIM_WINDOW:
        raise ValueError(
            f"ssim needs (B, C, H, W) of at least {_SSIM_WINDOW} x {_SSIM_WINDOW}, "
            f"got {tuple(restored.shape)}"
        )
    x, y = restored.double(), reference.double()
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    c1, c2 = _SSIM_K1**2, _SSIM_K2**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (luminance * structure).mean().item()


def y_channel(image: Tensor) -> Tensor:
    """Return Y of BT.601 in studio range, ``(B, 1, H, W)`` in ``[16 / 255, 235 / 255]``.

    Args:
        image: ``(B, 3, H, W)``, RGB in ``[0, 1]``.
    """
    weights = image.new_tensor(_LUMA_WEIGHTS).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True) + _LUMA_OFFSET


def crop_border(image: Tensor, border: int) -> Tensor:
    """Cut ``border`` pixels off each side of ``(B, C, H, W)``; papers cut ``scale``."""
    return image[..., border:-border, border:-border] if border else image


def _check_shapes(restored: Tensor, reference: Tensor) -> None:
    if restored.shape != reference.shape:
        raise ValueError(
            f"restored is {tuple(restored.shape)}, reference is {tuple(reference.shape)}; "
            "both must have one shape"
        )


def _window_mean(image: Tensor) -> Tensor:
    offsets = torch.arange(_SSIM_WINDOW, dtype=image.dtype) - _SSIM_WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    window = (window / window.sum()).to(image.device)
    channels = image.shape[1]
    rows = window.view(1, 1, -1, 1).repeat(channels, 1, 1, 1)
    columns = window.view(1, 1, 1, -1).repeat(channels, 1, 1, 1)
    return F.conv2d(F.conv2d(image, rows, groups=channels), columns, groups=channels)
