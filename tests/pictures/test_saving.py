"""Files as they are written: what is kept, what is flattened, what is refused."""

import io
import os

import numpy as np
import pytest
from PIL import Image
from support.made_files import SRGB, encode_noise, random_pixels

from deconv_demo.pictures.errors import PictureError
from deconv_demo.pictures.image_io import save_picture
from deconv_demo.pictures.image_tensors import from_pixels, open_picture, to_pixels


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
    before = open_picture(encode_noise(source, **options))
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


def test_profile_of_grays_is_not_written_into_a_color_file():
    gray = bytearray(SRGB)
    gray[16:20] = b"GRAY"
    picture = Image.new("L", (4, 4))
    picture.info["icc_profile"] = bytes(gray)
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
