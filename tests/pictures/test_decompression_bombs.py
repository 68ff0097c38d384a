"""Small files that would cost minutes or gigabytes are refused at once, real ones never."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.made_files import PNG_SIGNATURE, chunk, encode, encode_noise, random_pixels

from deconv_demo.pictures import decompression_bombs
from deconv_demo.pictures.decompression_bombs import (
    MAX_SCANS,
    CountedBytes,
    has_costly_exif,
    refuse_costly,
)
from deconv_demo.pictures.errors import PictureError
from deconv_demo.pictures.image_tensors import open_picture


def scanned_jpeg(side: int, scans: int) -> bytes:
    """A grey progressive JPEG of nothing, gone over again and again (ITU-T T.81, G.1.2)."""

    def segment(kind: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body

    def scan(first: int, last: int, bits: str) -> bytes:
        bits += "1" * (-len(bits) % 8)
        coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
        return segment(0xDA, bytes([1, 1, 0, first, last, 0])) + coded

    blocks = (-(-side // 8)) ** 2
    one_code = bytes([1] + [0] * 15)  # of one bit
    head = segment(0xDB, b"\0" + b"\x10" * 64)
    head += segment(0xC2, struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0))
    head += segment(0xC4, b"\0" + one_code + b"\0") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    # Runs of 32767 blocks without a coefficient.
    empty = scan(1, 63, ("0" + "1" * 14) * -(-blocks // 32767))
    return b"\xff\xd8" + head + scan(0, 0, "0" * blocks) + empty * scans + b"\xff\xd9"


def tiled_tiff(tiles: int, side: int = 7000, kind: int = 1, *, order: str = "<") -> bytes:
    """A TIFF of one-pixel tiles that all lie in one place, a byte each in the file."""
    start = 8 + 2 + 10 * 12 + 4
    entries = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 1), (277, 3, 1, 1), (322, 4, 1, 1), (323, 4, 1, 1)]
    entries += [(324, kind, tiles, start), (325, kind, tiles, start)]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    body = b"".join(
        struct.pack(order + ("HHIHH" if of == 3 else "HHII"), tag, of, n, value, *[0] * (of == 3))
        for tag, of, n, value in entries
    )
    return head + body + bytes(4) + b"\x08" * tiles


def test_a_picture_of_few_scans_is_read_and_one_of_many_refused():
    assert np.ptp(np.asarray(open_picture(scanned_jpeg(64, MAX_SCANS - 1)))) == 0
    with pytest.raises(PictureError) as caught:
        open_picture(scanned_jpeg(64, MAX_SCANS))  # and that of the mean values
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_more_tiles_than_a_picture_has_are_refused(order, kind):
    limit = decompression_bombs.MAX_VALUES
    with pytest.raises(PictureError) as caught:
        open_picture(tiled_tiff(limit + 1, kind=kind, order=order))
    assert caught.value.code == "unreadable"
    refuse_costly(tiled_tiff(limit, order=order))


def exif_block(order, entries, *, orientation=True, pointer=4, broken=False, room=200_000):
    """EXIF data whose details are entries of (type, count) that all lie over the same bytes."""
    first = [(274, 3, 1, struct.pack(order + "HH", 1, 0))] if orientation else []
    first += [(0x8825, 4, 1, struct.pack(order + "I", 2**32 - 16))] if broken else []
    details = 8 + 2 + 12 * (len(first) + 1) + 4
    place = struct.pack(order + {3: "HH", 4: "I", 13: "I"}[pointer], details, *[0] * (pointer == 3))
    first.append((0x8769, pointer, 1, place))
    start = details + 2 + 12 * len(entries) + 4
    inside = [
        (0x9000 + index, kind, count, struct.pack(order + "I", start))
        for index, (kind, count) in enumerate(entries)
    ]
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for directory in (sorted(first), inside):
        block += struct.pack(order + "H", len(directory))
        block += b"".join(
            struct.pack(order + "HHI", tag, kind, count) + value
            for tag, kind, count, value in directory
        )
        block += bytes(4)
    return block + b"\1" * room


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 5, 6, 7])
@pytest.mark.parametrize(("pointer", "broken"), [(4, False), (4, True), (3, False), (13, True)])
def test_entries_that_lie_over_each_other_are_counted(order, kind, pointer, broken):
    options = {"pointer": pointer, "broken": broken}
    assert not has_costly_exif(exif_block(order, [(kind, 20_000)] * 2, **options))
    assert has_costly_exif(exif_block(order, [(kind, 20_000)] * 100, **options))


@pytest.mark.parametrize("writer", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_costly_exif_is_left_behind_and_costs_no_picture(writer):
    block = exif_block("<", [(3, 10_000)] * 400, room=40_000)
    if writer == "TIFF":
        file = encode_noise("TIFF")
        (first,) = struct.unpack_from("<I", file, 4)
        (entries,) = struct.unpack_from("<H", file, first)
        directory = bytearray(file[first : first + 2 + 12 * entries])
        directory[:2] = struct.pack("<H", entries + 1)
        details = 8 + 2 + 24 + 4  # of the block, whose numbers are counted from the file's start
        moved = exif_block("<", [(3, 10_000)] * 400, room=40_000)[details:]
        place = len(file) + len(directory) + 16
        file = bytearray(file) + directory + struct.pack("<HHII", 0x8769, 4, 1, place) + bytes(4)
        file[4:8] = struct.pack("<I", place - 16 - len(directory))
        file = bytes(file + moved)
        assert has_costly_exif(file, is_picture=True)
    else:
        file = encode(Image.fromarray(random_pixels(16, 24)), writer, exif=b"Exif\0\0" + block)
    started = time.perf_counter()
    picture = open_picture(file)
    assert time.perf_counter() - started < 1
    assert picture.size == (24, 16)
    assert "exif" not in picture.info


def test_directories_that_name_thousands_of_others_take_no_time():
    count = 60_000
    entries = b"".join(struct.pack("<HHII", 0x8769, 4, 1, 2 * i) for i in range(5, count + 5))
    tiff = b"II*\0" + struct.pack("<IH", 8, count) + entries + b"\xff" * 1_000_000
    started = time.perf_counter()
    assert has_costly_exif(tiff, is_picture=True)
    refuse_costly(tiff)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("place", [2**64 - 1, 2**63, 2**62, 2**32 - 1, 5, 16])
def test_directories_that_lie_nowhere_are_left_to_the_decoder(place):
    refuse_costly(b"II+\0\x08\0\0\0" + struct.pack("<QQ", place, 2**63))
    refuse_costly(b"II*\0" + struct.pack("<I", place % 2**32))
    assert not has_costly_exif(b"II*\0" + struct.pack("<I", place % 2**32))


def test_a_file_in_crumbs_is_given_up(monkeypatch):
    pixels = zlib.compress((b"\0" + bytes(12)) * 4)
    header = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *[(b"teXt", b"")] * 500, (b"IDAT", pixels), (b"IEND", b"")]
    crumbs = PNG_SIGNATURE + b"".join(chunk(*part) for part in parts)
    assert open_picture(crumbs).size == (4, 4)
    monkeypatch.setattr(decompression_bombs, "MAX_READS", 1000)
    with pytest.raises(PictureError) as caught:
        open_picture(crumbs)
    assert caught.value.code == "unreadable"


def test_large_exif_is_left_behind(monkeypatch):
    exif = Image.Exif()
    exif[271] = "Maker"
    file = encode(Image.new("RGB", (8, 8)), "PNG", exif=exif.tobytes())
    assert "exif" in open_picture(file).info
    monkeypatch.setattr(decompression_bombs, "MAX_EXIF_BYTES", 10)
    assert "exif" not in open_picture(file).info


def test_real_files_pass():
    refuse_costly(tifffile_of(np.zeros((2048, 2048), np.uint8), tile=(16, 16)))
    refuse_costly(tifffile_of(np.zeros((64, 64), np.uint8), bigtiff=True))
    described = tifffile_of(np.zeros((64, 64), np.uint8), description="x" * 400_000)
    assert open_picture(described).size == (64, 64)
    colors = np.zeros((3, 65536), np.uint16)
    refuse_costly(tifffile_of(np.zeros((9, 9), np.uint16), colormap=colors, photometric="palette"))
    for options in ({}, {"progressive": True}, {"progressive": True, "subsampling": 0}):
        refuse_costly(encode_noise("JPEG", size=(400, 300), **options))
    for cut in (0, 1, 2, 3, 9, 200):
        refuse_costly(encode_noise("JPEG")[:cut])
        refuse_costly(encode_noise("TIFF")[:cut])


def test_the_film_after_a_moving_photograph_is_not_looked_at():
    film = np.random.default_rng(0).bytes(20_000_000)
    assert film.count(b"\xff\xda") > MAX_SCANS
    file = encode(Image.fromarray(random_pixels(30, 40)), "JPEG") + film
    assert open_picture(file).size == (40, 30)


def test_looking_takes_no_time():
    noise = np.random.default_rng(0).bytes(50_000_000).replace(b"\xff", b"\xff\0")
    file = encode(Image.new("L", (8, 8)), "JPEG")[:-2] + noise
    started = time.perf_counter()
    refuse_costly(file)
    with pytest.raises(PictureError):
        refuse_costly(b"\xff\xd8" + b"\xff\xfe\0\2" * 10_000_000)
    assert time.perf_counter() - started < 5


def test_counted_bytes_are_bytes():
    stream = CountedBytes(b"abcdef")
    assert [stream.read(2), stream.read(), stream.read(1)] == [b"ab", b"cdef", b""]


def tifffile_of(pixels: np.ndarray, **options) -> bytes:
    tifffile.imwrite(stream := io.BytesIO(), pixels, **options)
    return stream.getvalue()
