"""Estimators of the condition: the blur kernel and the noise level of a picture."""

from deconv_demo.estimation.blur import (
    BLOCK,
    BlurKernelEstimator,
    estimate_kernels,
    identity_kernels,
    spectral_distance,
    spectral_features,
)
from deconv_demo.estimation.kernel_choice import best_kernel
from deconv_demo.estimation.noise import MIN_SIDE, NoiseLevelEstimator, estimate_sigma
from deconv_demo.estimation.one_thread import on_one_thread

__all__ = [
    "BLOCK",
    "BlurKernelEstimator",
    "MIN_SIDE",
    "NoiseLevelEstimator",
    "best_kernel",
    "estimate_kernels",
    "estimate_sigma",
    "identity_kernels",
    "on_one_thread",
    "spectral_distance",
    "spectral_features",
]
