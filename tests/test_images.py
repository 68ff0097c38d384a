"""Pictures to pixels to tensors: orientation, modes, depths, rounding and what is carried."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
import skimage.color
import tifffile
import torch
from PIL import Image, ImageCms

from deconv_demo.images import (
    PictureError,
    from_pixels,
    normalise,
    open_picture,
    to_image,
    to_pixels,
    to_uint8,
)

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SAMPLES = np.random.default_rng(0).integers(0, 65536, (9, 7, 3)).astype(np.uint16)


def encode(picture, writer, **options):
    pillow_heif.register_heif_opener()
    picture.save(stream := io.BytesIO(), writer, **options)
    return stream.getvalue()


def tiff(samples, **options):
    tifffile.imwrite(stream := io.BytesIO(), samples, **options)
    return stream.getvalue()


def png(samples, depth, colour, *more):
    """Write a PNG by hand; Pillow writes neither 16-bit colour nor 2-bit grey with a key."""
    height, width = samples.shape[:2]
    if depth < 8:
        bits = np.unpackbits(samples[..., None].astype(np.uint8), axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    else:
        rows = samples.astype(">u2" if depth == 16 else "u1")
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
        *more,
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


# Rows of the upright picture, one letter a block, and how each orientation stores them (EXIF 2.3:
# what the first row and the first column of the file show).
STORED = {
    1: ["abc", "def"],
    2: ["cba", "fed"],
    3: ["fed", "cba"],
    4: ["def", "abc"],
    5: ["ad", "be", "cf"],
    6: ["cf", "be", "ad"],
    7: ["fc", "eb", "da"],
    8: ["da", "eb", "fc"],
}
COLOURS = dict(zip("abcdef", [0, 50, 100, 150, 200, 250], strict=True))


def blocks(rows):
    colours = np.array([[COLOURS[letter] for letter in row] for row in rows], dtype=np.uint8)
    return np.kron(colours, np.ones((16, 16), np.uint8))[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("writer", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", STORED)
def test_orientation_is_applied_once(orientation, writer):
    exif = Image.Exif()
    exif[274] = orientation
    exif[271] = "Maker"
    stored = blocks(STORED[orientation])
    exif.get_ifd(0x8769).update({0xA002: stored.shape[1], 0xA003: stored.shape[0]})
    options = {"exif": exif.tobytes()} | ({"quality": 95} if writer != "TIFF" else {})
    file = encode(Image.fromarray(stored), writer, **options)
    picture = open_picture(file)
    assert picture.size == (48, 32)
    error = np.abs(to_pixels(picture).astype(int) - blocks(STORED[1]))
    assert np.median(error) <= 3  # lossy; a wrong turn is off by 50 and more
    assert error.mean() < 5
    carried = picture.getexif()
    assert 274 not in carried
    assert carried[271] == "Maker"
    assert carried.get_ifd(0x8769) == {0xA002: 48, 0xA003: 32}
    np.testing.assert_array_equal(to_pixels(normalise(picture)), to_pixels(picture))


@pytest.mark.parametrize("writer", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "dpi"), [(1, (300, 100)), (3, (300, 100)), (6, (100, 300))]
)
def test_resolution_turns_with_the_picture(writer, orientation, dpi):
    exif = Image.Exif()
    exif[274] = orientation
    picture = open_picture(encode(Image.new("RGB", (40, 20)), writer, exif=exif, dpi=(300, 100)))
    assert picture.size == ((20, 40) if orientation == 6 else (40, 20))
    assert picture.info["dpi"] == dpi


def test_pillow_pictures_are_turned_and_left_alone():
    stored = Image.fromarray(blocks(STORED[6]))
    stored.getexif()[274] = 6
    stored.info["dpi"] = (300, 100)
    picture = normalise(stored)
    np.testing.assert_array_equal(to_pixels(picture), blocks(STORED[1]))
    assert picture.info == {"dpi": (100, 300)}
    assert stored.getexif()[274] == 6
    stored.getexif()[274] = 3
    assert normalise(stored).info == {"dpi": (300, 100)}
    np.testing.assert_array_equal(np.asarray(stored), blocks(STORED[6]))
    upright = Image.new("RGB", (2, 2))
    normalise(upright).putpixel((0, 0), (9, 9, 9))
    assert upright.getpixel((0, 0)) == (0, 0, 0)


def test_broken_exif_and_other_baggage_is_left_behind():
    picture = Image.new("RGB", (4, 4))
    picture.info = {"exif": b"Exif\0\0II*\0\xff\xff", "comment": b"x", "dpi": (0, 0), "gamma": 2}
    assert normalise(picture).info == {}
    assert open_picture(encode(picture, "JPEG", exif=picture.info["exif"])).size == (4, 4)


@pytest.mark.parametrize("source", ["path", "str", "bytes", "stream"])
def test_every_kind_of_source(tmp_path, source):
    file = encode(Image.fromarray(blocks(["ab"])), "PNG")
    (tmp_path / "p.png").write_bytes(file)
    stream = io.BytesIO(file)
    stream.seek(40)
    sources = {"path": tmp_path / "p.png", "bytes": file, "stream": stream}
    sources["str"] = str(sources["path"])
    np.testing.assert_array_equal(to_pixels(open_picture(sources[source])), blocks(["ab"]))


def test_first_frame_of_what_moves():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for writer in ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"):
        file = encode(frames[0], writer, save_all=True, append_images=frames[1:])
        error = np.abs(to_pixels(open_picture(file)).astype(int) - [255, 0, 0])
        assert error.max() <= 3, writer


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_sixteen_bit_colour_tiff(compression, byteorder, planarconfig):
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
    grey, key = SAMPLES[..., 0], int(SAMPLES[4, 4, 0])
    picture = open_picture(png(grey, 16, 0))
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), np.rint(grey / 257))
    keyed = open_picture(png(grey, 16, 0, (b"tRNS", struct.pack(">H", key))))
    assert keyed.mode == "LA"
    np.testing.assert_array_equal(np.asarray(keyed)[..., 1] == 0, grey == key)
    pair = open_picture(png(SAMPLES[..., :2], 16, 4))
    assert pair.mode == "LA"
    assert np.abs(np.asarray(pair) - SAMPLES[..., :2] / 257).max() < 1
    colour = open_picture(png(SAMPLES, 16, 2))
    assert colour.mode == "RGB"
    assert np.abs(to_pixels(colour) - SAMPLES / 257).max() < 1
    key = struct.pack(">HHH", *SAMPLES[4, 4].tolist())
    keyed = open_picture(png(SAMPLES, 16, 2, (b"tRNS", key)))
    assert np.argwhere(np.asarray(keyed)[..., 3] == 0).tolist() == [[4, 4]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_transparent_grey_of_any_depth(depth):
    samples = np.arange(16).reshape(4, 4) % 2**depth
    picture = open_picture(png(samples, depth, 0, (b"tRNS", b"\0\1")))
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
def test_grey_samples_of_other_kinds(samples, expected, options):
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
def test_other_colour_modes(mode):
    source = Image.fromarray(RED)
    picture = normalise(source.convert("RGBA").convert(mode) if mode == "RGBa" else
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
    grey = Image.new("P", (2, 1))
    grey.putpalette([0, 0, 0, 90, 90, 90, 1, 2, 3])
    grey.putpixel((1, 0), 1)
    assert normalise(grey).mode == "L"
    assert np.asarray(normalise(grey)).tolist() == [[0, 90]]
    grey.info["transparency"] = 1
    assert np.asarray(normalise(grey)).tolist() == [[[0, 255], [90, 0]]]
    grey.info["transparency"] = b"\x40\x80"
    assert np.asarray(normalise(grey)).tolist() == [[[0, 64], [90, 128]]]
    grey.putpixel((0, 0), 2)  # the colour that is in the palette is used now
    assert np.asarray(normalise(grey)).tolist() == [[[1, 2, 3, 255], [90, 90, 90, 128]]]
    assert open_picture(encode(grey, "PNG")).mode == "RGBA"
    colour = Image.new("RGB", (2, 1), (1, 2, 3))
    colour.info["transparency"] = (1, 2, 3)
    assert normalise(colour).getpixel((0, 0)) == (1, 2, 3, 0)
    assert normalise(Image.new("PA", (1, 1))).mode == "LA"
    assert normalise(Image.new("La", (1, 1), (50, 100))).getpixel((0, 0)) in (
        (127, 100),
        (128, 100),
    )
    assert np.asarray(normalise(Image.fromarray(np.eye(2) > 0))).tolist() == [[255, 0], [0, 255]]


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
    grey_profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    for mode, profile, kept in (
        ("RGB", SRGB, True),
        ("RGBA", SRGB, True),
        ("L", SRGB, False),
        ("L", grey_profile, True),
        ("LA", grey_profile, True),
        ("RGB", grey_profile, False),
    ):
        picture = Image.new(mode, (2, 2), (7,) * len(mode) if len(mode) > 1 else 7)
        picture.info["icc_profile"] = profile
        result = normalise(picture)
        assert result.info == ({"icc_profile": profile} if kept else {})
        assert result.tobytes() == picture.tobytes()


def test_normalise_refuses_with_a_sentence(monkeypatch):
    monkeypatch.setattr("deconv_demo.picture_errors.MAX_PIXELS", 2_000_000)
    for picture, code in (
        (None, "no_picture"),
        (np.zeros((2, 2, 3), np.uint8), "no_picture"),
        (Image.new("RGB", (0, 5)), "empty"),
        (Image.new("1", (2000, 1001)), "too_large"),
        (Image.open(io.BytesIO(encode(Image.new("RGB", (99, 99)), "BMP")[:200])), "truncated"),
    ):
        with pytest.raises(PictureError) as caught:
            normalise(picture)
        assert caught.value.code == code
    large = Image.open(io.BytesIO(encode(Image.new("1", (2000, 1001)), "PNG")))
    with pytest.raises(PictureError, match="megapixels"):
        normalise(large)
    assert large.tile  # refused before it was decoded


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pixels_and_tensor_round_trip(mode):
    bands = np.random.default_rng(1).integers(0, 256, (5, 6, len(mode)), dtype=np.uint8)
    picture = Image.fromarray(bands.squeeze())
    assert picture.mode == mode
    image = to_image(picture)
    colour = bands[..., :3] if mode.startswith("RGB") else bands[..., :1].repeat(3, axis=2)
    assert image.shape == (1, 3, 5, 6)
    assert image.is_contiguous()
    assert image.dtype == torch.float32
    np.testing.assert_array_equal(image[0].permute(1, 2, 0).numpy(), np.float32(colour) / 255)
    back = from_pixels(to_uint8(image), like=picture)
    assert back.mode == mode
    np.testing.assert_array_equal(np.asarray(back), np.asarray(picture))


def test_rounding_clipping_and_nan():
    values = [-1.0, 0.0, 0.4999 / 255, 0.5001 / 255, 254.4 / 255, 254.6 / 255, 2.0]
    values += [float("nan"), float("inf"), -float("inf")]
    image = torch.tensor(values).expand(3, 1, -1)
    expected = [0, 0, 0, 1, 254, 255, 255, 0, 255, 0]
    for given in (image, image.unsqueeze(0)):
        assert to_uint8(given)[0, :, 1].tolist() == expected
    assert torch.isnan(image[0, 0, 7])  # the one given is left alone
    levels = torch.arange(256).div(255).bfloat16().expand(3, 1, -1)
    assert np.abs(to_uint8(levels)[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    for shape in ((2, 3, 4, 4), (1, 4, 4), (3, 4)):
        with pytest.raises(ValueError, match="expected"):
            to_uint8(torch.zeros(shape))


def test_grey_is_the_rounded_mean():
    pixels = np.uint8([[[0, 0, 1], [0, 1, 1], [255, 255, 254], [255, 255, 255]]])
    assert np.asarray(from_pixels(pixels, like=Image.new("L", (1, 1)))).tolist() == [
        [0, 1, 255, 255]
    ]


def test_from_pixels_resizes_alpha_and_carries_metadata():
    exif = Image.Exif()
    exif[0x100], exif[0x101], exif[271] = 4, 4, "Maker"
    exif.get_ifd(0x8769).update({0xA002: 4, 0xA003: 4})
    alpha = np.random.default_rng(2).integers(0, 256, (4, 4), dtype=np.uint8)
    like = Image.new("RGBA", (4, 4))
    like.putalpha(Image.fromarray(alpha))
    like.info = {"exif": exif.tobytes(), "icc_profile": SRGB, "dpi": (96, 96), "gamma": 1}
    same = from_pixels(np.zeros((4, 4, 3), np.uint8), like=like)
    assert same.info == {"exif": exif.tobytes(), "icc_profile": SRGB, "dpi": (96, 96)}
    larger = from_pixels(np.full((6, 8, 3), 5, np.uint8), like=like)
    assert larger.mode == "RGBA"
    bicubic = Image.fromarray(alpha).resize((8, 6), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(np.asarray(larger)[..., 3], np.asarray(bicubic))
    assert (larger.info["icc_profile"], larger.info["dpi"]) == (SRGB, (96, 96))
    carried = larger.getexif()
    assert (carried[0x100], carried[0x101], carried[271]) == (8, 6, "Maker")
    assert carried.get_ifd(0x8769) == {0xA002: 8, 0xA003: 6}
    for pixels, mode in ((np.zeros((2, 2), np.uint8), "L"), (np.zeros((2, 2, 3)), "L")):
        with pytest.raises(ValueError, match="uint8"):
            from_pixels(pixels, like=Image.new(mode, (2, 2)))
    with pytest.raises(ValueError, match="normalise"):
        from_pixels(np.zeros((2, 2, 3), np.uint8), like=Image.new("CMYK", (2, 2)))
