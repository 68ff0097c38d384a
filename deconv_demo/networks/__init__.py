"""The networks as plain modules, their files, and how they run lean and in 8 bits."""

from deconv_demo.networks.activation_ranges import Ranges, measure_ranges, read_ranges, save_ranges
from deconv_demo.networks.inplace import LeanResidualBlock, lean_twin, subpixel_twin
from deconv_demo.networks.module_copy import shallow_twin
from deconv_demo.networks.quantized import QuantisedNetwork, is_fast_here
from deconv_demo.networks.restorers import (
    DeconvUNet,
    DeconvUpscaler,
    ResidualBlock,
    bicubic_upscale,
    blank_inputs,
    crop_inputs,
)
from deconv_demo.networks.upsamplers import SCALE, WIDTHS, build_upsamplers
from deconv_demo.networks.weight_files import (
    WeightsError,
    read_header,
    read_tensors,
    save_weights,
    sha256,
)

__all__ = [
    "DeconvUNet",
    "DeconvUpscaler",
    "LeanResidualBlock",
    "QuantisedNetwork",
    "Ranges",
    "ResidualBlock",
    "SCALE",
    "WIDTHS",
    "WeightsError",
    "bicubic_upscale",
    "blank_inputs",
    "build_upsamplers",
    "crop_inputs",
    "is_fast_here",
    "lean_twin",
    "measure_ranges",
    "read_header",
    "read_ranges",
    "read_tensors",
    "save_ranges",
    "save_weights",
    "sha256",
    "shallow_twin",
    "subpixel_twin",
]
