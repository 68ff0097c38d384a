"""The classical methods that each network is compared with, on tensors."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def wavelet_denoise(degraded: Tensor, sigma: Tensor | None) -> Tensor:
    """Shrink wavelet coefficients (BayesShrink, Chang, Yu and Vetterli 2000), in YCbCr.

    Args:
        degraded: ``(B, 3, H, W)`` in ``[0, 1]``.
        sigma: ``(B,)`` standard deviation of the noise; None to estimate it.
    """
    levels = [None] * len(degraded) if sigma is None else sigma.tolist()
    restored = [_shrink(image, level) for image, level in zip(degraded, levels, strict=True)]
    return torch.stack(restored).to(degraded.dtype).clamp(0, 1)


def _shrink(image: Tensor, level: float | None) -> Tensor:
    """Shrink the coefficients of one image, ``(3, H, W)``."""
    from skimage.restoration import denoise_wavelet

    if level == 0:  # nothing to shrink; scikit-image would divide nothing by nothing
        return image
    options = {"sigma": level, "method": "BayesShrink", "mode": "soft", "rescale_sigma": True}
    if torch.equal(image[0], image[1]) and torch.equal(image[0], image[2]):
        # One channel has one noise; of three, brightness would be taken to have less of it.
        gray = denoise_wavelet(image[0].numpy(), **options)
        return torch.from_numpy(gray).expand(3, -1, -1)
    pixels = image.permute(1, 2, 0).numpy()
    shrunk = denoise_wavelet(pixels, convert2ycbcr=True, channel_axis=-1, **options)
    return torch.from_numpy(shrunk).permute(2, 0, 1)


def cycle_spun_wavelet(degraded: Tensor, sigma: float, *, shifts: int = 3) -> Tensor:
    """Soft-threshold wavelet coefficients at many shifts of the picture, and average.

    Sparse coding in its oldest form (Donoho 1995); the shifts (Coifman and Donoho 1995) take away
    the marks that one fixed grid of wavelets leaves.

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
    """Add back ``amount`` times what a Gaussian blur of ``radius`` pixels takes away.

    Args:
        degraded: ``(B, 3, H, W)`` in ``[0, 1]``.
        radius: Standard deviation of the blur in pixels.
        amount: 0 leaves the image as it is.
    """
    from skimage.filters import unsharp_mask as skimage_unsharp_mask

    sharpened = [
        skimage_unsharp_mask(image.numpy(), radius=radius, amount=amount, channel_axis=0)
        for image in degraded
    ]
    stacked = torch.stack([torch.from_numpy(image) for image in sharpened])
    return stacked.to(degraded.dtype).clamp(0, 1)


def wiener_skimage(degraded: Tensor, kernel: Tensor, *, balance: float) -> Tensor:
    """Undo a blur whose kernel is known by a Wiener filter with a Laplacian regulariser.

    Args:
        degraded: ``(B, 3, H, W)`` in ``[0, 1]``, blurred as ``degradations.blur`` does.
        kernel: ``(K, K)``, K odd.
        balance: What noise costs against blur; larger is smoother.
    """
    from skimage.restoration import wiener

    # The filter takes the picture to repeat beyond its border, where a jump would ring far into
    # it: a margin that fades to one shade has none.
    margin, known = 2 * kernel.shape[-1], kernel.numpy()
    restored = np.empty(degraded.shape, np.float32)
    for index in np.ndindex(degraded.shape[:2]):
        channel = degraded[index].numpy()
        padded = np.pad(channel, margin, mode="linear_ramp", end_values=channel.mean())
        filtered = wiener(padded, known, balance, clip=False)
        restored[index] = filtered[margin:-margin, margin:-margin]
    return torch.from_numpy(restored).to(degraded.dtype).clamp(0, 1)


def bicubic(degraded: Tensor, _sigma: Tensor | None = None, *, scale: int) -> Tensor:
    """Enlarge ``scale`` times with the bicubic kernel (Keys 1981, a = -0.5)."""
    enlarged = F.interpolate(degraded, scale_factor=scale, mode="bicubic", antialias=True)
    return enlarged.clamp(0, 1)
