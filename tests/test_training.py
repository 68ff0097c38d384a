"""Training on a tiny network: it learns, its file round-trips, and bad data is said in words."""

import dataclasses
import io
import json
import tarfile
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator

from deconv_demo.networks import DeconvUNet, DeconvUpscaler
from deconv_demo.tasks import TASKS, Recipe
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import loop
from deconv_demo.training.data import (
    CropSampler,
    DataError,
    centre_crop,
    crop_side,
    read_pictures,
    to_image,
)
from deconv_demo.weights import load_into, read_header, read_tensors

TINY = {
    "denoise": dataclasses.replace(
        TASKS["denoise"],
        build=partial(DeconvUNet, widths=(8, 12), blocks=(1, 1), noise_level_map=True, bias=False),
        settings=TASKS["denoise"].settings[1:2],
        recipe=Recipe(patch=16, batch=4),
    ),
    "upscale_x2": dataclasses.replace(
        TASKS["upscale_x2"],
        build=partial(DeconvUpscaler, channels=8, blocks=1, scale=2),
        settings=TASKS["upscale_x2"].settings[:1],
        recipe=Recipe(patch=16, batch=4, margin=2),
    ),
}


@pytest.fixture
def train(monkeypatch, tmp_path, picture_folder):
    """The training loop on tiny networks and small photographs, with a seed."""
    monkeypatch.setattr(loop, "TASKS", {**TASKS, **TINY})
    monkeypatch.setattr(loop, "VALIDATION_CROP", 48)

    def run(task_id="upscale_x2", *, steps=50, **options) -> loop.Outcome:
        options = {
            "data": [picture_folder],
            "minutes": 5,
            "weights_path": tmp_path / "trained.safetensors",
            "learning_rate": 5e-3,
            "seed": 0,
        } | options
        return loop.train(task_id, steps=steps, **options)

    return run


@pytest.fixture
def picture_tar(tmp_path, picture_folder):
    """The photographs of ``picture_folder`` in a tar file, added in no order of names."""
    path = tmp_path / "photographs.tar"
    with tarfile.open(path, "w") as archive:
        for file in sorted(picture_folder.iterdir(), reverse=True):
            archive.add(file, arcname=f"some/folder/{file.name}")
    return path


@pytest.mark.parametrize("task_id", TINY)
def test_fifty_steps_lower_the_loss(task_id, train):
    outcome = train(task_id)
    assert len(outcome.losses) == 50
    # The same crops and the same damage before and after; the losses of single batches scatter
    # by more than an upscaler, which starts at bicubic, gains in so few steps.
    assert outcome.psnr_after > outcome.psnr_before + 0.1
    if task_id == "denoise":
        assert np.mean(outcome.losses[-10:]) < 0.9 * np.mean(outcome.losses[:10])


def test_the_file_round_trips_and_training_continues(train, tmp_path):
    first = train(steps=20)
    path = tmp_path / "trained.safetensors"
    load_into(TINY["upscale_x2"].build(), path)
    second = train(steps=3, seed=1)
    # float16 in the file moves a validation picture by a level here and there.
    assert second.psnr_before == pytest.approx(first.psnr_after, abs=0.02)

    header = read_header(path)
    assert header["task_id"] == "upscale_x2"
    described = TINY["upscale_x2"].describe()
    assert {key: header[key] for key in described} == described


def test_the_header_remembers_every_run_that_counted(train, tmp_path):
    train(steps=10)
    better = train(steps=25, seed=1)
    assert better.psnr_after > better.psnr_before
    runs = json.loads(read_header(tmp_path / "trained.safetensors")["runs"])
    assert [run["steps"] for run in runs] == [10, 25]
    assert runs[1]["validation_psnr"] == pytest.approx(better.psnr_after, abs=0.001)
    assert runs[0].keys() >= {"seconds", "hardware"}
    (start, psnr_at_start), *_, (_, psnr_at_end) = runs[1]["curve"]
    assert start == 0
    assert psnr_at_start == pytest.approx(better.psnr_before, abs=0.001)
    assert psnr_at_end == runs[1]["validation_psnr"]


def test_worse_weights_never_replace_better_ones(train, tmp_path):
    train(steps=10)
    path = tmp_path / "trained.safetensors"
    before = path.read_bytes()
    worse = train(steps=8, learning_rate=10.0)
    assert worse.psnr_after < worse.psnr_before
    assert path.read_bytes() == before


def test_a_seed_repeats_a_run(train, tmp_path):
    runs = []
    for name in ("a", "b"):
        torch.manual_seed(0)
        runs.append(train(steps=5, weights_path=tmp_path / f"{name}.safetensors").losses)
    torch.manual_seed(0)
    other = train(steps=5, seed=1, weights_path=tmp_path / "c.safetensors").losses
    assert runs[0] == pytest.approx(runs[1], rel=1e-3)
    assert runs[0] != pytest.approx(other, rel=1e-3)


def test_start_from_a_relative(train, tmp_path):
    relative = tmp_path / "relative.safetensors"
    learned = train(steps=10, weights_path=relative)
    outcome = train(steps=0, start_from=relative)
    assert outcome.psnr_before == pytest.approx(learned.psnr_after, abs=0.02)


def test_minutes_end_a_run(train):
    outcome = train(steps=None, minutes=0.3 / 60)
    assert 1 <= len(outcome.losses) < 500


def test_ctrl_c_saves(train, tmp_path, monkeypatch, capsys):
    real_step = loop._step

    def interrupted(model, average, optimiser, sampler, rate, step):
        if step == 6:
            raise KeyboardInterrupt
        return real_step(model, average, optimiser, sampler, rate, step)

    monkeypatch.setattr(loop, "_step", interrupted)
    outcome = train()
    assert len(outcome.losses) == 6
    header = read_header(tmp_path / "trained.safetensors")
    assert json.loads(header["runs"])[0]["steps"] == 6
    assert "Ctrl-C" in capsys.readouterr().out
    assert train(steps=0).psnr_before == pytest.approx(outcome.psnr_after, abs=0.02)


def test_a_tar_equals_a_folder(picture_folder, picture_tar, photo_pixels):
    from_folder, from_tar = read_pictures([picture_folder]), read_pictures([picture_tar])
    expected = [photo_pixels[name] for name in sorted(photo_pixels)]
    for pictures in (from_folder, from_tar):
        assert len(pictures) == 3
        assert all(np.array_equal(a, b) for a, b in zip(pictures, expected, strict=True))


def test_training_from_a_tar(train, picture_tar):
    outcome = train(steps=3, data=[picture_tar], validation=[picture_tar])
    assert len(outcome.losses) == 3


def test_jpeg_and_webp_and_nothing_else(tmp_path):
    grey = Image.new("L", (8, 6), 90)
    (tmp_path / "deeper").mkdir()
    for name in ("a.jpg", "b.JPEG", "deeper/c.webp", "d.png", "e.bmp"):
        grey.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    pictures = read_pictures([tmp_path])
    assert [picture.shape for picture in pictures] == [(6, 8, 3)] * 4
    assert all(abs(int(picture[0, 0, 0]) - 90) <= 2 for picture in pictures)


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


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_command_line_ends_with_2(command, tmp_path, capsys):
    arguments = {
        "train": ["denoise", "--minutes", "1", "--weights", str(tmp_path / "w.safetensors")],
        "evaluate": ["--tasks", "denoise", "--output", str(tmp_path / "metrics.json")],
    }[command]
    code = command_line.main([command, *arguments, "--data", str(tmp_path / "nowhere")])
    assert code == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert "nowhere does not exist" in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_command_line_refuses_broken_weights(tmp_path, picture_folder, monkeypatch, capsys):
    monkeypatch.setattr(loop, "TASKS", {**TASKS, **TINY})
    path = tmp_path / "trained.safetensors"
    path.write_bytes(b"cut")
    code = command_line.main(
        [
            "train",
            "denoise",
            "--data",
            str(picture_folder),
            "--minutes",
            "1",
            "--weights",
            str(path),
        ]
    )
    assert code == 2
    assert "trained.safetensors cannot be read" in capsys.readouterr().err
    assert path.read_bytes() == b"cut"


def test_the_command_line_trains(train, tmp_path, picture_folder):
    path = tmp_path / "made.safetensors"
    arguments = ["--data", str(picture_folder), "--minutes", "1", "--steps", "2", "--seed", "3"]
    code = command_line.main(["train", "upscale_x2", *arguments, "--weights", str(path)])
    assert code == 0
    assert read_tensors(path).keys() == TINY["upscale_x2"].build().state_dict().keys()


def sampler(task, pictures, seed=0):
    return CropSampler(pictures, task, Generator().manual_seed(seed), torch.device("cpu"))


@pytest.mark.parametrize("task_id", ["denoise", "deblur", "upscale_x2", "upscale_x4"])
def test_crops_have_the_sides_of_the_recipe(task_id, photo_pixels):
    task = TASKS[task_id]
    small = dataclasses.replace(task, recipe=dataclasses.replace(task.recipe, patch=12, batch=3))
    assert crop_side(small) == (12 + 2 * task.recipe.margin) * task.scale
    (degraded, sigma), clean = sampler(small, list(photo_pixels.values())).sample()
    assert degraded.shape == (3, 3, 12, 12)
    assert clean.shape == (3, 3, 12 * task.scale, 12 * task.scale)
    assert (sigma is not None) == (task_id == "denoise")


def test_a_pair_shows_one_place(photo_pixels):
    task = dataclasses.replace(
        TASKS["upscale_x2"],
        degrade=TASKS["upscale_x2"].settings[0].degrade,
        recipe=Recipe(patch=16, batch=4, margin=3),
    )
    (degraded, _), clean = sampler(task, list(photo_pixels.values())).sample()
    # Away from the border the margin was cut from, halving the clean crop is the degraded one.
    halved, _ = task.degrade(clean, Generator())
    torch.testing.assert_close(
        halved[..., 4:-4, 4:-4], degraded[..., 4:-4, 4:-4], rtol=0, atol=1.01 / 255
    )


def test_all_eight_symmetries_are_drawn():
    task = dataclasses.replace(TASKS["denoise"], recipe=Recipe(patch=2, batch=200))
    corners = np.array([[10, 60], [120, 240]], np.uint8)[..., None].repeat(3, axis=2)
    _, clean = sampler(task, [corners]).sample()
    seen = {tuple(crop[0].mul(255).round().flatten().tolist()) for crop in clean}
    # Of the 24 orders of four corners, those that keep opposite corners opposite.
    assert len(seen) == 8
    assert all({order[0], order[3]} in ({10, 240}, {60, 120}) for order in seen)


def test_large_pictures_are_drawn_more_often():
    task = dataclasses.replace(TASKS["denoise"], recipe=Recipe(patch=4, batch=400))
    pictures = [np.zeros((10, 10, 3), np.uint8), np.full((30, 10, 3), 255, np.uint8)]
    _, clean = sampler(task, pictures).sample()
    assert clean[:, 0, 0, 0].mean().item() == pytest.approx(0.75, abs=0.08)


def test_centre_crop():
    pixels = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    assert np.array_equal(centre_crop(pixels, 4), pixels[0:4, 2:6])
    assert np.array_equal(centre_crop(pixels, 6), pixels[:, 1:7])


def test_to_image():
    image = to_image(np.array([[[255, 0, 51]]], np.uint8))
    assert image.shape == (1, 3, 1, 1)
    assert image.flatten().tolist() == pytest.approx([1, 0, 0.2])
