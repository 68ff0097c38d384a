"""Decoders that raise, print, or take their time."""

import io
import logging
import os
import struct
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image
from support.made_files import TIFF_BROKEN_DEFLATE, encode_noise

from deconv_demo.pictures import image_io
from deconv_demo.pictures.errors import PictureError
from deconv_demo.pictures.image_io import save_picture
from deconv_demo.pictures.image_tensors import open_picture


def test_whatever_a_decoder_raises_becomes_a_sentence(monkeypatch):
    for error in (MemoryError(), KeyError("x"), RecursionError(), SyntaxError("broken")):
        monkeypatch.setattr(
            Image, "open", lambda *_, error=error, **__: (_ for _ in ()).throw(error)
        )
        with pytest.raises(PictureError):
            open_picture(encode_noise("JPEG"))


def test_nobody_waits_for_another_picture():
    """And all of them are silent until the last one has ended, whatever the order."""
    before = (list(warnings.filters), logging.getLogger("PIL").level)
    inside, leave = threading.Event(), threading.Event()

    def slow():
        with image_io.decoding():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=slow)
    with image_io.decoding():
        thread.start()
        assert inside.wait(30)
        assert open_picture(encode_noise("PNG")).size == (24, 16)
        assert save_picture(open_picture(encode_noise("PNG")), io.BytesIO(), "png") is None
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
        open_picture(TIFF_BROKEN_DEFLATE)
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_reading_leaves_warnings_and_logging_as_they_were():
    filters, level = list(warnings.filters), logging.getLogger("PIL").level
    threads = [threading.Thread(target=open_picture, args=(encode_noise("PNG"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == filters
    assert logging.getLogger("PIL").level == level
