"""Files to pixels and back: upright, 8 bits, with metadata, and one sentence per broken file."""

from deconv_demo.pictures.bit_depth import is_gray_pixels
from deconv_demo.pictures.errors import PictureError
from deconv_demo.pictures.image_io import get_writer, save_picture
from deconv_demo.pictures.image_tensors import (
    from_pixels,
    normalize,
    open_picture,
    to_image,
    to_pixels,
    to_uint8,
    visible_pixels,
)

__all__ = [
    "PictureError",
    "from_pixels",
    "get_writer",
    "is_gray_pixels",
    "normalize",
    "open_picture",
    "save_picture",
    "to_image",
    "to_pixels",
    "to_uint8",
    "visible_pixels",
]
