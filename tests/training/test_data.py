"""Photographs from folders and tar files, and the crops that training draws from them."""

import dataclasses
import io
import tarfile
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator

from deconv_demo.degradations import is_gray, task_degradations
from deconv_demo.tasks import TASKS, Recipe
from deconv_demo.training import data
from deconv_demo.training.data import (
    CropSampler,
    DataError,
    _reduced,
    center_crop,
    crop_side,
    pixels_to_image,
    read_pictures,
)


def test_a_tar_equals_a_folder(picture_folder, picture_tar, photo_pixels):
    from_folder, from_tar = read_pictures([picture_folder]), read_pictures([picture_tar])
    expected = [photo_pixels[name] for name in sorted(photo_pixels)]
    for pictures in (from_folder, from_tar):
        assert len(pictures) == 3
        assert all(np.array_equal(a, b) for a, b in zip(pictures, expected, strict=True))


def test_pictures_of_every_standard_set_and_nothing_else(tmp_path):
    gray = Image.new("L", (8, 6), 90)
    (tmp_path / "deeper").mkdir()
    names = ("a.jpg", "b.JPEG", "deeper/c.webp", "d.png", "e.bmp", "f.tif", "g.ppm", "h.pgm")
    for name in names:
        gray.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "._d.png").write_bytes(b"what a Mac notes about d.png")
    pictures = read_pictures([tmp_path])
    assert [picture.shape for picture in pictures] == [(6, 8, 3)] * len(names)
    assert all(abs(int(picture[0, 0, 0]) - 90) <= 2 for picture in pictures)
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(tmp_path / "._d.png", "set/._d.png")
        archive.add(tmp_path / "e.bmp", "set/e.bmp")
    assert len(read_pictures([tmp_path / "all.tar"])) == 1


def test_single_pictures_are_sources_too(tmp_path):
    for name, width in (("one_HR.png", 8), ("one_LR.png", 4), ("two_HR.png", 6)):
        Image.new("RGB", (width, 5)).save(tmp_path / name)
    pictures = read_pictures(sorted(tmp_path.glob("*_HR.png")))
    assert [picture.shape for picture in pictures] == [(5, 8, 3), (5, 6, 3)]


def test_pictures_are_read_as_the_page_reads_them(tmp_path):
    ramp = np.linspace(0, 65535, 32).astype(np.uint16).reshape(4, 8)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    lying = Image.new("RGB", (20, 10))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / "b.jpg", exif=exif)
    gray, upright = read_pictures([tmp_path])
    assert np.abs(gray[..., 0] - ramp / 257).max() <= 0.5
    assert upright.shape == (20, 10, 3)


def test_small_pictures_are_left_out(tmp_path):
    Image.new("RGB", (50, 20)).save(tmp_path / "low.png")
    Image.new("RGB", (30, 30)).save(tmp_path / "square.png")
    assert [picture.shape for picture in read_pictures([tmp_path], smallest_side=25)] == [
        (30, 30, 3)
    ]
    with pytest.raises(DataError, match="at least 31 pixels a side"):
        read_pictures([tmp_path], smallest_side=31)


def missing(folder):
    return folder / "nowhere"


def empty_folder(folder):
    return folder


def text_file(folder):
    path = folder / "photographs.tar"
    path.write_text("not a tar file " * 100, encoding="utf-8")
    return path


def tar_without_pictures(folder):
    path = folder / "photographs.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("readme.txt"), io.BytesIO())
    return path


def cut_tar(folder, mode="w"):
    path = folder / "photographs.tar"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)).save(
        folder / "a.png"
    )
    with tarfile.open(path, mode) as archive:
        archive.add(folder / "a.png", arcname="a.png")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def cut_compressed_tar(folder):
    return cut_tar(folder, mode="w:gz")


def text_named_as_a_picture(folder):
    (folder / "photo.png").write_text("no picture", encoding="utf-8")
    return folder


def cut_picture(folder):
    encoded = io.BytesIO()
    Image.new("RGB", (200, 200), "teal").save(encoded, "JPEG")
    (folder / "photo.jpg").write_bytes(encoded.getvalue()[:700])
    return folder


def folder_named_as_a_picture(folder):
    (folder / "photo.png").mkdir()
    return folder


BAD_SOURCES = [
    missing,
    empty_folder,
    text_file,
    tar_without_pictures,
    cut_tar,
    cut_compressed_tar,
    text_named_as_a_picture,
    cut_picture,
    folder_named_as_a_picture,
]


@pytest.mark.parametrize("make", BAD_SOURCES, ids=lambda make: make.__name__)
def test_bad_sources_are_said_in_words(make, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    source = make(folder)
    with pytest.raises(DataError) as error:
        read_pictures([source])
    assert str(source) in str(error.value) or "photo." in str(error.value)


def sampler(task, pictures, seed=0):
    return CropSampler(pictures, task, Generator().manual_seed(seed), torch.device("cpu"))


@pytest.mark.parametrize("task_id", ["denoise", "deblur", "upscale_x2", "upscale_x4"])
def test_crops_have_the_sides_of_the_recipe(task_id, photo_pixels):
    task = TASKS[task_id]
    context = 8 if task.guided else 0
    recipe = dataclasses.replace(task.recipe, patch=12, batch=3, context=context)
    small = dataclasses.replace(task, recipe=recipe)
    assert crop_side(small) == (12 + context + 2 * task.recipe.margin) * task.scale
    (degraded, told, _), clean = sampler(small, list(photo_pixels.values())).sample()
    assert degraded.shape == (3, 3, 12, 12)
    assert clean.shape == (3, 3, 12 * task.scale, 12 * task.scale)
    shapes = {"denoise": (3,), "deblur": (3, 3, 12, 12)}
    assert (None if told is None else tuple(told.shape)) == shapes.get(task_id)


def test_a_guide_is_made_of_more_than_the_patch_and_shows_its_place(photo_pixels, monkeypatch):
    seen = []
    monkeypatch.setattr(
        data, "wiener_guide", lambda image, **_: seen.append(image) or image.flip(1)
    )
    recipe = Recipe(patch=24, batch=4, margin=12, context=60)
    task = dataclasses.replace(TASKS["deblur"], recipe=recipe)
    (degraded, guide, _), clean = sampler(task, list(photo_pixels.values())).sample()
    assert seen[0].shape == (4, 3, 84, 84)
    assert torch.equal(guide.flip(1), degraded)
    assert degraded.shape == clean.shape == (4, 3, 24, 24)
    windows = seen[0].unfold(2, 24, 1).unfold(3, 24, 1).permute(0, 2, 3, 1, 4, 5)
    found = (windows == degraded[:, None, None]).flatten(3).all(dim=-1)
    assert found.flatten(1).any(dim=1).all(), "the patch is a part of what the guide saw"
    # Blurred and faintly noisy, but the same place: no other fits the truth nearly as well.
    error = (degraded - clean).abs().mean()
    assert error < 0.5 * (degraded - clean.roll(1, dims=0)).abs().mean()


def test_a_pair_shows_one_place(photo_pixels):
    task = dataclasses.replace(
        TASKS["upscale_x2"],
        degrade=TASKS["upscale_x2"].benchmark_cases[0].degrade,
        recipe=Recipe(patch=16, batch=4, margin=3),
    )
    (degraded, *_), clean = sampler(task, list(photo_pixels.values())).sample()
    # Away from the border the margin was cut from, halving the clean crop is the degraded one.
    halved, *_ = task.degrade(clean, Generator())
    torch.testing.assert_close(
        halved[..., 4:-4, 4:-4], degraded[..., 4:-4, 4:-4], rtol=0, atol=1.01 / 255
    )


# Crops as they are cut: a camera would blur them a little.
NOISELESS = dataclasses.replace(
    TASKS["denoise"], degrade=partial(task_degradations.fixed_noise, sigma=0.0)
)


def test_all_eight_symmetries_are_drawn():
    task = dataclasses.replace(NOISELESS, recipe=Recipe(patch=2, batch=200))
    corners = np.array([[10, 60], [120, 240]], np.uint8)[..., None].repeat(3, axis=2)
    _, clean = sampler(task, [corners]).sample()
    seen = {tuple(crop[0].mul(255).round().flatten().tolist()) for crop in clean}
    # Of the 24 orders of four corners, those that keep opposite corners opposite.
    assert len(seen) == 8
    assert all({order[0], order[3]} in ({10, 240}, {60, 120}) for order in seen)


def test_gray_crops_get_gray_noise_and_some_color_ones_too(photo_pixels, monkeypatch):
    monkeypatch.setattr(task_degradations, "PLAIN_PROB", 1)
    recipe = dataclasses.replace(TASKS["denoise"].recipe, patch=16, batch=400)
    task = dataclasses.replace(TASKS["denoise"], recipe=recipe)
    (degraded, *_), clean = sampler(task, [photo_pixels["coffee"]]).sample()
    gray = is_gray(clean)
    assert gray.float().mean().item() == pytest.approx(recipe.grey_share, abs=0.05)
    assert is_gray(degraded[gray]).all()
    # Where nothing is clipped, noise that is the same in all channels leaves their differences.
    inside = ((degraded > 0) & (degraded < 1)).all(dim=1)
    difference = ((degraded - clean)[:, 0] - (degraded - clean)[:, 1]).abs()
    shared = ((difference < 1.5 / 255) | ~inside).flatten(1).all(dim=1)
    assert 0.01 < shared[~gray].float().mean() < 0.12


@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_crops_are_cut_from_smaller_versions_too(probability):
    """On a picture that gets brighter by one level a column, a smaller version is steeper."""
    columns = np.arange(200, dtype=np.uint8)
    ramp = np.broadcast_to(columns[:, None], (90, 200, 3)).copy()
    recipe = Recipe(patch=32, batch=200, reduced_share=probability)
    task = dataclasses.replace(NOISELESS, recipe=recipe)
    _, clean = sampler(task, [ramp]).sample()
    levels = clean[:, 0].mul(255)
    # Along rows or along columns, as the crop is turned; borders are left out.
    across, along = ((levels.select(d, 27) - levels.select(d, 4)).mean(dim=1) for d in (2, 1))
    steepness = torch.maximum(across.abs(), along.abs()) / 23
    assert (steepness > 1.02).float().mean().item() == pytest.approx(probability, abs=0.08)
    assert steepness.min() > 0.98
    assert steepness.max() < 2.05
    if probability:
        assert steepness.max() > 1.9


def test_smaller_versions_are_those_of_pillow(photos, resize_with_pillow):
    image = photos["astronaut"][..., :71, :71].mul(255).round()
    reduced = _reduced(image[0].permute(1, 2, 0).byte(), 48).permute(2, 0, 1)
    expected = resize_with_pillow(image, (48, 48))[0].clamp(0, 255)
    assert (reduced - expected).abs().max() < 0.51


def test_large_pictures_are_drawn_more_often():
    task = dataclasses.replace(TASKS["denoise"], recipe=Recipe(patch=4, batch=400))
    # Six times as many pixels, three times as many rows.
    pictures = [np.zeros((10, 10, 3), np.uint8), np.full((30, 20, 3), 255, np.uint8)]
    _, clean = sampler(task, pictures).sample()
    assert clean[:, 0, 0, 0].mean().item() == pytest.approx(6 / 7, abs=0.06)


def test_center_crop():
    pixels = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    assert np.array_equal(center_crop(pixels, 4), pixels[0:4, 2:6])
    assert np.array_equal(center_crop(pixels, 6), pixels[:, 1:7])


def test_to_image():
    image = pixels_to_image(np.array([[[255, 0, 51]]], np.uint8))
    assert image.shape == (1, 3, 1, 1)
    assert image.flatten().tolist() == pytest.approx([1, 0, 0.2])
