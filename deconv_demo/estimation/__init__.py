"""Estimators of the condition: blur kernel, noise and JPEG artifacts of a picture."""

from deconv_demo.estimation.blur import (
    BLOCK,
    BlurKernelEstimator,
    estimate_kernels,
    identity_kernels,
    spectral_distance,
    spectral_features,
)
from deconv_demo.estimation.jpeg_grid import sees_blocks
from deconv_demo.estimation.kernel_choice import best_kernel
from deconv_demo.estimation.kernel_shape import centered, kernel_similarity, spread, widened
from deconv_demo.estimation.noise import (
    BRIGHTNESSES,
    MIDDLE,
    RECEPTIVE_FIELD,
    STRIDE,
    NoiseLevelEstimator,
    near_brightness,
)
from deconv_demo.estimation.noise_reading import (
    MIN_SIDE,
    NoiseReading,
    estimate_sigma,
    read_noise,
)
from deconv_demo.estimation.one_thread import on_one_thread

__all__ = [
    "BRIGHTNESSES",
    "MIDDLE",
    "RECEPTIVE_FIELD",
    "STRIDE",
    "centered",
    "kernel_similarity",
    "near_brightness",
    "spread",
    "widened",
    "BLOCK",
    "BlurKernelEstimator",
    "MIN_SIDE",
    "NoiseLevelEstimator",
    "NoiseReading",
    "best_kernel",
    "estimate_kernels",
    "estimate_sigma",
    "identity_kernels",
    "on_one_thread",
    "read_noise",
    "sees_blocks",
    "spectral_distance",
    "spectral_features",
]
