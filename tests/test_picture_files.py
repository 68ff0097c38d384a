"""Files of every kind, good and bad: what opens, what is refused and in which words."""

import contextlib
import io
import logging
import os
import string
import struct
import threading
import time
import warnings
import zlib

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from deconv_demo import picture_files
from deconv_demo.images import from_pixels, open_picture, to_pixels
from deconv_demo.picture_errors import MESSAGES, PictureError, check_size
from deconv_demo.picture_files import save_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PNG = b"\x89PNG\r\n\x1a\n"


def random_pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(writer, mode="RGB", size=(24, 16), **options):
    """A file of noise, so that no cut or changed byte goes unnoticed for being empty."""
    pillow_heif.register_heif_opener()
    picture = Image.fromarray(random_pixels(size[1], size[0])).convert(mode)
    stream = io.BytesIO()
    picture.save(stream, writer, **options)
    return stream.getvalue()


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(*chunks, width=4, height=4):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


PIXEL_DATA = zlib.compress((b"\0" + bytes(12)) * 4)
JPEG, NOISE = encoded("JPEG"), random_pixels(30, 30).tobytes()
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
TIFF_DEFLATED = bytearray(encoded("TIFF", compression="tiff_adobe_deflate"))
TIFF_DEFLATED[200:220] = bytes(20)
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
    "progressive jpeg cut": (encoded("JPEG", progressive=True)[:-100], "truncated"),
    "png cut in half": (encoded("PNG")[:600], "truncated"),
    "png without its end": (encoded("PNG")[:-12], "truncated"),
    "png of a signature": (PNG, "truncated"),
    "webp cut": (encoded("WEBP")[:-50], "truncated"),
    "avif cut": (encoded("AVIF")[:-50], "truncated"),
    "heic cut": (encoded("HEIF")[:-50], "truncated"),
    "gif cut": (encoded("GIF")[:-90], "truncated"),
    "bmp cut": (encoded("BMP")[:-90], "truncated"),
    "ppm cut": (encoded("PPM")[:-90], "truncated"),
    "tiff cut": (encoded("TIFF")[:-90], "truncated"),
    "png checksum of pixels": (png(chunk(b"IDAT", PIXEL_DATA, crc=1)), "unreadable"),
    "png checksum of header": (
        PNG + chunk(b"IHDR", bytes(13), crc=1) + chunk(b"IEND", b""),
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
    "tiff with broken deflate": (bytes(TIFF_DEFLATED), "unreadable"),
    "tiff with absurd tags": (TIFF_ABSURD, "unreadable"),
    **{
        f"noise after {name}": (magic + NOISE, None)
        for name, magic in {
            "png": PNG,
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
    monkeypatch.setattr(picture_files, "MAX_BYTES", 100)
    (tmp_path / "large.png").write_bytes(encoded("PNG"))
    for source in (encoded("PNG"), tmp_path / "large.png", io.BytesIO(encoded("PNG"))):
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
    file = bytearray(encoded(writer))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(PictureError):
            assert open_picture(bytes(file)).mode in ("L", "LA", "RGB", "RGBA")


def test_whatever_a_decoder_raises_becomes_a_sentence(monkeypatch):
    for error in (MemoryError(), KeyError("x"), RecursionError(), SyntaxError("broken")):
        monkeypatch.setattr(
            Image, "open", lambda *_, error=error, **__: (_ for _ in ()).throw(error)
        )
        with pytest.raises(PictureError):
            open_picture(JPEG)


def test_nobody_waits_for_another_picture():
    """And all of them are silent until the last one has ended, whatever the order."""
    before = (list(warnings.filters), logging.getLogger("PIL").level)
    inside, leave = threading.Event(), threading.Event()

    def slow():
        with picture_files.decoding():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=slow)
    with picture_files.decoding():
        thread.start()
        assert inside.wait(30)
        assert open_picture(encoded("PNG")).size == (24, 16)
        assert save_picture(open_picture(encoded("PNG")), io.BytesIO(), "png") is None
    assert warnings.filters[0][0] == "ignore"
    leave.set()
    thread.join(30)
    assert (list(warnings.filters), logging.getLogger("PIL").level) == before


def rle_bitmap(width, height, codes):
    """A BMP of 256 greys in run-length code."""
    palette = b"".join(bytes([level] * 3 + [0]) for level in range(256))
    start = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(codes), 0, 0, start)
    numbers = (40, width, height, 1, 8, 1, len(codes), 2835, 2835, 256, 256)
    return head + struct.pack("<IiiHHIIiiII", *numbers) + palette + bytes(codes)


def test_small_pictures_in_slow_codes_are_read():
    run = open_picture(rle_bitmap(4, 1, [3, 90, 1, 7, 0, 1]))
    assert np.asarray(run).tolist() == [[90, 90, 90, 7]]
    plain = open_picture(b"P2 3 1 255 0 90 255")
    assert np.asarray(plain).tolist() == [[0, 90, 255]]


@pytest.mark.parametrize(
    "data",
    [
        rle_bitmap(8_000_000, 1, [0, 2, 0, 255]),  # 2 GB by one code that skips 255 rows
        rle_bitmap(5_000, 5_000, [0, 1]),
        b"P2 4000 4000 255 " + b"1 " * 100,
        b"P5 4000 4000 100 " + bytes(4000 * 4000),
    ],
    ids=["skipped rows", "rle", "text", "odd maximum"],
)
def test_large_pictures_in_slow_codes_are_refused_at_once(data):
    started = time.perf_counter()
    with pytest.raises(PictureError) as error:
        open_picture(data)
    assert error.value.code == "unreadable"
    assert time.perf_counter() - started < 1


def test_standard_error_works_again_after_a_tiff(capfd):
    with pytest.raises(PictureError):
        open_picture(bytes(TIFF_DEFLATED))
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_reading_leaves_warnings_and_logging_as_they_were():
    filters, level = list(warnings.filters), logging.getLogger("PIL").level
    threads = [threading.Thread(target=open_picture, args=(encoded("PNG"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == filters
    assert logging.getLogger("PIL").level == level


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", ["png", "tiff", "tif", "webp"])
def test_lossless_formats_keep_every_value(tmp_path, mode, suffix):
    bands = [Image.fromarray(random_pixels(9, 7, seed)[..., 0]) for seed in range(len(mode))]
    picture = Image.merge(mode, bands) if len(bands) > 1 else bands[0]
    save_picture(picture, tmp_path / f"p.{suffix}")
    back = open_picture(tmp_path / f"p.{suffix}")
    if suffix != "webp":  # which has no grey
        assert back.mode == mode
    np.testing.assert_array_equal(
        np.asarray(back.convert("RGBA")), np.asarray(picture.convert("RGBA"))
    )


def test_jpeg_flattens_alpha_over_white_without_subsampling():
    picture = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 7, 16))  # an edge inside a 2 x 2 block of chroma
    stream = io.BytesIO()
    save_picture(picture, stream, "jpg")
    back = to_pixels(open_picture(stream)).astype(int)
    assert np.abs(back[:, 6] - [255, 0, 0]).max() < 25
    assert np.abs(back[:, 7] - [255, 255, 255]).max() < 25
    save_picture(Image.new("LA", (8, 8), (0, 0)), stream := io.BytesIO(), "jpeg")
    assert open_picture(stream).getpixel((0, 0)) == 255


def exif_bytes(**more):
    exif = Image.Exif()
    exif[271] = "Maker"
    exif.get_ifd(0x8769).update({0xA002: 24, 0xA003: 16, 0x9003: "2024:02:29 12:00:00"})
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes() + more.get("padding", b"")


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "avif"])
def test_metadata_goes_from_file_to_file(source, suffix, capfd):
    options = {"exif": exif_bytes(), "icc_profile": SRGB, "dpi": (300, 150)}
    before = open_picture(encoded(source, **options))
    after = from_pixels(to_pixels(before)[:8, :12], like=before)
    save_picture(after, stream := io.BytesIO(), suffix)
    back = open_picture(stream)
    exif = back.getexif()
    assert exif[271] == "Maker"
    assert exif.get_ifd(0x8769) == {0xA002: 12, 0xA003: 8, 0x9003: "2024:02:29 12:00:00"}
    assert exif.get_ifd(0x8825) == {1: "N"}
    assert back.info["icc_profile"] == SRGB
    if source in ("JPEG", "PNG", "TIFF") and suffix in ("jpg", "png", "tiff"):
        assert back.info["dpi"] == pytest.approx((300, 150), abs=0.02)
    assert capfd.readouterr() == ("", "")


def test_metadata_never_costs_the_picture():
    picture = Image.new("RGB", (8, 8))
    picture.info = {"exif": exif_bytes(padding=bytes(70_000)), "icc_profile": b"no profile"}
    for suffix in ("jpg", "png"):  # JPEG holds 64 KiB
        save_picture(picture, stream := io.BytesIO(), suffix)
        assert ("exif" in open_picture(stream).info) == (suffix == "png")
    picture.info = {"exif": b"Exif\0\0II*\0\xff\xff"}
    for suffix in ("tiff", "avif"):
        save_picture(picture, stream := io.BytesIO(), suffix)
        assert open_picture(stream).size == (8, 8)


def test_profile_of_greys_is_not_written_into_a_colour_file():
    grey = bytearray(SRGB)
    grey[16:20] = b"GRAY"
    picture = Image.new("L", (4, 4))
    picture.info["icc_profile"] = bytes(grey)
    for suffix, has_profile in (("png", True), ("webp", False), ("avif", False)):
        save_picture(picture, stream := io.BytesIO(), suffix)
        assert ("icc_profile" in Image.open(stream).info) == has_profile


def test_save_says_what_is_possible_and_leaves_no_half_file(tmp_path, monkeypatch):
    picture = Image.new("RGB", (4, 4))
    for target in (tmp_path / "p.docx", tmp_path / "p", io.BytesIO()):
        with pytest.raises(PictureError, match="png, jpg") as caught:
            save_picture(picture, target)
        assert caught.value.code == "unknown_format"
    with pytest.raises(PictureError) as caught:
        save_picture(Image.new("L", (16_384, 1)), tmp_path / "wide.webp")
    assert caught.value.code == "cannot_save"
    (tmp_path / "kept.png").write_bytes(b"old")
    for target in ("absent/p.png", "kept.png/p.png", "a\0b.png"):
        with pytest.raises(PictureError) as caught:
            save_picture(picture, tmp_path / target)
        assert caught.value.code == "cannot_write"
    full = OSError(28, os.strerror(28))
    monkeypatch.setattr(Image.Image, "save", lambda *_, **__: (_ for _ in ()).throw(full))
    with pytest.raises(PictureError, match="No space left") as caught:
        save_picture(picture, tmp_path / "kept.png")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]
    assert (tmp_path / "kept.png").read_bytes() == b"old"
