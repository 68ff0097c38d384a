"""The classical methods that each network is compared with, on tensors."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deconv_demo.degradations import jpeg_level, jpeg_quality, shifted_jpeg


def wavelet_denoise(degraded: Tensor, sigma: Tensor | None) -> Tensor:
    """Denoise by wavelet shrinkage in YCbCr (BayesShrink, Chang, Yu and Vetterli 2000).

    Args:
        degraded: ``(B, 3, H, W)`` in ``[0, 1]``.
        sigma: Standard deviation of the noise, ``(B,)``; None estimates it.
    """
    levels = [None] * len(degraded) if sigma is None else sigma.tolist()
    restored = [_shrink(image, level) for image, level in zip(degraded, levels, strict=True)]
    return torch.stack(restored).to(degraded.dtype).clamp(0, 1)


def _shrink(image: Tensor, level: float | None) -> Tensor:
    """Shrink the wavelet coefficients of one image, ``(3, H, W)``."""
    from skimage.restoration import denoise_wavelet

    if level == 0:  # scikit-image would divide zero by zero
        return image
    options = {"sigma": level, "method": "BayesShrink", "mode": "soft", "rescale_sigma": True}
    if torch.equal(image[0], image[1]) and torch.equal(image[0], image[2]):
        # One channel has one noise; the mean of three would be taken to have less of it.
        gray = denoise_wavelet(image[0].numpy(), **options)
        return torch.from_numpy(gray).expand(3, -1, -1)
    pixels = image.permute(1, 2, 0).numpy()
    shrunk = denoise_wavelet(pixels, convert2ycbcr=True, channel_axis=-1, **options)
    return torch.from_numpy(shrunk).permute(2, 0, 1)


def cycle_spun_wavelet(degraded: Tensor, sigma: float, *, shifts: int = 3) -> Tensor:
    """Denoise by soft-thresholding wavelet coefficients at many shifts of the picture.

    This is sparse coding in its oldest form (Donoho 1995); the mean over shifts (Coifman and Donoho
    1995) removes the artifacts of a single fixed grid of wavelets.

    Args:
        degraded: ``(B, C, H, W)`` in ``[0, 1]``.
        sigma: Standard deviation of the noise on ``[0, 1]``.
        shifts: Largest shift along each axis; 0 for a single transform.
    """
    from skimage.restoration import cycle_spin, denoise_wavelet

    options = {"sigma": sigma, "mode": "soft", "channel_axis": -1, "rescale_sigma": True}
    restored = [
        cycle_spin(
            image.permute(1, 2, 0).numpy(),
            denoise_wavelet,
            max_shifts=(shifts, shifts),
            func_kw=options,
            channel_axis=-1,
            workers=1,
        )
        for image in degraded
    ]
    stacked = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in restored])
    return stacked.to(degraded.dtype).clamp(0, 1)


def gaussian_filter(degraded: Tensor, radius: float) -> Tensor:
    """Blur ``(B, C, H, W)`` with a Gaussian of standard deviation ``radius`` pixels."""
    from skimage.filters import gaussian

    smoothed = [gaussian(image.numpy(), radius, channel_axis=0) for image in degraded]
    return torch.stack([torch.from_numpy(image) for image in smoothed]).to(degraded.dtype)


def unsharp_mask(
    degraded: Tensor, _sigma: Tensor | None = None, *, radius: float = 2.0, amount: float = 1.0
) -> Tensor:
    """Sharpen by adding ``amount`` times the difference from a Gaussian blur of ``radius`` pixels.

    Args:
        degraded: ``(B, 3, H, W)`` in ``[0, 1]``.
        radius: Standard deviation of the blur in pixels.
        amount: Strength; 0 leaves the image unchanged.
    """
    from skimage.filters import unsharp_mask as skimage_unsharp_mask

    sharpened = [
        skimage_unsharp_mask(image.numpy(), radius=radius, amount=amount, channel_axis=0)
        for image in degraded
    ]
    stacked = torch.stack([torch.from_numpy(image) for image in sharpened])
    return stacked.to(degraded.dtype).clamp(0, 1)


def wiener_skimage(degraded: Tensor, kernel: Tensor, *, balance: float) -> Tensor:
    """Deconvolve with a known kernel by the Wiener filter of scikit-image, as a benchmark.

    Unlike ``wiener.wiener_deconvolve`` it has no floor, and a margin that ramps to the mean.

    Args:
        degraded: ``(B, 3, H, W)`` in ``[0, 1]``, blurred as ``degradations.blur`` does.
        kernel: ``(K, K)``, K odd.
        balance: Regularization weight; larger is smoother.
    """
    from skimage.restoration import wiener

    # The filter assumes that the picture repeats beyond its border, where a jump would ring far
    # into it: a margin that fades to one shade has no jump.
    margin, known = 2 * kernel.shape[-1], kernel.numpy()
    restored = np.empty(degraded.shape, np.float32)
    for index in np.ndindex(degraded.shape[:2]):
        channel = degraded[index].numpy()
        padded = np.pad(channel, margin, mode="linear_ramp", end_values=channel.mean())
        filtered = wiener(padded, known, balance, clip=False)
        restored[index] = filtered[margin:-margin, margin:-margin]
    return torch.from_numpy(restored).to(degraded.dtype).clamp(0, 1)


def reapply_jpeg(degraded: Tensor, level: Tensor | None, *, step: int = 2) -> Tensor:
    """Remove JPEG blocks by saving the picture again with the blocks elsewhere, many times.

    The mean over files whose blocks begin at other places has no edges of blocks (Nosratinia 2001,
    "Enhancement of JPEG-Compressed Images by Re-application of JPEG").

    Args:
        degraded: ``(B, 3, H, W)`` in ``[0, 1]``.
        level: ``jpeg_level`` of each image, ``(B,)``; None takes that of quality 50.
        step: Pixels from one beginning to the next along each axis, of the 8 of a block.
    """
    levels = [jpeg_level(50)] * len(degraded) if level is None else level.tolist()
    places = range(0, 8, step)
    return torch.cat(
        [
            torch.stack(
                [
                    shifted_jpeg(
                        image, round(max(jpeg_quality(strength), 1)), rows=rows, columns=columns
                    )
                    for rows in places
                    for columns in places
                ]
            ).mean(dim=0)
            for image, strength in zip(degraded.split(1), levels, strict=True)
        ]
    )


def bicubic(degraded: Tensor, _sigma: Tensor | None = None, *, scale: int) -> Tensor:
    """Enlarge ``scale`` times with the bicubic kernel (Keys 1981, a = -0.5)."""
    enlarged = F.interpolate(degraded, scale_factor=scale, mode="bicubic", antialias=True)
    return enlarged.clamp(0, 1)
