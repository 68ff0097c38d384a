"""Picture files made for tests: by Pillow, and by hand where Pillow would not write them."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode(picture, writer, **options):
    pillow_heif.register_heif_opener()
    picture.save(stream := io.BytesIO(), writer, **options)
    return stream.getvalue()


def random_pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode_noise(writer, mode="RGB", size=(24, 16), **options):
    """A file of noise, so that no cut or changed byte goes unnoticed for being empty."""
    picture = Image.fromarray(random_pixels(size[1], size[0])).convert(mode)
    return encode(picture, writer, **options)


def chunk(kind, data, crc=None):
    """A chunk of a PNG file, with its checksum or another one."""
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def broken_deflate() -> bytes:
    """A TIFF file with zeros in the middle of its compressed pixels."""
    data = bytearray(encode_noise("TIFF", compression="tiff_adobe_deflate"))
    data[200:220] = bytes(20)
    return bytes(data)


TIFF_BROKEN_DEFLATE = broken_deflate()
