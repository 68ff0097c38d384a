"""The arithmetic of transposed convolution: the operator, its equivalents, and its overlap."""

from deconv_demo.convolution.checkerboard import checkerboard_db, log_spectrum
from deconv_demo.convolution.equivalents import phase_kernels
from deconv_demo.convolution.transposed import output_size, overlap_map, overlap_ratio, scatter

__all__ = [
    "checkerboard_db",
    "log_spectrum",
    "output_size",
    "overlap_map",
    "overlap_ratio",
    "phase_kernels",
    "scatter",
]
