"""The noise estimate against noise that was really added."""

import numpy as np
import pytest
import skimage.data
import skimage.restoration
from PIL import Image, ImageDraw, ImageFont

from deconv_demo.noise_level import LARGEST_PATCH_COUNT, PATCH, _clipped_moments, estimate_sigma


def with_noise(pixels: np.ndarray, level: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, level, pixels.shape)
    return np.rint(pixels + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {
        "astronaut": skimage.data.astronaut()[100:356, 100:356],
        "coffee": skimage.data.coffee()[100:356, 200:456],
        "cat": skimage.data.cat()[20:276, 80:336],
        "retina": skimage.data.retina()[50:306, 50:306],
    }


@pytest.mark.parametrize("level", [15, 25, 50, 75])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "retina"])
def test_noise_is_found_again(name, level, pictures):
    """Although 0 and 255 cut off a third of the noise of 75, and more in the dark."""
    estimated = estimate_sigma(with_noise(pictures[name], level)) * 255
    # A photograph has a little noise of its own.
    assert estimated == pytest.approx(level, rel=0.08 if level == 15 else 0.04)


@pytest.mark.parametrize("mean", [0, 30, 128, 240, 255])
@pytest.mark.parametrize("deviation", [10, 60, 150])
def test_clipped_noise_has_these_moments(mean, deviation):
    drawn = np.random.default_rng(0).normal(mean, deviation, 400_000).clip(0, 255)
    means, variances = _clipped_moments(np.array([mean]), deviation)
    assert means[0] == pytest.approx(drawn.mean(), abs=0.01 * deviation)
    assert variances[0] == pytest.approx(drawn.var(), rel=0.01)


@pytest.mark.parametrize("level", [0, 5, 15, 25, 50])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
def test_no_worse_than_the_median_of_wavelets(name, level, pictures):
    noisy = with_noise(pictures[name], level)
    rival = skimage.restoration.estimate_sigma(noisy, channel_axis=-1, average_sigmas=True)
    assert abs(estimate_sigma(noisy) * 255 - level) < abs(rival - level) + 1


@pytest.mark.parametrize("level", [2, 10, 40])
def test_noise_alone(level):
    grey = np.full((96, 96, 3), 128, np.uint8)
    assert estimate_sigma(with_noise(grey, level)) * 255 == pytest.approx(level, rel=0.06)


def test_more_noise_gives_a_higher_estimate(pictures):
    estimates = [estimate_sigma(with_noise(pictures["cat"], level)) for level in range(0, 60, 12)]
    assert estimates == sorted(estimates)


def test_channels_are_averaged_as_variances():
    grey = np.full((128, 128, 3), 128.0)
    grey += np.random.default_rng(0).normal(0, 1, grey.shape) * [0, 10, 20]
    estimated = estimate_sigma(np.rint(grey).astype(np.uint8)) * 255
    assert estimated == pytest.approx(np.sqrt((100 + 400) / 3), rel=0.06)


def test_clipped_parts_do_not_pull_it_down():
    half_black = np.full((128, 128, 3), 128.0)
    half_black[:, :64] = 0
    assert estimate_sigma(with_noise(half_black, 20)) * 255 == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_has_none(value):
    assert estimate_sigma(np.full((64, 64, 3), value, np.uint8)) == 0


@pytest.mark.parametrize("size", [(1, 1), (2 * PATCH - 1, 400), (400, 2 * PATCH - 1)])
def test_too_small_to_tell(size):
    noise = with_noise(np.full((*size, 3), 128, np.uint8), 30)
    assert estimate_sigma(noise) == 0.0


@pytest.mark.parametrize("size", [(16, 16), (16, 17), (20, 16), (16, 300)])
def test_the_smallest_pictures_give_a_number(size):
    estimated = estimate_sigma(with_noise(np.full((*size, 3), 128, np.uint8), 10))
    assert np.isfinite(estimated)
    assert 0 <= estimated < 30 / 255


def test_a_large_picture_is_sampled():
    side = 600
    assert (side - PATCH + 1) ** 2 > 2 * LARGEST_PATCH_COUNT
    noisy = with_noise(np.full((side, side, 3), 128, np.uint8), 10)
    assert estimate_sigma(noisy) * 255 == pytest.approx(10, rel=0.03)


@pytest.fixture(scope="module")
def page_of_text() -> np.ndarray:
    page = Image.new("RGB", (320, 240), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for top in range(4, 230, 18):
        draw.text((8, top), "The quick brown fox jumps over the lazy dog", "black", font)
    return np.asarray(page)


@pytest.fixture(scope="module")
def drawing() -> np.ndarray:
    picture = Image.new("RGB", (256, 256), (200, 180, 90))
    draw, generator = ImageDraw.Draw(picture), np.random.default_rng(1)
    for x, y, width, *colour in generator.integers(0, 256, (80, 6)).tolist():
        draw.ellipse((x, y, x + 5 + width // 8, y + 5 + width // 6), tuple(colour))
    return np.asarray(picture)


@pytest.mark.parametrize("kind", ["page_of_text", "drawing"])
def test_edges_are_not_noise(kind, request):
    clean = request.getfixturevalue(kind)
    assert estimate_sigma(clean) * 255 < 1
    assert estimate_sigma(with_noise(clean, 8)) * 255 > 5


@pytest.mark.parametrize("level", [2, 5])
@pytest.mark.parametrize("invert", [False, True])
def test_letters_are_not_taken_for_much_of_it(level, invert, page_of_text):
    """Letters go in all directions, as noise does, but not over the margins."""
    page = np.pad(page_of_text, ((32, 32), (32, 32), (0, 0)), constant_values=255)
    if invert:
        page = 225 - page // 4 * 3
    assert level - 1 < estimate_sigma(with_noise(page, level)) * 255 < 1.7 * level


def test_a_sky_that_is_white_in_the_file_does_not_say_that_there_is_none(pictures):
    noisy = with_noise(pictures["coffee"], 20)
    noisy[:60] = 255
    assert estimate_sigma(noisy) * 255 == pytest.approx(20, rel=0.1)
