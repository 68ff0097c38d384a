"""Pictures to pixels to tensors and back: upright, 8 bits, grey or RGB, with their metadata.

A `picture` is a Pillow image as ``normalise`` leaves it: mode L, LA, RGB or RGBA, fully
loaded, nothing in ``info`` but "exif" (bytes, without orientation), "icc_profile" and "dpi",
where it came with them. `pixels` are ``(H, W, 3)`` uint8 RGB, an `image` is ``(1, 3, H, W)``
float32 RGB in ``[0, 1]``.
"""

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import ExifTags, Image, ImageCms
from torch import Tensor

from deconv_demo.picture_errors import MAX_PIXELS, MESSAGES, PictureError, check_size
from deconv_demo.picture_files import (
    decoding,
    descriptive_exif,
    icc_profile_for,
    opened_file,
    save_picture,
)

__all__ = [
    "MAX_PIXELS",
    "MESSAGES",
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
]

MODES = ("L", "LA", "RGB", "RGBA")
# EXIF 2.3, tag 0x0112: what brings the stored pixels upright.
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
    """Read the (first) picture of a file and ``normalise`` it.

    Args:
        source: A path, the bytes of a file, or a binary stream, read from its beginning.

    Raises:
        PictureError: Whatever is wrong with it; nothing else is raised.
    """
    with opened_file(source) as picture:
        return _normalise(picture)


def normalise(picture: Image.Image | None) -> Image.Image:
    """Return a picture as this project handles them (see the module), from any Pillow image.

    The one given is left as it is. CMYK, LAB and the like become RGB, 16-bit and float samples
    8 bits; RGB and grey keep their values and their ICC profile.

    Raises:
        PictureError: It is None, empty, too large, or cannot be decoded.

    >>> normalise(Image.new("1", (2, 1), 1)).getpixel((0, 0))
    255
    """
    if not isinstance(picture, Image.Image):
        raise PictureError("no_picture")
    with decoding():
        return _normalise(picture)


def to_pixels(picture: Image.Image) -> np.ndarray:
    """Return ``(H, W, 3)`` uint8 RGB: grey three times, alpha left out."""
    return np.array(picture.convert("RGB"))


def to_image(picture: Image.Image) -> Tensor:
    """Return ``(1, 3, H, W)`` float32 RGB in ``[0, 1]``: grey three times, alpha left out."""
    pixels = torch.from_numpy(to_pixels(picture))
    return pixels.permute(2, 0, 1).contiguous().unsqueeze(0).float().div_(255)


def visible_pixels(picture: Image.Image) -> np.ndarray:
    """Return ``(H, W, 3)`` uint8 RGB; what is fully transparent gets the colours next to it.

    Under a cut-out lies any colour, mostly black, and a network that sees it there draws it into
    the rim of what is visible.
    """
    if picture.mode not in ("LA", "RGBA") or picture.getchannel("A").getextrema()[1] == 0:
        return to_pixels(picture)
    return np.array(_fill_transparent(picture.convert("RGBA")))


def _fill_transparent(picture: Image.Image) -> Image.Image:
    """Fill RGBA, some of it visible, from a smaller version of itself: colours spread outwards."""
    mask = picture.getchannel("A").point(lambda alpha: 255 if alpha else 0)
    colours = picture.convert("RGB")
    if mask.getextrema()[0] > 0:
        return colours
    visible = colours.copy()
    visible.putalpha(mask)
    around = _fill_transparent(visible.reduce(2))  # weighs colours by what is visible of them
    return Image.composite(colours, around.resize(picture.size, Image.Resampling.BILINEAR), mask)


def is_grey(pixels: np.ndarray) -> bool:
    """Whether the three colours of ``(H, W, 3)`` pixels, or of four with alpha, are one."""
    rows = slice(None, None, max(len(pixels) // 16, 1))  # most colours show in a few rows
    return all(
        np.array_equal(part[..., 0], part[..., other])
        for part in (pixels[rows], pixels)
        for other in (1, 2)
    )


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


def from_pixels(pixels: np.ndarray, *, like: Image.Image, grey: bool = False) -> Image.Image:
    """Make a picture in the mode of another, with its alpha and its metadata.

    Args:
        pixels: ``(H, W, 3)`` uint8 RGB, of any size. For a grey picture the three channels are
            averaged.
        like: As ``normalise`` returns it. Its alpha is resized (bicubic) where the size
            differs, and the pixel size in its EXIF brought up to date.
        grey: Whether it is a grey picture even where its mode has colour: WebP, AVIF and HEIC have
            no grey.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    if like.mode not in MODES:
        raise ValueError(f"like has mode {like.mode}, not one of {MODES}; normalise it first")
    if grey or like.mode in ("L", "LA"):
        pixels = ((pixels.sum(axis=2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if grey:
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


def _normalise(picture: Image.Image) -> Image.Image:
    check_size(picture.size)
    stored_as = _prepare_tiles(picture)
    # Pillow turns a TIFF itself while it decodes it, and forgets that it did.
    lay_down = getattr(picture, "tag_v2", {}).get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    picture.load()
    check_size(picture.size)  # a HEIC file can turn out larger than its header says
    plain = _to_eight_bits(picture, stored_as)
    exif: Image.Exif | None = None
    with suppress(Exception):  # Pillow raises anything on broken EXIF, which costs no picture
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
    }
    plain.info = {key: value for key, value in carried.items() if value}
    return plain


def _prepare_tiles(picture: Image.Image) -> str:
    """Return Pillow's name for how samples lie in the file ("RGB;16B"), "" once it is decoded."""
    tiles = getattr(picture, "tile", [])
    if not tiles:
        return ""
    first = tiles[0].args[0] if isinstance(tiles[0].args, tuple) else tiles[0].args
    if picture.format == "TIFF" and first == "R" and 16 in picture.tag_v2.get(258, ()):
        # Uncompressed 16-bit TIFF with a plane for each colour: Pillow 12 would take every
        # byte for a sample.
        order = "L" if picture.tag_v2.prefix == b"II" else "B"
        picture.tile = [
            tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:])) for tile in tiles
        ]
    return str(first)


def _to_eight_bits(picture: Image.Image, stored_as: str) -> Image.Image:
    """Convert any of Pillow's modes to L, LA, RGB or RGBA; always a new picture."""
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
    may_be_grey = mode in ("P", "PA") or stored_as == "LA;16B"
    if may_be_grey and is_grey(np.asarray(plain)):
        grey = plain.getchannel("R")
        return Image.merge("LA", (grey, plain.getchannel("A"))) if alpha else grey
    return plain


def _scale_samples(picture: Image.Image, stored_as: str) -> Image.Image:
    """Bring grey samples of 16 or 32 bits or in floating point to 8 bits.

    White is what the format says for 16 bits. Other samples do not say; the smallest usual
    value that none exceeds is taken. In floating point that is 1 if all but a few do not exceed it
    by much: resampling overshoots, and a lamp may be brighter than white.
    """
    values = np.asarray(picture)
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
            white = largest  # of 255 this would be all but black
    if getattr(picture, "tag_v2", {}).get(262) == 0:  # TIFF, WhiteIsZero
        values = white - values
    levels = np.clip(values, 0, white).astype(np.float32) * np.float32(255 / white)
    grey = Image.fromarray(np.rint(levels).astype(np.uint8))
    key = picture.info.get("transparency")  # PNG: the one grey that is transparent
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def _mend_key(picture: Image.Image, stored_as: str) -> Image.Image:
    """Bring the transparent colour of a PNG to 8 bits, as Pillow has done with its pixels."""
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
    """Convert by the ICC profile of the picture to sRGB; without one by Pillow's formula."""
    profile = icc_profile_for("CMYK", picture.info.get("icc_profile"))
    if profile:
        with suppress(ImageCms.PyCMSError, OSError):  # a broken profile counts as none
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB")
    return picture.convert("RGB")


def _read_dpi(picture: Image.Image) -> tuple[float, float] | None:
    with suppress(TypeError, ValueError, ZeroDivisionError):
        x, y = (float(value) for value in picture.info.get("dpi"))
        if 0 < x <= 65535 and 0 < y <= 65535:  # the range of JPEG; no real one is outside
            return x, y
    return None


def _carried_exif(picture: Image.Image, exif: Image.Exif, size: tuple[int, int]) -> bytes | None:
    """Return EXIF data for the upright picture: the bytes that came, if they need no change."""
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
    """Return EXIF data without orientation, its pixel size, where it has one, set to ``size``."""
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
