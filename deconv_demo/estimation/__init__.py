"""What is read off a picture before it is restored: its blur and its noise."""

from deconv_demo.estimation.blur import (
    BLOCK,
    BlurReader,
    no_blur,
    read_blur,
    spectral_distance,
    spectral_features,
)
from deconv_demo.estimation.noise import SMALLEST_SIDE, NoiseReader, estimate_sigma

__all__ = [
    "BLOCK",
    "BlurReader",
    "NoiseReader",
    "SMALLEST_SIDE",
    "estimate_sigma",
    "no_blur",
    "read_blur",
    "spectral_distance",
    "spectral_features",
]
