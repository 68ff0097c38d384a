"""The noise that is read off a picture against noise that was really added."""

import io

import numpy as np
import pytest
import skimage.data
import skimage.restoration
import torch
from PIL import Image, ImageDraw, ImageFont

from deconv_demo.estimation.noise import (
    RECEPTIVE_FIELD,
    NoiseLevelEstimator,
    is_monochrome,
)
from deconv_demo.estimation.noise_reading import (
    BLOCK,
    BLOCKS,
    MIN_SIDE,
    _spread_blocks,
    estimate_sigma,
)
from deconv_demo.restoration.weights import load_estimator


def level_of(pixels: np.ndarray) -> float:
    return estimate_sigma(load_estimator("noise_reader"), pixels) * 255


def fixed_noise(pixels: np.ndarray, level: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, level, pixels.shape)
    return np.rint(pixels + noise).clip(0, 255).astype(np.uint8)


def toned(pixels: np.ndarray, level: float, sepia: tuple = (1.0, 0.85, 0.65)) -> np.ndarray:
    """In sepia, with one noise for all channels, which has ``level`` in their mean."""
    gray = pixels.mean(axis=-1, keepdims=True)
    noise = np.random.default_rng(0).normal(0, level / np.mean(sepia), gray.shape)
    return np.rint((gray + noise) * sepia).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {
        "astronaut": skimage.data.astronaut()[100:356, 100:356],
        "coffee": skimage.data.coffee()[100:356, 200:456],
        "cat": skimage.data.cat()[20:276, 80:336],
        "retina": skimage.data.retina()[50:306, 50:306],
        "grass": np.stack([skimage.data.grass()[:256, :256]] * 3, axis=-1),
    }


@pytest.mark.parametrize("level", [5, 15, 25, 50, 75])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "retina"])
def test_noise_is_found_again(name, level, pictures):
    """Although 0 and 255 cut off a third of the noise of 75, and more in the dark."""
    # A photograph has a little noise of its own. Around the retina all is black, where half of the
    # noise is cut off.
    rel = 0.2 if name == "retina" else 0.1
    assert level_of(fixed_noise(pictures[name], level)) == pytest.approx(level, rel=rel, abs=2)


@pytest.mark.parametrize("level", [0, 5, 15, 25, 50, 75])
def test_nearer_than_the_median_of_wavelets(level, pictures):
    """Also on grass, which both take for noise."""
    ours, theirs = [], []
    for pixels in pictures.values():
        noisy = fixed_noise(pixels, level)
        rival = skimage.restoration.estimate_sigma(noisy, channel_axis=-1, average_sigmas=True)
        ours.append(abs(level_of(noisy) - level))
        theirs.append(abs(rival - level))
    assert np.mean(ours) < 0.7 * np.mean(theirs)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "retina"])
def test_a_clean_photo_is_left_as_it_is(name, pictures):
    assert level_of(pictures[name]) < 2


@pytest.mark.parametrize("level", [5, 10, 40])
def test_noise_alone(level):
    gray = np.full((96, 96, 3), 128, np.uint8)
    assert level_of(fixed_noise(gray, level)) == pytest.approx(level, rel=0.1)


def test_more_noise_gives_a_higher_estimate(pictures):
    estimates = [level_of(fixed_noise(pictures["cat"], level)) for level in range(0, 60, 12)]
    assert min(np.diff(estimates)) > 6


@pytest.mark.parametrize("level", [5, 20, 40])
@pytest.mark.parametrize("sepia", [(1.0, 1.0, 1.0), (1.0, 0.85, 0.65)])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
def test_a_picture_of_one_tone_has_the_same_noise_in_its_channels(name, sepia, level, pictures):
    assert level_of(toned(pictures[name], level, sepia)) == pytest.approx(level, rel=0.1, abs=1)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_has_none(value):
    assert level_of(np.full((64, 64, 3), value, np.uint8)) < 0.5


@pytest.mark.parametrize("size", [(1, 1), (MIN_SIDE - 1, 400), (400, MIN_SIDE - 1)])
def test_too_small_to_tell(size):
    assert level_of(fixed_noise(np.full((*size, 3), 128, np.uint8), 30)) == 0


@pytest.mark.parametrize("size", [(16, 16), (16, 17), (20, 16), (16, 3000), (21, 22)])
def test_the_smallest_pictures_give_a_number(size):
    assert 3 < level_of(fixed_noise(np.full((*size, 3), 128, np.uint8), 10)) < 30


@pytest.mark.parametrize(
    ("size", "count"), [((512, 512), 1), ((513, 40), 4), ((600, 800), 16), ((3000, 130), 8)]
)
def test_blocks_are_spread_over_the_whole_picture(size, count):
    rows, columns = np.indices(size)
    pixels = np.stack([rows // 16, columns // 16, rows * 0], axis=-1).astype(np.uint8)
    blocks = _spread_blocks(pixels)
    assert len(blocks) == count
    seen = np.concatenate([block.reshape(-1, 3) for block in blocks])
    assert seen.min(axis=0).tolist() == [0, 0, 0]
    assert (seen.max(axis=0) == pixels.max(axis=(0, 1))).all()
    assert len({block.shape for block in blocks}) == 1
    assert sum(block.size for block in blocks) <= 3 * (BLOCK * BLOCKS) ** 2


def test_what_lies_beyond_its_field_does_not_change_a_place():
    """But through mean and mean square of the whole, which are held still here."""
    estimator = NoiseLevelEstimator()
    with torch.no_grad():
        estimator.colour.context.weight.zero_()
    image = torch.rand(1, 3, 85, 85, generator=torch.Generator().manual_seed(0))
    changed = image.clone()
    changed[..., :20, :20] = 0
    before, after = (
        estimator.local_estimates(each, one_tone=False).level[0] for each in (image, changed)
    )
    moved = (before != after).any(dim=0)
    assert moved[:4, :4].all()
    # The sixth place begins at row 20 and smooths over row 19, the seventh sees nothing of it.
    assert not moved[6:].any()
    assert not moved[:, 6:].any()
    assert before.shape[-1] == (85 - RECEPTIVE_FIELD) // 4 + 1


def test_every_place_knows_what_the_whole_is_like():
    estimator = NoiseLevelEstimator()
    image = torch.rand(1, 3, 85, 85, generator=torch.Generator().manual_seed(0))
    changed = image.clone()
    changed[..., :20, :20] = 0
    before, after = (
        estimator.local_estimates(each, one_tone=False).level for each in (image, changed)
    )
    assert (before != after).any(dim=1).all()


def test_pictures_of_one_tone_are_read_by_convolutions_of_their_own():
    """In a batch of all kinds, each as if it had come alone, and none by those of the other."""
    estimator = NoiseLevelEstimator()
    images = torch.rand(4, 3, 60, 60, generator=torch.Generator().manual_seed(0))
    images[1] = images[1, :1]
    images[3] = images[3, :1] * torch.tensor([1, 0.8, 0.6]).view(3, 1, 1)
    found = estimator(images).channels
    alone = torch.cat([estimator(image[None]).channels for image in images])
    torch.testing.assert_close(found, alone, atol=1e-6, rtol=1e-5)
    channels = torch.cat([estimator(one.expand(1, 3, -1, -1)).channels for one in images[3]])
    torch.testing.assert_close(found[3], channels.diagonal(), atol=1e-6, rtol=1e-5)
    with torch.no_grad():
        estimator.grey.estimates.bias += 1
    moved = (estimator(images).channels - found).abs().amax(dim=1) > 0.01
    assert moved.tolist() == [False, True, False, True]


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
def test_photographs_in_color_are_not_of_one_tone(name, pictures):
    for level in (5, 25):
        image = torch.from_numpy(fixed_noise(pictures[name], level)).permute(2, 0, 1)[None] / 255
        assert not is_monochrome(image).item()


@pytest.mark.parametrize("quality", [None, 60])
@pytest.mark.parametrize("level", [0, 5, 25, 50])
def test_old_prints_are_of_one_tone(level, quality, pictures):
    """Where white cuts noise off and a file has rounded it, too."""
    pixels = toned(pictures["cat"], level)
    if quality:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        pixels = np.array(Image.open(file))
    assert is_monochrome(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255).item()


def test_a_picture_of_many_blocks_is_read_one_way_as_a_whole():
    """Although most of its blocks are in grey: the two ways weigh places differently."""
    estimator, pixels = NoiseLevelEstimator(), np.full((600, 600, 3), 128, np.uint8)
    pixels[:200, :200] = np.random.default_rng(0).integers(0, 256, (200, 200, 3))
    before = estimate_sigma(estimator, pixels)
    with torch.no_grad():
        estimator.grey.estimates.bias += 1
    assert estimate_sigma(estimator, pixels) == before
    assert estimate_sigma(estimator, pixels[200:]) > before


def print_page(ink: str, ground: str, size: int) -> np.ndarray:
    page = Image.new("RGB", (320, 240), ground)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for top in range(4, 230, size + 4):
        draw.text((8, top), "The quick brown fox jumps over the lazy dog", ink, font)
    return np.asarray(page)


@pytest.fixture(scope="module")
def page_of_text() -> np.ndarray:
    return print_page("black", "white", 14)


@pytest.fixture(scope="module")
def drawing() -> np.ndarray:
    picture = Image.new("RGB", (256, 256), (200, 180, 90))
    draw, generator = ImageDraw.Draw(picture), np.random.default_rng(1)
    for x, y, width, *color in generator.integers(0, 256, (80, 6)).tolist():
        draw.ellipse((x, y, x + 5 + width // 8, y + 5 + width // 6), tuple(color))
    return np.asarray(picture)


@pytest.mark.parametrize("kind", ["page_of_text", "drawing"])
@pytest.mark.parametrize("invert", [False, True])
def test_edges_are_not_noise(kind, invert, request):
    clean = request.getfixturevalue(kind)
    clean = 255 - clean if invert else clean
    assert level_of(clean) < 0.5
    for level in (5, 15):
        # On black half of the noise is cut off, and less is read than was added.
        assert level_of(fixed_noise(clean, level)) == pytest.approx(level, rel=0.4, abs=3)


@pytest.mark.parametrize("ground", ["black", "#0000aa", "#300a24"])
@pytest.mark.parametrize("ink", ["#00ff00", "#ff0000", "#ff00ff", "#ffff00", "#ffffff"])
@pytest.mark.parametrize("size", [14, 24])
def test_pure_colors_of_a_screen_are_not_noise(ink, ground, size):
    """Large letters of one channel had been read as any noise up to 200."""
    page = print_page(ink, ground, size)
    assert level_of(page) < 2.5
    # Of the noise itself, mostly cut off at black and white, too little is read, never more.
    assert 1 < level_of(fixed_noise(page, 10)) < 14


@pytest.mark.parametrize("pixel", [4, 8])
def test_pixel_art_is_not_noise(pixel):
    squares = np.random.default_rng(3).integers(0, 8, (256 // pixel, 256 // pixel))
    palette = np.random.default_rng(4).integers(0, 256, (8, 3), dtype=np.uint8)
    art = palette[squares].repeat(pixel, axis=0).repeat(pixel, axis=1)
    assert level_of(art) < 3


def test_a_scanned_page_is_not_noise():
    """Print on paper that is not white everywhere, as scikit-image ships it."""
    page = np.stack([skimage.data.page()] * 3, axis=-1)
    assert level_of(page) < 1


@pytest.mark.parametrize("value", [0, 130, 255])
@pytest.mark.parametrize("shape", ["frame", "band", "letterbox"])
def test_parts_without_noise_do_not_say_that_there_is_none(shape, value, pictures):
    """Frames, captions, black bars: added after the noise, as flat as can be."""
    noisy = fixed_noise(pictures["astronaut"], 25)
    if shape == "frame":
        noisy[:20] = noisy[-20:] = noisy[:, :20] = noisy[:, -20:] = value
    elif shape == "band":
        noisy[-40:] = value
    else:
        noisy = np.pad(noisy, ((140, 140), (0, 0), (0, 0)), constant_values=value)
    assert level_of(noisy) == pytest.approx(25, rel=0.15)


@pytest.mark.parametrize("quality", [60, 75, 90])
@pytest.mark.parametrize("name", ["coffee", "cat"])
def test_noise_is_still_found_after_a_jpeg(name, quality, pictures):
    stream = io.BytesIO()
    Image.fromarray(fixed_noise(pictures[name], 20)).save(stream, "JPEG", quality=quality)
    assert level_of(np.asarray(Image.open(stream))) == pytest.approx(20, rel=0.4)


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_a_jpeg_alone_is_not_noise(quality, pictures):
    for name in ("astronaut", "coffee", "cat"):
        stream = io.BytesIO()
        Image.fromarray(pictures[name]).save(stream, "JPEG", quality=quality)
        assert level_of(np.asarray(Image.open(stream))) < 4


def test_a_sky_that_is_white_in_the_file_does_not_say_that_there_is_none(pictures):
    noisy = fixed_noise(pictures["coffee"], 20)
    noisy[:60] = 255
    assert level_of(noisy) == pytest.approx(20, rel=0.1)
