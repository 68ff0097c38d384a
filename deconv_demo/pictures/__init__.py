"""Files to pixels and back: upright, 8 bits, with metadata, and one sentence per broken file."""

from deconv_demo.pictures.image_io import get_writer
from deconv_demo.pictures.image_tensors import (
    PictureError,
    from_pixels,
    is_gray_pixels,
    normalize,
    open_picture,
    save_picture,
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
