"""Conversions between pictures, pixels and tensors: upright, 8 bits, gray or RGB, with metadata.

A `picture` is a Pillow image as ``normalize`` returns it: mode L, LA, RGB or RGBA, fully
loaded, with only "exif" (bytes, without orientation), "icc_profile", "dpi" and "jpeg_quality" in
``info``, if the file had them. `pixels` are ``(H, W, 3)`` uint8 RGB, an `image` is
``(1, 3, H, W)`` float32 RGB in ``[0, 1]``.
"""

from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

from deconv_demo.pictures.bit_depth import prepare_tiles, to_eight_bits
from deconv_demo.pictures.decompression_bombs import has_costly_exif
from deconv_demo.pictures.errors import PictureError, check_size
from deconv_demo.pictures.image_io import (
    decoding,
    descriptive_exif,
    icc_profile_for,
    opened_file,
)
from deconv_demo.pictures.jpeg_tables import file_quality

MODES = ("L", "LA", "RGB", "RGBA")
# Alpha below which the colour of a pixel is not believed: a sixteenth of what is seen.
FAINT = 16
# EXIF 2.3, tag 0x0112: the transposition that turns the stored pixels upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(source: str | Path | bytes | BinaryIO | None) -> Image.Image:
    """Read the (first) picture of a file and ``normalize`` it.

    Args:
        source: A path, the bytes of a file, or a binary stream, read from its beginning.

    Raises:
        PictureError: The file cannot be used, for any reason; nothing else is raised.
    """
    with opened_file(source) as picture:
        return _normalize(picture)


def normalize(picture: Image.Image | None) -> Image.Image:
    """Return a picture in the form this project uses (see the module), from any Pillow image.

    The argument is left unchanged. CMYK, LAB and the like become RGB, 16-bit and float samples
    8 bits; RGB and gray keep their values and their ICC profile.

    Raises:
        PictureError: The picture is None, empty, too large, or cannot be decoded.

    >>> normalize(Image.new("1", (2, 1), 1)).getpixel((0, 0))
    255
    """
    if not isinstance(picture, Image.Image):
        raise PictureError("no_picture")
    with decoding():
        return _normalize(picture)


def to_pixels(picture: Image.Image) -> np.ndarray:
    """Return ``(H, W, 3)`` uint8 RGB; gray is repeated, alpha dropped."""
    return np.array(picture.convert("RGB"))


def to_image(picture: Image.Image) -> Tensor:
    """Return ``(1, 3, H, W)`` float32 RGB in ``[0, 1]``; gray is repeated, alpha dropped."""
    pixels = torch.from_numpy(to_pixels(picture))
    return pixels.permute(2, 0, 1).contiguous().unsqueeze(0).float().div_(255)


def visible_pixels(picture: Image.Image) -> np.ndarray:
    """Return ``(H, W, 3)`` uint8 RGB, with transparent pixels filled from the colours around them.

    Transparent pixels, and those that can hardly be seen, may have any colour, mostly black, and a
    network would draw it into the rim of the visible part.
    """
    if picture.mode not in ("LA", "RGBA"):
        return to_pixels(picture)
    if not (np.asarray(picture.getchannel("A")) >= FAINT).any():
        return to_pixels(picture)
    return np.array(_fill_transparent(picture.convert("RGBA")))


def _fill_transparent(picture: Image.Image) -> Image.Image:
    """Fill RGBA, some of it visible, from a smaller version of itself: colours spread outwards."""
    mask = picture.getchannel("A").point(lambda alpha: 255 if alpha >= FAINT else 0)
    colors = picture.convert("RGB")
    if mask.getextrema()[0] != 0:
        return colors
    visible = colors.copy()
    visible.putalpha(mask)
    around = _fill_transparent(visible.reduce(2))  # weighs colours by their visible fraction
    return Image.composite(colors, around.resize(picture.size, Image.Resampling.BILINEAR), mask)


def to_uint8(image: Tensor) -> np.ndarray:
    """Return ``(H, W, 3)`` uint8: clipped to ``[0, 1]``, then rounded; NaN gives 0.

    Args:
        image: ``(1, 3, H, W)`` or ``(3, H, W)``, floating point.

    >>> to_uint8(torch.tensor([-0.1, 0.499, 1.7]).view(3, 1, 1)).tolist()
    [[[0, 127, 255]]]
    """
    if image.ndim == 4 and len(image) == 1:
        image = image[0]
    if image.ndim != 3 or len(image) != 3:
        raise ValueError(f"expected (1, 3, H, W) or (3, H, W), got {tuple(image.shape)}")
    levels = image.detach().float().nan_to_num(nan=0.0).clamp_(0, 1).mul_(255).round_()
    return levels.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def from_pixels(pixels: np.ndarray, *, like: Image.Image, gray: bool = False) -> Image.Image:
    """Make a picture in the mode of another, with its alpha and its metadata.

    Args:
        pixels: ``(H, W, 3)`` uint8 RGB, of any size. The three channels are averaged for a gray
            picture.
        like: Picture as ``normalize`` returns it. Its alpha is resized (bicubic) where the size
            differs, and the pixel size in its EXIF updated.
        gray: Whether the picture is gray even where its mode has colour: WebP, AVIF and HEIC have
            no gray mode.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    if like.mode not in MODES:
        raise ValueError(f"like has mode {like.mode}, not one of {MODES}; normalize it first")
    if gray or like.mode in ("L", "LA"):
        pixels = ((pixels.sum(axis=2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if gray:
        picture = picture.convert(like.mode.removesuffix("A"))
    if like.mode in ("LA", "RGBA"):
        alpha = like.getchannel("A")
        if alpha.size != picture.size:
            alpha = alpha.resize(picture.size, Image.Resampling.BICUBIC)
        picture.putalpha(alpha)
    picture.info = {
        key: like.info[key] for key in ("exif", "icc_profile", "dpi") if key in like.info
    }
    if "exif" in picture.info and picture.size != like.size:
        with suppress(PictureError), decoding():  # EXIF that cannot be rewritten stays as it is
            picture.info["exif"] = _rewrite_exif(like.getexif(), picture.size)
    return picture


def _normalize(picture: Image.Image) -> Image.Image:
    check_size(picture.size)
    stored_as = prepare_tiles(picture)
    # Pillow turns a TIFF itself while it decodes it, and keeps no record of it.
    lay_down = getattr(picture, "tag_v2", {}).get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    picture.load()
    check_size(picture.size)  # a HEIC file can turn out larger than its header says
    plain = to_eight_bits(picture, stored_as)
    exif: Image.Exif | None = None
    with suppress(Exception):  # Pillow raises anything on broken EXIF, which costs no picture
        if not has_costly_exif(_raw_exif(picture)):
            exif = picture.getexif()
    orientation = exif.get(ExifTags.Base.Orientation) if exif else None
    if orientation in UPRIGHT:
        plain = plain.transpose(UPRIGHT[orientation])
        lay_down = orientation >= 5
    dpi = _read_dpi(picture)
    if lay_down and dpi:
        dpi = dpi[::-1]
    carried = {
        "exif": _carried_exif(picture, exif, plain.size) if exif else None,
        "icc_profile": icc_profile_for(plain.mode, picture.info.get("icc_profile")),
        "dpi": dpi,
        "jpeg_quality": file_quality(picture) or _known_quality(picture),
    }
    plain.info = {key: value for key, value in carried.items() if value}
    return plain


def _known_quality(picture: Image.Image) -> float | None:
    """Return the quality that was read before, of a picture that is normalized again."""
    quality = picture.info.get("jpeg_quality")
    # Text of a file lies in ``info``, too, under any name.
    return quality if isinstance(quality, float) and 1 <= quality <= 100 else None


def _raw_exif(picture: Image.Image) -> bytes:
    """Return the bytes of the EXIF tags: a block, or in old PNG files its hexadecimal digits."""
    if raw := picture.info.get("exif"):
        return bytes(raw)
    digits = picture.info.get("Raw profile type exif")
    return bytes.fromhex("".join(digits.split("\n")[3:])) if digits else b""


def _read_dpi(picture: Image.Image) -> tuple[float, float] | None:
    with suppress(KeyError, TypeError, ValueError, ZeroDivisionError):
        x, y = (float(value) for value in picture.info["dpi"])
        if 0 < x <= 65535 and 0 < y <= 65535:  # the range of JPEG; no real one is outside
            return x, y
    return None


def _carried_exif(picture: Image.Image, exif: Image.Exif, size: tuple[int, int]) -> bytes | None:
    """Return EXIF data for the upright picture: the original bytes, if they need no change."""
    with suppress(Exception):  # broken in ways that only show when it is written
        if getattr(picture, "tag_v2", None) is not None:
            described = Image.Exif()
            described.load(descriptive_exif(exif))
            return _rewrite_exif(described, size)
        raw = picture.info.get("exif")
        if isinstance(raw, bytes) and ExifTags.Base.Orientation not in exif:
            return raw if raw.startswith(b"Exif\0\0") else b"Exif\0\0" + raw
        return _rewrite_exif(exif, size)
    return None


def _rewrite_exif(exif: Image.Exif, size: tuple[int, int]) -> bytes:
    """Return EXIF data without orientation, with its pixel size, if present, set to ``size``."""
    written = Image.Exif()
    written.load(exif.tobytes())
    written.pop(ExifTags.Base.Orientation, None)
    details = written.get_ifd(ExifTags.IFD.Exif)
    tags = (
        (written, ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength),
        (details, ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight),
    )
    for directory, *sides in tags:
        for tag, side in zip(sides, size, strict=True):
            if tag in directory:
                directory[tag] = side
    return written.tobytes() if len(written) else b""
