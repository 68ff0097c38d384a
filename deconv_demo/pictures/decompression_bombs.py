"""Decompression bombs: small files that would take minutes or gigabytes, found before decoding.

Decoders check their input, not its cost: each scan of a progressive JPEG covers the whole picture,
each tile of a TIFF becomes a few hundred bytes of Python before its first pixel is read, and empty
chunks of a PNG are read one by one.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO

from deconv_demo.pictures.errors import PictureError

# Encoders write about ten scans; one more over 50 megapixels takes 7 ms at least.
MAX_SCANS = 50
# Segments of a JPEG: comments, profiles in pieces of 64 KiB, tables before each scan.
MAX_SEGMENTS = 100_000
# Values of a TIFF tag: 50 megapixels in tiles of 16 x 16 are 195,000, a color map 3 times 65,536.
MAX_VALUES = 250_000
# Entries of all EXIF directories together; real ones have some dozens.
MAX_ENTRIES = 20_000
# Bytes of EXIF data, and bytes that its entries claim to have: a segment of JPEG holds 64 KiB.
MAX_EXIF_BYTES = 1_000_000
# Reads of a decoder that asks for a file piece by piece: about five seconds' worth. 400 MB of PNG
# in the smallest usual chunks are 150,000.
MAX_READS = 1_000_000

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_START, _END_OF_IMAGE, _START_OF_SCAN = b"\xff\xd8", 0xD9, 0xDA
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUBDIRECTORIES = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
# Tags up to this one describe the pixel layout, and all but the description are read on opening.
_LAST_OF_PIXELS, _DESCRIPTION = 699, 270
_BYTES_OF_TYPE = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_POINTERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_BROKEN = (struct.error, IndexError, OverflowError)


class CountedBytes(BytesIO):
    """A file in memory that can be read at most ``MAX_READS`` times.

    >>> CountedBytes(b"abc").read(2)
    b'ab'
    """

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read as ``BytesIO`` does.

        Raises:
            PictureError: The file has been read too often.
        """
        self.reads += 1
        if self.reads > MAX_READS:
            raise PictureError("unreadable")
        return super().read(size)


def refuse_costly(data: bytes) -> None:
    """Refuse a file that would take far longer to read than one of its size should.

    Args:
        data: Bytes of the file.

    Raises:
        PictureError: The file has more scans or tiles than any real picture.
    """
    if data.startswith(_JPEG_START):
        if _count_scans(data) > MAX_SCANS:
            raise PictureError("unreadable")
    elif data[:4] in _TIFF_STARTS and _has_costly_tiles(data):
        raise PictureError("unreadable")


def has_costly_exif(data: bytes, *, is_picture: bool = False) -> bool:
    """Return whether EXIF data claims to hold far more than it can; a picture does without it.

    Entries may overlap, and each number in each of them becomes an object.

    Args:
        data: EXIF data, with or without ``Exif`` and two zero bytes before it.
        is_picture: Whether it is a TIFF, whose first directory is the picture's.

    >>> has_costly_exif(b"Exif\\0\\0II*\\0")
    False
    """
    data = data.removeprefix(b"Exif\0\0")
    if data[:4] not in _TIFF_STARTS:
        return False
    if len(data) > MAX_EXIF_BYTES and not is_picture:
        return True
    waiting: list[int | None] = [None]
    seen, entries, described = set(), 0, 0
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        with suppress(*_BROKEN):  # the directory ends there, and the others are still read
            for tag, _, length, pointer in _entries(data, place):
                entries += 1
                described += 0 if is_picture and place is None else length
                if entries > MAX_ENTRIES or described > MAX_EXIF_BYTES:
                    return True
                if tag in _SUBDIRECTORIES and pointer is not None:
                    waiting.append(pointer)
    return False


def _count_scans(data: bytes) -> int:
    """Count the scans of a JPEG up to its end; more than allowed where it has too many segments.

    Data after the end, such as the film of a moving photograph, may look like anything.
    """
    scans, place = 0, len(_JPEG_START)
    for _ in range(MAX_SEGMENTS):
        if scans > MAX_SCANS or not (found := _MARKER.search(data, place)):
            return scans
        place = found.end()
        kind = data[place - 1]
        if kind == _END_OF_IMAGE:
            return scans
        scans += kind == _START_OF_SCAN
        if kind > 0x01 and kind != 0xD8:  # all others have a length
            place += max(int.from_bytes(data[place : place + 2], "big"), 2)
    return MAX_SCANS + 1


def _has_costly_tiles(data: bytes) -> bool:
    described = 0
    with suppress(*_BROKEN):  # cut off: the decoder will say so
        for tag, count, length, _ in _entries(data):
            described += length
            if described > 2 * len(data) + MAX_EXIF_BYTES:  # overlapping or missing
                return True
            if tag <= _LAST_OF_PIXELS and tag != _DESCRIPTION and count > MAX_VALUES:
                return True
    return False


def _entries(data: bytes, place: int | None = None) -> Iterator[tuple[int, int, int, int | None]]:
    """Yield tag, count, bytes and, for a single number, value of each entry of a TIFF directory.

    Args:
        data: Bytes of a TIFF.
        place: Offset of the directory; None takes the first.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    head, entry, word, start = ("Q", "HHQ", "Q", 8) if is_big else ("H", "HHI", "I", 4)
    if place is None:
        (place,) = struct.unpack_from(order + word, data, start)
    (entries,) = struct.unpack_from(order + head, data, place)
    place += struct.calcsize(order + head)
    size = struct.calcsize(order + entry)
    for _ in range(min(entries, 1 << 16)):
        tag, kind, count = struct.unpack_from(order + entry, data, place)
        value = None
        if kind in _POINTERS:  # at the beginning of its field
            (value,) = struct.unpack_from(order + _POINTERS[kind], data, place + size)
        yield tag, count, count * _BYTES_OF_TYPE.get(kind, 1), value
        place += size + struct.calcsize(word)
