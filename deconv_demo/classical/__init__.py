"""What textbooks do without learning, and the metrics that everything is held against."""

from deconv_demo.classical.baselines import (
    bicubic,
    cycle_spun_wavelet,
    gaussian_filter,
    unsharp_mask,
    wavelet_denoise,
    wiener_skimage,
)
from deconv_demo.classical.iterative import (
    CircularConvolution,
    Convolution,
    conjugate_gradient,
    first,
    landweber,
    landweber_after,
    richardson_lucy,
    sparse_landweber,
    tikhonov,
    wiener_circular,
)
from deconv_demo.classical.metrics import crop_border, luma, psnr, ssim
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
    "first",
    "gaussian_filter",
    "landweber",
    "landweber_after",
    "logarithmic_grid",
    "luma",
    "noise_norm",
    "power",
    "psnr",
    "random_points",
    "richardson_lucy",
    "sparse_landweber",
    "ssim",
    "tikhonov",
    "unsharp_mask",
    "wavelet_denoise",
    "wiener_circular",
    "wiener_deconvolve",
    "wiener_skimage",
]
