"""Pictures to pixels to tensors: orientation, rounding and what is carried."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from support.made_files import SRGB, encode

from deconv_demo.pictures.errors import PictureError
from deconv_demo.pictures.image_tensors import (
    from_pixels,
    normalize,
    open_picture,
    to_image,
    to_pixels,
    to_uint8,
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
    colors = np.array([[COLOURS[letter] for letter in row] for row in rows], dtype=np.uint8)
    return np.kron(colors, np.ones((16, 16), np.uint8))[..., None].repeat(3, axis=2)


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
    np.testing.assert_array_equal(to_pixels(normalize(picture)), to_pixels(picture))


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
    picture = normalize(stored)
    np.testing.assert_array_equal(to_pixels(picture), blocks(STORED[1]))
    assert picture.info == {"dpi": (100, 300)}
    assert stored.getexif()[274] == 6
    stored.getexif()[274] = 3
    assert normalize(stored).info == {"dpi": (300, 100)}
    np.testing.assert_array_equal(np.asarray(stored), blocks(STORED[6]))
    upright = Image.new("RGB", (2, 2))
    normalize(upright).putpixel((0, 0), (9, 9, 9))
    assert upright.getpixel((0, 0)) == (0, 0, 0)


def test_broken_exif_and_other_baggage_is_left_behind():
    picture = Image.new("RGB", (4, 4))
    picture.info = {"exif": b"Exif\0\0II*\0\xff\xff", "comment": b"x", "dpi": (0, 0), "gamma": 2}
    assert normalize(picture).info == {}
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
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    for writer in ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"):
        file = encode(frames[0], writer, save_all=True, append_images=frames[1:])
        error = np.abs(to_pixels(open_picture(file)).astype(int) - [255, 0, 0])
        assert error.max() <= 3, writer


def test_normalize_refuses_with_a_sentence(monkeypatch):
    monkeypatch.setattr("deconv_demo.pictures.errors.MAX_PIXELS", 2_000_000)
    for picture, code in (
        (None, "no_picture"),
        (np.zeros((2, 2, 3), np.uint8), "no_picture"),
        (Image.new("RGB", (0, 5)), "empty"),
        (Image.new("1", (2000, 1001)), "too_large"),
        (Image.open(io.BytesIO(encode(Image.new("RGB", (99, 99)), "BMP")[:200])), "truncated"),
    ):
        with pytest.raises(PictureError) as caught:
            normalize(picture)
        assert caught.value.code == code
    large = Image.open(io.BytesIO(encode(Image.new("1", (2000, 1001)), "PNG")))
    with pytest.raises(PictureError, match="megapixels"):
        normalize(large)
    assert large.tile  # refused before it was decoded


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pixels_and_tensor_round_trip(mode):
    bands = np.random.default_rng(1).integers(0, 256, (5, 6, len(mode)), dtype=np.uint8)
    picture = Image.fromarray(bands.squeeze())
    assert picture.mode == mode
    image = to_image(picture)
    color = bands[..., :3] if mode.startswith("RGB") else bands[..., :1].repeat(3, axis=2)
    assert image.shape == (1, 3, 5, 6)
    assert image.is_contiguous()
    assert image.dtype == torch.float32
    np.testing.assert_array_equal(image[0].permute(1, 2, 0).numpy(), np.float32(color) / 255)
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


def test_gray_is_the_rounded_mean():
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
    with pytest.raises(ValueError, match="normalize it first"):
        from_pixels(np.zeros((2, 2, 3), np.uint8), like=Image.new("CMYK", (2, 2)))
