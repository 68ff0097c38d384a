"""Files that are small and would take minutes or gigabytes to read, told before they are opened.

Decoders check what they are given, not what it costs: each scan of a progressive JPEG goes over
the whole picture, each tile of a TIFF becomes a few hundred bytes of Python before its first pixel
is read, and empty chunks of a PNG are read one by one.
"""

import re
import struct
from collections.abc import Iterator
from io import BytesIO

from deconv_demo.picture_errors import PictureError

# Encoders write about ten; one more over 50 megapixels takes 7 ms at least.
MAX_SCANS = 50
# Of a JPEG: comments, profiles in pieces of 64 KiB, tables before each scan.
MAX_SEGMENTS = 100_000
# 50 megapixels in tiles of 16 x 16 are 195,000; a table of colours has 3 times 65,536 values.
MAX_VALUES = 250_000
# Of a TIFF's directories together; real ones have some dozens.
MAX_ENTRIES = 20_000
# Of EXIF data: a segment of JPEG holds 64 KiB, and each number in it becomes an object.
MAX_EXIF_BYTES = 1_000_000
# Of a decoder that asks for a file piece by piece: about five seconds' worth. 400 MB of PNG in
# the smallest usual chunks are 150,000.
MAX_READS = 1_000_000

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_START, _END_OF_IMAGE, _START_OF_SCAN = b"\xff\xd8", 0xD9, 0xDA
_SUBDIRECTORIES = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
# Tags up to this one say how the pixels lie, and are all read when a file is opened.
_LAST_OF_PIXELS = 699
# Numbers; text and raw bytes cost no more than they are.
_BYTES_OF_TYPE = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


class CountedBytes(BytesIO):
    """A file in memory that is read at most ``MAX_READS`` times.

    >>> CountedBytes(b"abc").read(2)
    b'ab'
    """

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read as ``BytesIO`` does.

        Raises:
            PictureError: It has been read too often.
        """
        self.reads += 1
        if self.reads > MAX_READS:
            raise PictureError("unreadable")
        return super().read(size)


def refuse_costly(data: bytes) -> None:
    """Refuse what would take far longer to read than a file of its size should.

    Args:
        data: The file.

    Raises:
        PictureError: It has more scans, tiles or descriptive values than any real picture.
    """
    if data.startswith(_JPEG_START):
        if _count_scans(data) > MAX_SCANS:
            raise PictureError("unreadable")
    elif data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        try:
            is_costly = _has_costly_directory(data)
        except (struct.error, IndexError, OverflowError):  # it ends there: the decoder will say so
            return
        if is_costly:
            raise PictureError("unreadable")


def _count_scans(data: bytes) -> int:
    """Count the scans of a JPEG up to its end; more than allowed where that does not come.

    What follows the end, as the film of a moving photograph, may look like anything.
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


def _has_costly_directory(data: bytes) -> bool:
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    first, *_ = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    waiting, seen, entries = [(first, True)], set(), 0
    while waiting:
        offset, is_main = waiting.pop()
        if offset in seen:
            continue
        seen.add(offset)
        described = 0
        for tag, kind, count, value in _entries(data, offset, order, is_big):
            entries += 1
            # Directories may overlap, and each may name thousands of others.
            if entries > MAX_ENTRIES:
                return True
            if is_main and tag <= _LAST_OF_PIXELS and count > MAX_VALUES:
                return True
            described += count * _BYTES_OF_TYPE.get(kind, 0)
            if tag in _SUBDIRECTORIES:
                waiting.append((value, False))
        if not is_main and described > MAX_EXIF_BYTES:
            return True
    return False


def _entries(
    data: bytes, offset: int, order: str, is_big: bool
) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type, count and value or offset of a directory."""
    head, entry = ("Q", "HHQQ") if is_big else ("H", "HHII")
    (count,) = struct.unpack_from(order + head, data, offset)
    offset += struct.calcsize(order + head)
    size = struct.calcsize(order + entry)
    for index in range(min(count, 1 << 16)):
        yield struct.unpack_from(order + entry, data, offset + index * size)
