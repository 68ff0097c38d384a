"""Conversion of all sample types of Pillow to 8 bits, gray or RGB, with or without alpha."""

from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from deconv_demo.pictures.image_io import icc_profile_for


def prepare_tiles(picture: Image.Image) -> str:
    """Return Pillow's name for the sample layout in the file ("RGB;16B"), "" once it is decoded."""
    tiles = getattr(picture, "tile", [])
    if not tiles:
        return ""
    first = tiles[0].args[0] if isinstance(tiles[0].args, tuple) else tiles[0].args
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return str(first)
    if first == "R" and 16 in picture.tag_v2.get(258, ()):
        # Uncompressed 16-bit TIFF with a plane for each colour: Pillow 12 would take every
        # byte for a sample.
        order = "L" if picture.tag_v2.prefix == b"II" else "B"
        picture.tile = [
            tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:])) for tile in tiles
        ]
    return str(first)


def to_eight_bits(picture: Image.Image, stored_as: str) -> Image.Image:
    """Convert any of Pillow's modes to L, LA, RGB or RGBA; always a new picture.

    Args:
        picture: A loaded picture.
        stored_as: Result of ``prepare_tiles`` before it was loaded.

    >>> to_eight_bits(Image.new("1", (1, 1), 1), "").mode
    'L'
    """
    mode = picture.mode
    if mode == "F" or mode.startswith("I"):
        return _scale_samples(picture, stored_as)
    if mode == "CMYK":
        return _cmyk_to_rgb(picture)
    picture = _mend_key(picture, stored_as)
    alpha = "A" if picture.has_transparency_data else ""
    if mode in ("1", "L", "LA", "La"):
        return picture.convert("L" + alpha)
    plain = picture.convert("RGB" + alpha)
    may_be_gray = mode in ("P", "PA") or stored_as == "LA;16B"
    if may_be_gray and is_gray_pixels(np.asarray(plain)):
        gray = plain.getchannel("R")
        return Image.merge("LA", (gray, plain.getchannel("A"))) if alpha else gray
    return plain


def _scale_samples(picture: Image.Image, stored_as: str) -> Image.Image:
    """Convert gray samples of 16 or 32 bits or in floating point to 8 bits.

    In 16 bits the format defines white. Other samples have no defined white: it is the smallest
    usual value that none exceeds. In floating point that is 1 if all but a few values do not exceed
    it by much: resampling overshoots, and a lamp may be brighter than white.
    """
    values = np.asarray(picture)
    white: float
    if picture.mode.startswith("I;16"):
        white = 4095 if stored_as == "I;12" else 65535
    else:
        if stored_as == "I;32N":  # unsigned in the file
            values = values.view(np.uint32)
        values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=np.inf, neginf=0.0)
        finite = values[np.isfinite(values)]
        largest = float(finite.max(initial=0.0))
        white = next((usual for usual in (255, 65535) if largest <= usual), largest)
        if picture.mode == "F" and (finite > 1.5).sum() <= 0.001 * finite.size:
            white = 1
        elif picture.mode == "F" and largest <= 25.5:
            white = largest  # with 255 as white it would be all but black
    if getattr(picture, "tag_v2", {}).get(262) == 0:  # TIFF, WhiteIsZero
        values = white - values
    levels = np.clip(values, 0, white).astype(np.float32) * np.float32(255 / white)
    gray = Image.fromarray(np.rint(levels).astype(np.uint8))
    key = picture.info.get("transparency")  # PNG: the one gray level that is transparent
    if isinstance(key, int):
        gray.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return gray


def _mend_key(picture: Image.Image, stored_as: str) -> Image.Image:
    """Convert the transparent colour of a PNG to 8 bits, as Pillow has done with its pixels."""
    key = picture.info.get("transparency")
    if stored_as == "RGB;16B" and isinstance(key, tuple):
        key = tuple(value >> 8 for value in key)
    elif stored_as in ("L;2", "L;4") and isinstance(key, int):
        key *= 85 if stored_as == "L;2" else 17
    else:
        return picture
    picture = picture.copy()
    picture.info["transparency"] = key
    return picture


def _cmyk_to_rgb(picture: Image.Image) -> Image.Image:
    """Convert to sRGB with the ICC profile of the picture, or without one by Pillow's formula."""
    profile = icc_profile_for("CMYK", picture.info.get("icc_profile"))
    if profile:
        with suppress(ImageCms.PyCMSError, OSError):  # a broken profile counts as none
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB")
            if converted is not None:  # as it is for a conversion in place
                return converted
    return picture.convert("RGB")


def is_gray_pixels(pixels: np.ndarray) -> bool:
    """Return whether the three colours of ``(H, W, 3)`` or ``(H, W, 4)`` pixels are equal."""
    rows = slice(None, None, max(len(pixels) // 16, 1))  # most colour pictures differ in a few rows
    return all(
        np.array_equal(part[..., 0], part[..., other])
        for part in (pixels[rows], pixels)
        for other in (1, 2)
    )
