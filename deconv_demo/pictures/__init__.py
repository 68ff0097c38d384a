"""Files to pixels and back: upright, 8 bits, with their metadata; sentences for broken files."""

from deconv_demo.pictures.image_io import writer_of
from deconv_demo.pictures.normalize import (
    PictureError,
    from_pixels,
    is_grey,
    normalise,
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
    "is_grey",
    "normalise",
    "open_picture",
    "save_picture",
    "to_image",
    "to_pixels",
    "to_uint8",
    "visible_pixels",
    "writer_of",
]
