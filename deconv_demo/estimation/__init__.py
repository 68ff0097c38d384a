"""What is read off a picture before it is restored: its blur and its noise."""

from deconv_demo.estimation.blur import (
    BLOCK,
    BlurReader,
    no_blur,
    read_blur,
    spectral_distance,
    spectral_features,
)
from deconv_demo.estimation.kernel_choice import best_kernel
from deconv_demo.estimation.noise import SMALLEST_SIDE, NoiseReader, estimate_sigma
from deconv_demo.estimation.one_thread import on_one_thread
from deconv_demo.estimation.shake import SHAKE_KERNEL_SIZE, estimate_shake

__all__ = [
    "BLOCK",
    "BlurReader",
    "NoiseReader",
    "SHAKE_KERNEL_SIZE",
    "SMALLEST_SIDE",
    "best_kernel",
    "estimate_shake",
    "estimate_sigma",
    "no_blur",
    "on_one_thread",
    "read_blur",
    "spectral_distance",
    "spectral_features",
]
