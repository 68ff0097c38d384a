"""Clean images in, degraded images out: kernels, noise, JPEG, smaller sizes; damage of tasks."""

from deconv_demo.degradations.blurring import blur, blur_and_noise, blur_apart, half_planes
from deconv_demo.degradations.compression import jpeg, jpeg_some
from deconv_demo.degradations.kernels import (
    BLUR_KERNEL_SIZE,
    SHARP,
    defocus_kernel,
    gaussian_kernel,
    motion_kernel,
    random_blur_kernel,
)
from deconv_demo.degradations.noise import add_gaussian_noise, is_grey, quantise
from deconv_demo.degradations.resampling import downscale, shrink
from deconv_demo.degradations.task_degradations import (
    APART_SHARE,
    GREY_SHARE,
    JPEG_SHARE,
    LARGEST_FAINT_SIGMA,
    NOISE_SHARE,
    SHARED_NOISE_SHARE,
    Degraded,
)

__all__ = [
    "APART_SHARE",
    "BLUR_KERNEL_SIZE",
    "Degraded",
    "GREY_SHARE",
    "JPEG_SHARE",
    "LARGEST_FAINT_SIGMA",
    "NOISE_SHARE",
    "SHARED_NOISE_SHARE",
    "SHARP",
    "add_gaussian_noise",
    "blur",
    "blur_and_noise",
    "blur_apart",
    "defocus_kernel",
    "downscale",
    "gaussian_kernel",
    "half_planes",
    "is_grey",
    "jpeg",
    "jpeg_some",
    "motion_kernel",
    "quantise",
    "random_blur_kernel",
    "shrink",
]
