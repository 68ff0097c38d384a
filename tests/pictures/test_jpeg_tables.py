"""The quality that a JPEG file was saved with, against libjpeg's own."""

import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from deconv_demo.pictures import open_picture
from deconv_demo.pictures.jpeg_tables import file_quality


def saved(mode="RGB", **options):
    stream = io.BytesIO()
    Image.effect_noise((40, 40), 60).convert(mode).save(stream, **options)
    return stream


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("quality", [1, 5, 10, 25, 49, 50, 51, 75, 90, 95, 100])
def test_the_quality_is_read_off_the_tables(quality, mode):
    with Image.open(saved(mode, format="JPEG", quality=quality)) as picture:
        assert file_quality(picture) == pytest.approx(quality, abs=1)


def test_other_files_have_none():
    for name in ("PNG", "WEBP"):
        with Image.open(saved(format=name)) as picture:
            assert file_quality(picture) is None
        assert "jpeg_quality" not in open_picture(saved(format=name)).info


def test_it_stays_with_the_picture():
    assert open_picture(saved(format="JPEG", quality=30)).info["jpeg_quality"] == pytest.approx(
        30, abs=1
    )


def test_tables_of_a_camera_have_the_quality_as_coarse():
    """Steps that are all alike: 50 where they add up to those of quality 50."""
    flat = [58] * 64
    with Image.open(saved(format="JPEG", qtables=[flat, flat])) as picture:
        assert file_quality(picture) == pytest.approx(50, abs=1)


@pytest.mark.parametrize("text", ["abc", "50", "nan"])
def test_a_text_of_that_name_in_a_file_is_none(text):
    """Texts of a PNG lie where Pillow keeps all it knows of a picture."""
    texts = PngInfo()
    texts.add_text("jpeg_quality", text)
    assert "jpeg_quality" not in open_picture(saved(format="PNG", pnginfo=texts)).info
