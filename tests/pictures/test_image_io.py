"""Files of every kind, good and bad: what opens, what is refused and in which words."""

import contextlib
import io
import logging
import string
import struct
import time
import warnings
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.made_files import (
    PNG_SIGNATURE,
    TIFF_BROKEN_DEFLATE,
    chunk,
    encode_noise,
    random_pixels,
)

from deconv_demo.pictures import image_io
from deconv_demo.pictures.errors import MESSAGES, PictureError, check_size
from deconv_demo.pictures.image_tensors import open_picture


def png(*chunks, width=4, height=4):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


PIXEL_DATA = zlib.compress((b"\0" + bytes(12)) * 4)
JPEG, NOISE = encode_noise("JPEG"), random_pixels(30, 30).tobytes()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
TIFF_ABSURD = (
    b"II*\0\x08\0\0\0\x05\0"
    + struct.pack("<HHII", 256, 4, 1, 100)
    + struct.pack("<HHII", 257, 4, 1, 100)
    + struct.pack("<HHII", 258, 3, 0x7FFFFFFF, 0xFFFFFFF0)
    + struct.pack("<HHII", 273, 16, 0x40000000, 8)
    + struct.pack("<HHII", 277, 3, 1, 60000)
    + bytes(4)
)
TIFF_MANY_SAMPLES = (
    b"II*\0\x08\0\0\0\x03\0"
    + struct.pack("<HHII", 256, 4, 1, 100)
    + struct.pack("<HHII", 257, 4, 1, 100)
    + struct.pack("<HHII", 277, 3, 1, 60000)
    + bytes(4)
)
TIFF_HUGE_TILE = (
    b"II*\0\x08\0\0\0\x09\0"
    + b"".join(
        struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in (
            *((256, 1), (257, 1), (258, 8), (259, 8), (262, 1)),
            *((322, 11_008), (323, 11_008), (324, 122), (325, 20)),
        )
    )
    + bytes(4)
    + zlib.compress(bytes(9))
)
BAD_FILES = {
    "empty": (b"", "empty"),
    "text": (b"Dear diary, this is no picture at all.", "not_a_picture"),
    "html": (b"<!DOCTYPE html><html><body><svg></svg></body></html>", "not_a_picture"),
    "pdf": (b"%PDF-1.7\n" + bytes(90), "not_a_picture"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_a_picture"),
    "mp4": (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(90), "not_a_picture"),
    "svg": (SVG, "svg"),
    "svg after a prologue": (
        b'\xef\xbb\xbf \n<?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg PUBLIC "x">' + SVG,
        "svg",
    ),
    "huge tile of a tiny tiff": (TIFF_HUGE_TILE, "too_large"),
    "svg in utf-16": (SVG.decode().encode("utf-16"), "svg"),
    "jpeg cut in half": (JPEG[: len(JPEG) // 2], "truncated"),
    "jpeg cut in its header": (JPEG[:40], "truncated"),
    "progressive jpeg cut": (encode_noise("JPEG", progressive=True)[:-100], "truncated"),
    "png cut in half": (encode_noise("PNG")[:600], "truncated"),
    "png without its end": (encode_noise("PNG")[:-12], "truncated"),
    "png of a signature": (PNG_SIGNATURE, "truncated"),
    "webp cut": (encode_noise("WEBP")[:-50], "truncated"),
    "avif cut": (encode_noise("AVIF")[:-50], "truncated"),
    "heic cut": (encode_noise("HEIF")[:-50], "truncated"),
    "gif cut": (encode_noise("GIF")[:-90], "truncated"),
    "bmp cut": (encode_noise("BMP")[:-90], "truncated"),
    "ppm cut": (encode_noise("PPM")[:-90], "truncated"),
    "tiff cut": (encode_noise("TIFF")[:-90], "truncated"),
    "png checksum of pixels": (png(chunk(b"IDAT", PIXEL_DATA, crc=1)), "unreadable"),
    "png checksum of header": (
        PNG_SIGNATURE + chunk(b"IHDR", bytes(13), crc=1) + chunk(b"IEND", b""),
        "unreadable",
    ),
    "png text bomb": (
        png(
            chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000))),
            chunk(b"IDAT", PIXEL_DATA),
        ),
        "unreadable",
    ),
    "png of zero width": (png(chunk(b"IDAT", PIXEL_DATA), width=0), None),
    "png too large": (png(width=100_000, height=100_000), "too_large"),
    "png too large and cut": (png(width=100_000, height=100_000)[:33], "too_large"),
    "png a little too large": (png(width=10_000, height=5_001), "too_large"),
    "webp too large": (  # the size is all that a VP8X header says
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0",
        None,
    ),
    "gif without a frame": (b"GIF89a\4\0\4\0\0\0\0;", "unreadable"),
    "tiff of 60000 samples": (TIFF_MANY_SAMPLES, "unreadable"),
    "tiff with broken deflate": (TIFF_BROKEN_DEFLATE, "unreadable"),
    "tiff with absurd tags": (TIFF_ABSURD, "unreadable"),
    **{
        f"noise after {name}": (magic + NOISE, None)
        for name, magic in {
            "png": PNG_SIGNATURE,
            "jpeg": b"\xff\xd8\xff\xe0",
            "gif": b"GIF89a",
            "bmp": b"BM",
            "tiff": b"II*\0\x08\0\0\0",
            "bigtiff": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0",
            "webp": b"RIFF\xff\xff\0\0WEBPVP8 ",
            "avif": b"\0\0\0\x20ftypavif",
            "heic": b"\0\0\0\x20ftypheic",
            "ppm": b"P6\n99 99\n255\n",
        }.items()
    },
}


@pytest.mark.parametrize(("data", "code"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_one_sentence_and_silence(data, code, capfd, recwarn, caplog):
    with pytest.raises(PictureError) as caught:
        open_picture(data)
    if code:
        assert caught.value.code == code
    assert str(caught.value) == MESSAGES[caught.value.code].format(**caught.value.values)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "token", [b"<?" + b"?>", b"<!----" + b">", b"<? ", b"<!-- ", b"<??><!---->", b" "]
)
def test_a_prologue_without_end_takes_no_time(token):
    """A pattern with two ways to read it would take longer than anyone waits."""
    started = time.monotonic()
    for tail in (b"", b"<", b"<svg"):
        with pytest.raises(PictureError):
            open_picture((b"<" + token * 4096)[1:4096] + tail)
    assert time.monotonic() - started < 2


def test_bad_paths(tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    for source, code in (
        (None, "no_picture"),
        ("", "no_picture"),
        (tmp_path, "no_file"),
        (tmp_path / "absent.png", "no_file"),
        (str(tmp_path / "a\0b.png"), "no_file"),
        ("/dev/zero", "no_file"),
        (tmp_path / "notes.png", "not_a_picture"),
    ):
        with pytest.raises(PictureError) as caught:
            open_picture(source)
        assert caught.value.code == code


def test_too_large_says_how_large():
    with pytest.raises(PictureError, match=r"100000 × 100000 pixels \(10000 megapixels\).* 50 "):
        open_picture(BAD_FILES["png too large"][0])
    with pytest.raises(PictureError, match="more than 50 megapixels"):  # 65535² in a BMP header
        open_picture(
            b"BM"
            + struct.pack("<IIIIiiHHIIiiII", 90, 0, 54, 40, 65535, 65535, 1, 24, 0, 0, 0, 0, 0, 0)
        )
    with pytest.raises(PictureError) as caught:
        check_size((10_000, 5_001))
    assert caught.value.values["megapixels"] == "50.1"  # never "50 megapixels, at most 50"
    check_size((10_000, 5_000))


def test_files_with_too_many_bytes_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(image_io, "MAX_BYTES", 100)
    (tmp_path / "large.png").write_bytes(encode_noise("PNG"))
    for source in (encode_noise("PNG"), tmp_path / "large.png", io.BytesIO(encode_noise("PNG"))):
        with pytest.raises(PictureError) as caught:
            open_picture(source)
        assert caught.value.code == "too_many_bytes"


def test_every_message_is_one_sentence_that_formats():
    parse = string.Formatter().parse
    fields = {field for text in MESSAGES.values() for _, field, _, _ in parse(text) if field}
    values = {field.partition(":")[0]: 17 for field in fields}
    for code, message in MESSAGES.items():
        sentence = str(PictureError(code, **values))
        assert "{" not in sentence
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
        assert ("{" in message) == ("17" in sentence)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_flipped_bytes_give_a_picture_or_a_sentence(data):
    writer = data.draw(
        st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF", "BMP"])
    )
    file = bytearray(encode_noise(writer))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(PictureError):
            assert open_picture(bytes(file)).mode in ("L", "LA", "RGB", "RGBA")
