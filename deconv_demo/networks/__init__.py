"""The networks as plain modules, their weight files, and their in-place and 8-bit copies."""

from deconv_demo.networks.activation_ranges import (
    ActivationRange,
    calibrate,
    read_ranges,
    save_ranges,
)
from deconv_demo.networks.inplace import InplaceResidualBlock, inplace_copy, subpixel_copy
from deconv_demo.networks.module_copy import weight_sharing_copy
from deconv_demo.networks.quantized import QuantizedNetwork, has_fast_int8
from deconv_demo.networks.restorers import (
    DeconvUNet,
    DeconvUpscaler,
    ResidualBlock,
    Restorer,
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
    "ActivationRange",
    "DeconvUNet",
    "DeconvUpscaler",
    "InplaceResidualBlock",
    "QuantizedNetwork",
    "ResidualBlock",
    "Restorer",
    "SCALE",
    "WIDTHS",
    "WeightsError",
    "bicubic_upscale",
    "blank_inputs",
    "build_upsamplers",
    "calibrate",
    "crop_inputs",
    "has_fast_int8",
    "inplace_copy",
    "read_header",
    "read_ranges",
    "read_tensors",
    "save_ranges",
    "save_weights",
    "sha256",
    "subpixel_copy",
    "weight_sharing_copy",
]
