"""Samples of every depth, kind and colour model: what 8-bit pixels they become."""

import io
import struct
import zlib

import numpy as np
import pytest
import skimage.color
import tifffile
from PIL import Image
from support.made_files import PNG_SIGNATURE, SRGB, chunk, encode

from deconv_demo.pictures.image_tensors import normalize, open_picture, to_pixels

SAMPLES = np.random.default_rng(0).integers(0, 65536, (9, 7, 3)).astype(np.uint16)


def tiff(samples, **options):
    tifffile.imwrite(stream := io.BytesIO(), samples, **options)
    return stream.getvalue()


def png(samples, depth, color, *more):
    """Write a PNG by hand; Pillow writes neither 16-bit colour nor 2-bit grey with a key."""
    height, width = samples.shape[:2]
    if depth < 8:
        bits = np.unpackbits(samples[..., None].astype(np.uint8), axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    else:
        rows = samples.astype(">u2" if depth == 16 else "u1")
    chunks = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)),
        *more,
        chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
        chunk(b"IEND", b""),
    ]
    return PNG_SIGNATURE + b"".join(chunks)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_sixteen_bit_color_tiff(compression, byteorder, planarconfig):
    samples = SAMPLES if planarconfig == "contig" else SAMPLES.transpose(2, 0, 1).copy()
    file = tiff(
        samples,
        photometric="rgb",
        planarconfig=planarconfig,
        byteorder=byteorder,
        compression=compression,
    )
    assert np.abs(to_pixels(open_picture(file)) - SAMPLES / 257).max() < 1


def test_sixteen_bit_png():
    gray, key = SAMPLES[..., 0], int(SAMPLES[4, 4, 0])
    picture = open_picture(png(gray, 16, 0))
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), np.rint(gray / 257))
    keyed = open_picture(png(gray, 16, 0, chunk(b"tRNS", struct.pack(">H", key))))
    assert keyed.mode == "LA"
    np.testing.assert_array_equal(np.asarray(keyed)[..., 1] == 0, gray == key)
    pair = open_picture(png(SAMPLES[..., :2], 16, 4))
    assert pair.mode == "LA"
    assert np.abs(np.asarray(pair) - SAMPLES[..., :2] / 257).max() < 1
    color = open_picture(png(SAMPLES, 16, 2))
    assert color.mode == "RGB"
    assert np.abs(to_pixels(color) - SAMPLES / 257).max() < 1
    key = struct.pack(">HHH", *SAMPLES[4, 4].tolist())
    keyed = open_picture(png(SAMPLES, 16, 2, chunk(b"tRNS", key)))
    assert np.argwhere(np.asarray(keyed)[..., 3] == 0).tolist() == [[4, 4]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_transparent_gray_of_any_depth(depth):
    samples = np.arange(16).reshape(4, 4) % 2**depth
    picture = open_picture(png(samples, depth, 0, chunk(b"tRNS", b"\0\1")))
    assert picture.mode == "LA"
    np.testing.assert_array_equal(np.asarray(picture)[..., 0], samples * 255 // (2**depth - 1))
    np.testing.assert_array_equal(np.asarray(picture)[..., 1] == 0, samples == 1)


@pytest.mark.parametrize(
    ("samples", "expected", "options"),
    [
        (np.uint16([[0, 128, 129, 65535]]), [0, 0, 1, 255], {}),
        (np.uint16([[0, 128, 129, 65535]]), [0, 0, 1, 255], {"byteorder": ">"}),
        (np.uint16([[0, 65535]]), [255, 0], {"photometric": "miniswhite"}),
        (np.uint8([[0, 250]]), [255, 5], {"photometric": "miniswhite"}),
        (np.float32([[0, 0.2, 1]]), [255, 204, 0], {"photometric": "miniswhite"}),
        (np.int16([[-5, 7, 255]]), [0, 7, 255], {}),
        (np.uint32([[0, 7, 255]]), [0, 7, 255], {}),
        (np.uint32([[0, 257, 65535]]), [0, 1, 255], {}),
        (np.uint32([[0, 2**31, 2**32 - 1]]), [0, 128, 255], {}),
        (np.float32([[-1, 0, 0.5, 1]]), [0, 0, 128, 255], {}),
        (np.float32([[0, 0.5, 1.1]]), [0, 128, 255], {}),
        (np.float32([[0, 99.6, 200]]), [0, 100, 200], {}),
        (np.float32([[0, 257, 65535]]), [0, 1, 255], {}),
        (np.float32([[np.nan, -np.inf, np.inf, 0.2]]), [0, 0, 255, 51], {}),
        (np.float32([[np.nan, np.nan]]), [0, 0], {}),
        (np.float32([[np.inf, np.inf]]), [255, 255], {}),
        (np.float32([[0, 2, 10]]), [0, 51, 255], {}),  # neither of 1 nor of 255
    ],
)
def test_gray_samples_of_other_kinds(samples, expected, options):
    picture = open_picture(tiff(samples, **options))
    assert picture.mode == "L"
    assert np.asarray(picture).ravel().tolist() == expected


def test_twelve_bit_tiff():
    entries = [(256, 2), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (278, 1), (279, 3)]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    file = b"II*\0\x0b\0\0\0" + b"\x80\x0f\xff" + struct.pack("<H", 8) + directory + bytes(4)
    assert np.asarray(open_picture(file)).tolist() == [[128, 255]]  # 0x800 / 4095, 0xFFF


RED = np.uint8([[[200, 30, 40]]])


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB", "RGBX", "RGBa", "CMYK"])
def test_other_color_modes(mode):
    source = Image.fromarray(RED)
    picture = normalize(source.convert("RGBA").convert(mode) if mode == "RGBa" else
                        source.convert(mode))  # fmt: skip
    assert picture.mode == ("RGBA" if mode == "RGBa" else "RGB")
    assert np.abs(to_pixels(picture).astype(int) - RED).max() <= 3


def test_lab_tiff_against_scikit_image():
    lab = np.uint8([[[150, 20, 236]]])  # L 150 / 2.55, a 20, b -20
    # Both adapt white from D50 to D65, Pillow after Bradford, scikit-image by scaling XYZ.
    expected = skimage.color.lab2rgb([[[150 / 2.55, 20.0, -20.0]]], illuminant="D65") * 255
    entries = [(256, 1), (257, 1), (259, 1), (262, 8), (273, 8), (277, 3), (278, 1), (279, 3)]
    entries = [*entries[:2], (258, 130), *entries[2:]]
    directory = b"".join(
        struct.pack("<HHII", tag, 3 if tag == 258 else 4, 3 if tag == 258 else 1, value)
        for tag, value in entries
    )
    file = b"II*\0\x0c\0\0\0" + lab.tobytes() + b"\0" + struct.pack("<H", 9) + directory + bytes(4)
    file = file.ljust(130, b"\0") + struct.pack("<HHH", 8, 8, 8)
    assert np.abs(to_pixels(open_picture(file)) - expected).max() < 3


def test_palettes_and_transparency():
    gray = Image.new("P", (2, 1))
    gray.putpalette([0, 0, 0, 90, 90, 90, 1, 2, 3])
    gray.putpixel((1, 0), 1)
    assert normalize(gray).mode == "L"
    assert np.asarray(normalize(gray)).tolist() == [[0, 90]]
    gray.info["transparency"] = 1
    assert np.asarray(normalize(gray)).tolist() == [[[0, 255], [90, 0]]]
    gray.info["transparency"] = b"\x40\x80"
    assert np.asarray(normalize(gray)).tolist() == [[[0, 64], [90, 128]]]
    gray.putpixel((0, 0), 2)  # the colour that is in the palette is used now
    assert np.asarray(normalize(gray)).tolist() == [[[1, 2, 3, 255], [90, 90, 90, 128]]]
    assert open_picture(encode(gray, "PNG")).mode == "RGBA"
    color = Image.new("RGB", (2, 1), (1, 2, 3))
    color.info["transparency"] = (1, 2, 3)
    assert normalize(color).getpixel((0, 0)) == (1, 2, 3, 0)
    assert normalize(Image.new("PA", (1, 1))).mode == "LA"
    assert normalize(Image.new("La", (1, 1), (50, 100))).getpixel((0, 0)) in (
        (127, 100),
        (128, 100),
    )
    assert np.asarray(normalize(Image.fromarray(np.eye(2) > 0))).tolist() == [[255, 0], [0, 255]]


def cmyk_profile():
    """An ICC profile by hand, all grey: L = 100 is bare paper, 0 black, 50 any other ink."""
    ramp = bytes(range(256))
    corners = [(255, 128, 128), (0, 128, 128)] + [(128, 128, 128), (0, 128, 128)] * 7
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(65536 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table += ramp * 4 + bytes(np.uint8(corners).tobytes()) + ramp * 3
    body = struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"none", 0x02400000, b"prtr", b"CMYK",
                         b"Lab ") + bytes(12) + b"acsp"  # fmt: skip
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)  # D50
    return header.ljust(128, b"\0") + body


def test_cmyk_with_its_profile_and_without():
    inks = np.uint8([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 255, 255, 0], [255, 0, 0, 0]]])
    inks = inks.repeat(8, axis=0).repeat(8, axis=1)
    picture = Image.frombytes("CMYK", (32, 8), inks.tobytes())
    plain = [[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 255]]
    printed = [[255] * 3, [0] * 3, [119] * 3, [119] * 3]  # L = 50 is sRGB 119
    for writer in ("TIFF", "JPEG"):  # in JPEG, Adobe's files and Pillow's are inverted
        for profile, expected in ((None, plain), (cmyk_profile(), printed), (b"junk", plain)):
            options = {"quality": 100, "subsampling": 0} if writer == "JPEG" else {}
            result = open_picture(encode(picture, writer, icc_profile=profile, **options))
            assert result.mode == "RGB"
            assert "icc_profile" not in result.info
            assert np.abs(to_pixels(result)[4, 4::8].astype(int) - expected).max() <= 3


def test_profile_is_kept_only_where_it_fits():
    gray_profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    for mode, profile, kept in (
        ("RGB", SRGB, True),
        ("RGBA", SRGB, True),
        ("L", SRGB, False),
        ("L", gray_profile, True),
        ("LA", gray_profile, True),
        ("RGB", gray_profile, False),
    ):
        picture = Image.new(mode, (2, 2), (7,) * len(mode) if len(mode) > 1 else 7)
        picture.info["icc_profile"] = profile
        result = normalize(picture)
        assert result.info == ({"icc_profile": profile} if kept else {})
        assert result.tobytes() == picture.tobytes()
