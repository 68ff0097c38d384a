"""Diagnosis of a broken picture file from its bytes alone."""

import re

from PIL import Image, UnidentifiedImageError

from deconv_demo.pictures.errors import MAX_PIXELS, PictureError, check_size

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIGNATURE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|II[*+]\0|MM\0[*+]|RIFF....WEBP|....ftyp(?:avi|hei|hev|mif|msf)",
    re.DOTALL,
)
# The content between two marks never runs over the second one: there must be only one way to match
# a file, or a short hostile one takes hours.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*"
    rb"(?:(?:<\?(?:(?!\?>).)*\?>|<!--(?:(?!-->).)*-->)\s*)*"
    rb"<(?:!DOCTYPE\s+)?(?:svg:)?svg[\s>]",
    re.DOTALL | re.IGNORECASE,
)


def is_svg(data: bytes) -> bool:
    """Return whether a file is an SVG drawing, in any of its encodings.

    >>> is_svg(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    True
    """
    return bool(_SVG.match(data[:4096].replace(b"\0", b"")))  # without zero bytes UTF-16 is ASCII


def diagnose(error: Exception, data: bytes) -> PictureError:
    """Return the error for the visitor whose file Pillow could not open or decode.

    Args:
        error: Exception that Pillow raised.
        data: Bytes of the file.

    >>> diagnose(OSError("broken"), b"some text").code
    'unreadable'
    """
    if data.startswith(PNG_SIGNATURE) and data[12:16] == b"IHDR":
        # The size has a fixed place, and is valid even in a file that is cut short.
        try:
            check_size((int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")))
        except PictureError as wrong_size:
            if wrong_size.code == "too_large":
                return wrong_size
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("too_large_unknown", limit=MAX_PIXELS // 1_000_000)
    if isinstance(error, EOFError) or "truncated" in str(error).lower() or _breaks_off(data):
        return PictureError("truncated")
    if isinstance(error, UnidentifiedImageError) and not _SIGNATURE.match(data):
        return PictureError("not_a_picture")
    return PictureError("unreadable")


def _breaks_off(data: bytes) -> bool:
    """Return whether a file is shorter than it claims, or lacks the mark that ends its format."""
    if data[:4] == b"RIFF":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if data[:2] == b"BM":
        return len(data) < int.from_bytes(data[2:6], "little")
    if data[4:8] == b"ftyp":
        end = 0
        while end + 8 <= len(data) and (size := int.from_bytes(data[end : end + 4], "big")) >= 8:
            end += size
        return end > len(data)
    ends = ((PNG_SIGNATURE[:4], b"IEND"), (b"\xff\xd8\xff", b"\xff\xd9"), (b"GIF8", b";"))
    return any(data.startswith(start) and end not in data[-16:] for start, end in ends)
