"""Bytes to Pillow pictures and back, and a sentence for everything that can go wrong.

Files of visitors are not trusted: only the decoders in ``FORMATS`` run, sizes are checked
before a pixel is decoded, and any exception of a decoder becomes a ``PictureError``.
"""

import logging
import os
import secrets
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from PIL import ExifTags, Image, TiffImagePlugin

from deconv_demo.pictures.decompression_bombs import CountedBytes, has_costly_exif, refuse_costly
from deconv_demo.pictures.errors import PictureError, check_size
from deconv_demo.pictures.file_diagnosis import PNG_SIGNATURE, diagnose, is_svg

MAX_BYTES = 1 << 29  # 50 megapixels of 16-bit RGBA are 400 MB
# By default Pillow would also try EPS, PSD and forty others. JPEG includes MPO; HEIF is added for a
# file that looks like one.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM")
# Suffix of a file to Pillow's name for the format written into it.
WRITERS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF"}
WRITERS |= {"tif": "TIFF", "tiff": "TIFF"}

_TILE_SIDES = (322, 323)  # width and length
# Description, maker, model, software, time, artist, host, copyright.
_TEXT_TAGS = (270, 271, 272, 305, 306, 315, 316, 33432)
# Pillow decodes these in Python, a value at a time: larger ones would take minutes, and a skipped
# line of an RLE bitmap is memory of that width.
_SLOW_DECODERS = {"bmp_rle", "ppm", "ppm_plain"}
MAX_SLOW_PIXELS, MAX_SLOW_WIDTH = 300_000, 10_000
# Locks for state of the whole process: warning filters and the level of Pillow's log, which the
# first of several threads sets and the last one restores, and the stream of libtiff.
_LOCK, _LIBTIFF = threading.Lock(), threading.RLock()
_silenced = ExitStack()
_decoding = 0


@contextmanager
def decoding(data: bytes = b"") -> Iterator[None]:
    """Run Pillow without warnings, and raise nothing but PictureError.

    Args:
        data: Bytes of the decoded file, which tell a cut one from a damaged one.
    """
    with _silence():
        try:
            yield
        except PictureError:
            raise
        except Exception as error:
            # Broad on purpose: on a hostile file decoders raise OSError, SyntaxError, KeyError,
            # struct.error, RuntimeError, MemoryError and more, and none of it is our bug.
            raise diagnose(error, data) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Silence warnings and Pillow's log as long as any thread is inside."""
    global _decoding
    with _LOCK:
        _decoding += 1
        if _decoding == 1:
            _silenced.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            logger = logging.getLogger("PIL")
            _silenced.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        with _LOCK:
            _decoding -= 1
            if not _decoding:
                _silenced.close()


@contextmanager
def opened_file(source: str | Path | bytes | BinaryIO | None) -> Iterator[Image.Image]:
    """Yield the picture of a file as Pillow sees it, not yet decoded, inside ``decoding``.

    Args:
        source: A path, the bytes of a file, or a binary stream, read from its beginning.

    Raises:
        PictureError: The file cannot be used, for any reason.
    """
    data = _read(source)
    if not data:
        raise PictureError("empty")
    if is_svg(data):
        raise PictureError("svg")
    with decoding(data):
        refuse_costly(data)
        formats: tuple[str, ...] = FORMATS
        if data[4:8] == b"ftyp":
            from pillow_heif import register_heif_opener  # slow to import and seldom needed

            register_heif_opener()
            formats = (*FORMATS, "HEIF")
        if data.startswith(PNG_SIGNATURE):  # decoding skips the checksums of the pixels
            with Image.open(CountedBytes(data), formats=formats) as unchecked:
                check_size(unchecked.size)
                unchecked.verify()
        with Image.open(CountedBytes(data), formats=formats) as picture:
            check_size(picture.size)
            if picture.tile and picture.tile[0].codec_name in _SLOW_DECODERS:
                pixels = picture.width * picture.height
                if pixels > MAX_SLOW_PIXELS or picture.width > MAX_SLOW_WIDTH:
                    raise PictureError("unreadable")
            if isinstance(picture, TiffImagePlugin.TiffImageFile):
                # A tile may be larger than the picture it is cut from.
                width, length = (picture.tag_v2.get(tag, 1) for tag in _TILE_SIDES)
                check_size((width, length))
                if has_costly_exif(data, is_picture=True):
                    vars(picture)["getexif"] = Image.Exif
            with _silent_libtiff() if picture.format == "TIFF" else nullcontext():
                yield picture


def save_picture(
    picture: Image.Image, target: str | Path | BinaryIO, format: str | None = None
) -> None:
    """Write a picture with its EXIF, ICC profile and resolution, where the format has them.

    PNG, TIFF and WebP are lossless; JPEG is written at quality 95 without chroma subsampling,
    alpha flattened over white; AVIF at quality 90. A path gets the whole file or none.

    Args:
        picture: A picture as ``image_tensors.normalize`` returns it.
        target: A path, or a binary stream.
        format: A key of ``WRITERS``; None takes the suffix of the target.

    Raises:
        PictureError: The format is unknown or too small for the picture, or the target cannot
            be written.
    """
    if isinstance(target, (str, os.PathLike)):
        given, path = None, Path(target)
    else:
        given, path = target, Path(str(getattr(target, "name", "")))
    writer = get_writer(format or path.suffix)
    partial = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        if given is None:
            with partial.open("x+b") as stream:
                _encode(picture, stream, writer)
            partial.replace(path)
        else:
            encoded = BytesIO()
            _encode(picture, encoded, writer)
            given.write(encoded.getbuffer())
    except PictureError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError("cannot_write", name=path.name, reason=reason) from error
    finally:
        with suppress(OSError, ValueError):  # it is not there after a success
            partial.unlink()


def get_writer(suffix: str) -> str:
    """Return Pillow's name of the format for a suffix, with or without its dot.

    Raises:
        PictureError: No picture can be saved in such a format.

    >>> get_writer(".JPG")
    'JPEG'
    """
    suffix = suffix.lower().lstrip(".")
    if suffix not in WRITERS:
        shown = suffix or "a file without suffix"
        raise PictureError("unknown_format", format=shown, possible=", ".join(WRITERS))
    return WRITERS[suffix]


def icc_profile_for(mode: str, profile: bytes | None) -> bytes | None:
    """Return the ICC profile if it describes pictures of ``mode``, else None.

    The colour space is the four bytes at offset 16 of a profile (ICC.1:2022, 7.2.6).
    """
    spaces = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}
    fits = isinstance(profile, bytes) and profile[16:20] == spaces.get(mode)
    return profile if fits else None


def descriptive_exif(exif: Image.Exif) -> bytes:
    """Return, as EXIF data, the tags that describe a photo.

    The directory of a TIFF file also describes its pixel layout, which is wrong for any other file.
    """
    described = Image.Exif()
    for tag in _TEXT_TAGS:
        if isinstance(exif.get(tag), str):
            described[tag] = exif[tag]
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if tag in exif:
            described.get_ifd(tag).update(exif.get_ifd(tag))
    return described.tobytes()


def _read(source: str | Path | bytes | BinaryIO | None) -> bytes:
    if source is None or source == "":
        raise PictureError("no_picture")
    try:
        if isinstance(source, (str, os.PathLike)):
            if not Path(source).is_file():  # a folder, a pipe, a device, nothing
                raise PictureError("no_file", name=Path(source).name or str(source))
            with open(source, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        else:
            if source.seekable():
                source.seek(0)
            data = source.read(MAX_BYTES + 1)
    except PictureError:
        raise
    except (OSError, ValueError) as error:
        name = Path(source).name if isinstance(source, (str, os.PathLike)) else "The upload"
        raise PictureError("no_file", name=name) from error
    if len(data) > MAX_BYTES:
        raise PictureError("too_many_bytes", limit=MAX_BYTES >> 20)
    return data


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Discard the standard error of the process for a moment: libtiff writes to it from C."""
    with _LIBTIFF:  # two threads at once would save each other's redirection as the stream
        try:
            stderr = os.dup(2)
        except OSError:  # a process without one
            yield
            return
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _encode(picture: Image.Image, stream: BinaryIO, writer: str) -> None:
    has_alpha = picture.mode in ("LA", "RGBA")
    if writer == "JPEG" and has_alpha:
        paper = Image.new(picture.mode[:-1], picture.size, "white")
        paper.paste(picture.convert(paper.mode), mask=picture.getchannel("A"))
        paper.info, picture = picture.info, paper
    elif writer in ("WEBP", "AVIF"):  # neither has gray; converting here sorts out the profile
        picture = picture.convert("RGBA" if has_alpha else "RGB")
    is_large = picture.width * picture.height > 4_000_000
    options_of: dict[str, dict[str, Any]] = {
        "PNG": {"compress_level": 1 if is_large else 6},
        "JPEG": {"quality": 95, "subsampling": "4:4:4"},
        "WEBP": {"lossless": True, "exact": True, "quality": 20 if is_large else 70},
        "TIFF": {"compression": "tiff_adobe_deflate"},
        "AVIF": {"quality": 90, "subsampling": "4:4:4", "speed": 8 if is_large else 6},
    }
    options = options_of[writer]
    # Named even where it is None: left out, Pillow would take one that does not fit the mode.
    options["icc_profile"] = icc_profile_for(picture.mode, picture.info.get("icc_profile"))
    if "dpi" in picture.info:
        options["dpi"] = picture.info["dpi"]
    if "exif" in picture.info:
        options["exif"] = picture.info["exif"]
    try:
        with decoding():
            if writer == "TIFF" and "exif" in options:
                whole = Image.Exif()
                whole.load(options["exif"])
                options["exif"] = descriptive_exif(whole)
                del options["compression"]  # through libtiff, Pillow would lose most of it
            picture.save(stream, writer, **options)
    except PictureError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno:  # the disk, not the encoder
            raise cause from None
        if "exif" in options:  # broken, or above the 64 KiB of JPEG: saved without it
            bare = picture.copy()
            del bare.info["exif"]
            stream.seek(0)
            stream.truncate()
            return _encode(bare, stream, writer)
        width, height = picture.size
        raise PictureError("cannot_save", width=width, height=height, format=writer) from cause
