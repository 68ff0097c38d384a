"""The blocks of JPEG files, seen wherever they begin."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from deconv_demo.estimation.jpeg_grid import block_steps, sees_blocks


def saved(pixels, *qualities, cut=(3, 5)):
    for quality in qualities:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
        pixels = np.asarray(Image.open(stream))[cut[0] :, cut[1] :]
    return pixels


PHOTOS = {
    "coffee": skimage.data.coffee(),
    "astronaut": skimage.data.astronaut(),
    "rocket": np.asarray(Image.fromarray(skimage.data.rocket()).reduce(2)),
    "cat": np.asarray(Image.fromarray(skimage.data.chelsea()).reduce(2)).repeat(2, 0).repeat(2, 1),
}


@pytest.mark.parametrize("quality", [10, 30, 50])
@pytest.mark.parametrize("name", ["coffee", "astronaut", "rocket"])
def test_blocks_are_seen_wherever_they_begin(name, quality):
    assert sees_blocks(saved(PHOTOS[name], quality))
    assert sees_blocks(saved(PHOTOS[name], quality, cut=(0, 0)))


def test_blocks_are_seen_under_those_of_a_better_file():
    assert sees_blocks(saved(PHOTOS["coffee"], 15, 90))


def test_there_are_none_without_a_file():
    """Made smaller, so that those of their own files are gone."""
    for name in ("coffee", "astronaut"):
        photo = Image.fromarray(PHOTOS[name])
        small = photo.resize(
            (photo.width * 2 // 3, photo.height * 2 // 3), Image.Resampling.LANCZOS
        )
        assert not sees_blocks(np.asarray(small))


def test_print_and_noise_have_none():
    page = Image.new("RGB", (320, 240), "white")
    for top in range(4, 230, 18):
        font = ImageFont.load_default(14)
        ImageDraw.Draw(page).text((8, top), "The quick brown fox jumps over", "black", font)
    assert not sees_blocks(np.asarray(page))
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert not sees_blocks(noise)


@pytest.mark.parametrize("size", [(1, 1), (8, 900), (34, 34), (1, 3000)])
def test_small_pictures_show_none(size):
    assert not sees_blocks(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))


def test_turned_the_axes_change_places():
    pixels = saved(PHOTOS["coffee"], 40)
    across, down = block_steps(pixels)
    turned = block_steps(np.swapaxes(pixels, 0, 1))
    assert turned == pytest.approx((down, across), rel=1e-3)
