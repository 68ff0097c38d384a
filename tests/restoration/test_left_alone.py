"""What is not wrong is left alone: sharp pictures, drawings, flat colours, cut-outs."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.data
import torch
from PIL import Image, ImageDraw, ImageFont

from deconv_demo.restoration.diagnosis import diagnose
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.restoration.hue import hue_of
from deconv_demo.restoration.readable import largest_rectangle, readable_pixels
from deconv_demo.restoration.trust import (
    CELL,
    Trust,
    blurred_places,
    has_few_colors,
    steepness,
)


def psnr(a, b):
    error = np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


def page():
    picture = Image.new("RGB", (360, 240), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for top in range(6, 230, 18):
        draw.text((8, top), "The quick brown fox jumps over the lazy dog", "black", font)
    return np.asarray(picture)


def pixel_art(size):
    squares = np.random.default_rng(3).integers(0, 8, (240 // size, 240 // size))
    palette = np.random.default_rng(4).integers(0, 256, (8, 3), dtype=np.uint8)
    return palette[squares].repeat(size, axis=0).repeat(size, axis=1)


SHARP = {
    "page": page,
    "pixel art": lambda: pixel_art(4),
    "brick": lambda: np.stack([skimage.data.brick()[:300, :300]] * 3, axis=-1),
    "coffee": lambda: skimage.data.coffee()[:384, :384],
    "camera": lambda: np.stack([skimage.data.camera()[:384, :384]] * 3, axis=-1),
}


@pytest.mark.parametrize("name", SHARP)
def test_sharp_pictures_stay_as_they_are(name):
    pixels = SHARP[name]()
    result = enhance(Image.fromarray(pixels), "deblur")
    assert psnr(result.after, pixels) > 45
    assert result.facts["left_alone"] == "sharp"
    assert result.facts["share"] < 0.1


def test_a_blurred_picture_is_not_left_alone():
    clean = skimage.data.coffee()[:384, :384].astype(float)
    blurred = scipy.ndimage.gaussian_filter(clean, (1.6, 1.6, 0)).round().astype(np.uint8)
    result = enhance(Image.fromarray(blurred), "deblur")
    assert result.facts["left_alone"] is None
    assert psnr(result.after, clean) > psnr(blurred, clean) + 2


def test_told_that_nothing_is_wrong_the_picture_comes_back():
    pixels = skimage.data.coffee()[:120, :160]
    for task_id, controls in (
        ("denoise", {"sigma": 0.0}),
        ("denoise", {"strength": 0.0}),
        ("jpeg", {"quality": 100}),
        ("deblur", {"amount": 0.0}),
    ):
        result = enhance(Image.fromarray(pixels), task_id, **controls)
        assert np.array_equal(np.asarray(result.after), pixels), task_id


@pytest.mark.parametrize("task_id", ["denoise", "deblur", "jpeg", "upscale_x2", "upscale_x4"])
@pytest.mark.parametrize("color", [(220, 30, 30), (20, 200, 40), (30, 40, 230), (250, 240, 10)])
def test_a_flat_strong_color_has_no_rim(task_id, color):
    controls = {"denoise": {"sigma": 2 / 255}, "jpeg": {"quality": 30}}.get(task_id, {})
    after = np.asarray(enhance(Image.new("RGB", (96, 96), color), task_id, **controls).after)
    assert np.abs(after.astype(int) - color).max() <= 2


@pytest.mark.parametrize("task_id", ["upscale_x2", "upscale_x4"])
def test_a_tinted_gray_picture_gets_no_colors(task_id):
    """A scan in colour of a black-and-white print: its channels differ by a level or two."""
    gray = skimage.data.coffee()[:150, :200].mean(axis=-1).round()
    pixels = np.stack([gray + 1, gray, gray - 1], axis=-1).clip(0, 255).astype(np.uint8)
    result = enhance(Image.fromarray(pixels), task_id)

    def chroma(picture):
        colors = np.asarray(picture, int)
        return colors.max(axis=-1) - colors.min(axis=-1)

    assert (chroma(result.after) - chroma(result.before)).max() <= 8
    # And yet it is the network's picture, not the bicubic one.
    assert psnr(result.after, result.before) < 45


def test_only_pictures_of_one_hue_lose_it_before_a_network():
    assert hue_of(skimage.data.coffee()) is None
    gray = np.stack([skimage.data.camera()] * 3, axis=-1)
    assert hue_of(gray) is None
    tinted = np.clip(gray.astype(int) + (2, 0, -2), 0, 255).astype(np.uint8)
    hue = hue_of(tinted)
    assert np.abs(hue.gray.astype(int) - gray).max() <= 1
    output = hue.gray.copy()
    hue.put_back(output, tinted)
    assert np.abs(output.astype(int) - tinted).max() <= 1


@pytest.mark.parametrize("task_id", ["deblur", "denoise"])
def test_a_cut_out_is_read_like_the_whole(task_id):
    """What fills the ground is smooth and clean, and says nothing of the picture."""
    clean = skimage.data.coffee()[:384, 100:484].astype(float)
    rows, columns = np.mgrid[:384, :384]
    mask = np.hypot(rows - 192, columns - 192) < 150
    shown = scipy.ndimage.gaussian_filter(clean, (1.6, 1.6, 0)) if task_id == "deblur" else clean
    if task_id == "denoise":
        shown = clean + np.random.default_rng(0).normal(0, 25, clean.shape)
    pixels = shown.round().clip(0, 255).astype(np.uint8)
    cut = np.dstack([np.where(mask[..., None], pixels, 0), 255 * mask]).astype(np.uint8)
    inside = scipy.ndimage.binary_erosion(mask, iterations=8)
    whole, part = (enhance(Image.fromarray(each), task_id).after for each in (pixels, cut))
    found = [psnr(np.asarray(each)[..., :3][inside], clean[inside]) for each in (whole, part)]
    assert found[1] > found[0] - 0.7


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_rectangle_is_found(seed):
    """Against every rectangle there is."""
    mask = np.random.default_rng(seed).random((7, 9)) < 0.75
    top, left, bottom, right = largest_rectangle(mask)
    assert mask[top:bottom, left:right].all()
    best = max(
        (r1 - r0) * (c1 - c0)
        for r0 in range(7)
        for r1 in range(r0 + 1, 8)
        for c0 in range(9)
        for c1 in range(c0 + 1, 10)
        if mask[r0:r1, c0:c1].all()
    )
    assert (bottom - top) * (right - left) == best


def test_only_opaque_pixels_are_read():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    alpha = np.zeros((300, 400), np.uint8)
    alpha[50:250, 100:380] = 255
    picture = Image.fromarray(np.dstack([pixels, alpha]))
    read = readable_pixels(picture, pixels)
    assert np.shares_memory(read, pixels)
    top, left = 50, 100
    assert 190 <= read.shape[0] <= 200
    assert 270 <= read.shape[1] <= 280
    assert read[0, 0].tolist() in pixels[top : top + 4, left : left + 4].reshape(-1, 3).tolist()
    nothing = Image.fromarray(np.dstack([pixels, alpha // 2]))
    assert readable_pixels(nothing, pixels) is pixels


def test_the_steepness_of_an_edge_is_that_of_its_profile():
    """Of a step under a Gaussian: erf(1 / (2 sqrt 2 s)) of it lies between two pixels."""
    step = np.zeros((60, 60))
    step[:, 30:] = 200
    for sigma in (1.0, 1.5):
        soft = scipy.ndimage.gaussian_filter1d(step, sigma, axis=1, truncate=6)
        edges, steep = steepness(np.repeat(soft[..., None], 3, axis=-1).round().astype(np.uint8))
        found = steep[edges > 0].median().item()
        inside = torch.erf(torch.tensor(0.5 / sigma / 2**0.5)).item()
        across = torch.erf(torch.tensor(3.5 / sigma / 2**0.5)).item()
        assert found == pytest.approx(inside / across, rel=0.1)


def test_places_are_judged_by_themselves():
    sharp = np.random.default_rng(0).integers(0, 2, (256, 256)).repeat(2, 0).repeat(2, 1) * 200.0
    soft = scipy.ndimage.gaussian_filter(sharp, 2.5)
    half = np.where(np.arange(512)[None] < 256, soft, sharp)
    places = blurred_places(np.repeat(half[..., None], 3, axis=-1).astype(np.uint8))
    assert places.shape == (64, 64)
    assert places[:, :16].min() > 0.9
    assert places[:, 48:].max() < 0.1


def test_what_is_not_believed_is_taken_back():
    pixels = np.full((20, 24, 3), 100, np.uint8)
    output = np.full((20, 24, 3), 140, np.uint8)
    Trust(share=0.25, reason="clean").apply(pixels, output)
    assert (output == 110).all()
    output[...] = 140
    places = torch.zeros(3, 3)
    places[:, 0] = 1
    Trust(share=0.3, places=places, reason="sharp").apply(pixels, output)
    assert (output[:, 0] == 140).all()
    assert (output[:, 2 * CELL :] == 100).all()
    assert ((output[:, CELL] > 100) & (output[:, CELL] < 140)).all()


def noisy_gray(level):
    gray = 128 + np.random.default_rng(0).normal(0, level, (200, 200, 1))
    return np.repeat(gray.round().clip(0, 255), 3, axis=-1).astype(np.uint8)


def dithered():
    return np.asarray(
        Image.fromarray(skimage.data.coffee()[:200, :200]).convert("1").convert("RGB")
    )


def hatching():
    lines = np.add.outer(np.arange(192), np.arange(192)) % 5 > 0
    return np.repeat(255 * lines[..., None], 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("pixels", [dithered(), hatching(), pixel_art(1)])
def test_lines_and_dots_of_single_pixels_are_not_noise(pixels):
    assert has_few_colors(pixels)
    result = enhance(Image.fromarray(pixels), "denoise")
    assert np.array_equal(np.asarray(result.after), pixels)
    assert result.facts["left_alone"] == "drawing"
    assert "denoise" not in diagnose(Image.fromarray(pixels)).steps


def test_noise_has_many_colors():
    """Also in gray, where all of it may fit between 110 and 140."""
    assert not has_few_colors(noisy_gray(3))
    assert not has_few_colors(noisy_gray(25))
    assert not has_few_colors(skimage.data.coffee())
    assert not has_few_colors(np.zeros((9, 9, 3), np.uint8)), "too small to tell"
