"""Classical restoration methods without learning, and the metrics for all methods."""

from deconv_demo.classical.baselines import (
    bicubic,
    cycle_spun_wavelet,
    gaussian_filter,
    reapply_jpeg,
    unsharp_mask,
    wavelet_denoise,
    wiener_skimage,
)
from deconv_demo.classical.iterative import (
    CircularConvolution,
    Convolution,
    conjugate_gradient,
    ista_wavelets,
    landweber,
    landweber_closed_form,
    richardson_lucy,
    take,
    tikhonov,
    wiener_circular,
)
from deconv_demo.classical.metrics import crop_border, psnr, ssim, y_channel
from deconv_demo.classical.stopping import (
    discrepancy_stop,
    logarithmic_grid,
    noise_norm,
    random_points,
)
from deconv_demo.classical.wiener import WienerFilter, fast_length, power, wiener_deconvolve

__all__ = [
    "CircularConvolution",
    "Convolution",
    "WienerFilter",
    "bicubic",
    "conjugate_gradient",
    "crop_border",
    "cycle_spun_wavelet",
    "discrepancy_stop",
    "fast_length",
    "gaussian_filter",
    "ista_wavelets",
    "landweber",
    "landweber_closed_form",
    "logarithmic_grid",
    "noise_norm",
    "power",
    "psnr",
    "random_points",
    "reapply_jpeg",
    "richardson_lucy",
    "ssim",
    "take",
    "tikhonov",
    "unsharp_mask",
    "wavelet_denoise",
    "wiener_circular",
    "wiener_deconvolve",
    "wiener_skimage",
    "y_channel",
]
