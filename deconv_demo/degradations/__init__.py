"""Degradations: blur kernels, noise, JPEG and downscaling, and the pipeline of each task."""

from deconv_demo.degradations.blurring import (
    blend_two_blurs,
    blur,
    blur_and_noise,
    half_plane_masks,
)
from deconv_demo.degradations.camera import SHOT_RANGE
from deconv_demo.degradations.compression import jpeg, random_jpeg
from deconv_demo.degradations.kernels import (
    BLUR_KERNEL_SIZE,
    IDENTITY_KERNEL,
    defocus_kernel,
    gaussian_kernel,
    motion_kernel,
    random_blur_kernel,
)
from deconv_demo.degradations.noise import add_gaussian_noise, is_gray, quantize
from deconv_demo.degradations.photographs import (
    FILE_PROB,
    MONOCHROME_PROB,
    QUALITIES,
    RESIZED_PROB,
    SHARPENED_PROB,
    SMOOTHED_PROB,
    measured,
    photograph,
    random_grain,
    random_photograph,
)
from deconv_demo.degradations.resampling import bicubic_downsample, bicubic_downsample_8bit
from deconv_demo.degradations.task_degradations import (
    APART_PROB,
    GRAIN_PROB,
    GRAY_PROB,
    JPEG_PROB,
    MAX_FAINT_SIGMA,
    NOISE_PROB,
    NOISELESS_PROB,
    PLAIN_PROB,
    SHARED_NOISE_PROB,
    DegradedBatch,
)

__all__ = [
    "APART_PROB",
    "BLUR_KERNEL_SIZE",
    "DegradedBatch",
    "FILE_PROB",
    "GRAIN_PROB",
    "GRAY_PROB",
    "IDENTITY_KERNEL",
    "JPEG_PROB",
    "MAX_FAINT_SIGMA",
    "MONOCHROME_PROB",
    "NOISELESS_PROB",
    "NOISE_PROB",
    "PLAIN_PROB",
    "QUALITIES",
    "RESIZED_PROB",
    "SHARED_NOISE_PROB",
    "SHARPENED_PROB",
    "SHOT_RANGE",
    "SMOOTHED_PROB",
    "add_gaussian_noise",
    "bicubic_downsample",
    "bicubic_downsample_8bit",
    "blend_two_blurs",
    "blur",
    "blur_and_noise",
    "defocus_kernel",
    "gaussian_kernel",
    "half_plane_masks",
    "is_gray",
    "jpeg",
    "measured",
    "motion_kernel",
    "photograph",
    "quantize",
    "random_blur_kernel",
    "random_grain",
    "random_jpeg",
    "random_photograph",
]
