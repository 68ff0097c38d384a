"""``python -m deconv_demo``: exit codes, one sentence for a bad file, the pixels of ``enhance``."""

import dataclasses
import io
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.__main__ import main
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.networks.weight_files import save_weights
from deconv_demo.restoration import enhancement, weights
from deconv_demo.restoration.known_blur import shaped_kernel
from deconv_demo.tasks import TASKS


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch):
    """Untrained networks in place of the shipped ones."""
    networks = {
        "denoise": DeconvUNet(
            widths=(4, 8), blocks=(1, 1), noise_level_map=True, bias=False
        ).requires_grad_(False),
        "deblur": DeconvUNet(widths=(4, 8), blocks=(1, 1), guided=True).requires_grad_(False),
        "jpeg": DeconvUNet(
            widths=(4, 8), blocks=(1, 1), noise_level_map=True, bias=False
        ).requires_grad_(False),
        "upscale_x2": DeconvUpscaler(channels=4, blocks=1, scale=2).requires_grad_(False),
        "upscale_x4": DeconvUpscaler(channels=4, blocks=1, scale=4).requires_grad_(False),
    }
    for network in networks.values():
        network.tail.weight.mul_(30)  # so that a result differs from its input
    monkeypatch.setattr(enhancement, "load_model", networks.__getitem__)
    monkeypatch.setattr(enhancement, "inference_device", lambda: torch.device("cpu"))


@pytest.fixture
def photo(tmp_path, photo_pixels):
    path = tmp_path / "photo.png"
    Image.fromarray(photo_pixels["cat"][:40, :60]).save(path)
    return path


def pixels_of(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


CALLS = [
    ("denoise", [], {}),
    ("denoise", ["--sigma", "25"], {"sigma": 25 / 255}),
    ("deblur", ["--amount", "0.5"], {"amount": 0.5}),
    ("deblur", ["--blur", "disc:2"], {"kernel": shaped_kernel("disc", 2)}),
    ("jpeg", ["--quality", "30"], {"quality": 30}),
    ("denoise", ["--strength", "0.5", "--careful"], {"strength": 0.5, "careful": True}),
    ("upscale_x2", [], {}),
    ("upscale_x4", [], {}),
]


@pytest.mark.parametrize(("task_id", "options", "controls"), CALLS)
def test_the_file_has_the_pixels_of_enhance(task_id, options, controls, photo, tmp_path, capsys):
    output = tmp_path / "out.png"
    assert main(["enhance", str(photo), "--task", task_id, "-o", str(output), *options]) == 0
    with Image.open(photo) as picture:
        expected = np.asarray(enhancement.enhance(picture, task_id, **controls).after)
    assert np.array_equal(pixels_of(output), expected)
    width, height = 60 * TASKS[task_id].scale, 40 * TASKS[task_id].scale
    printed = capsys.readouterr()
    assert f"out.png: {width} x {height}" in printed.out
    is_read = task_id == "denoise" and "sigma" not in controls
    assert ("estimated noise" in printed.out) == is_read
    assert printed.err == ""


def test_without_a_name_the_result_lies_beside_the_photo(photo):
    original = photo.read_bytes()
    assert main(["enhance", str(photo), "--task", "deblur"]) == 0
    assert pixels_of(photo.with_name("photo-deblur.png")).shape == (40, 60, 3)
    assert photo.read_bytes() == original


@pytest.mark.parametrize("task_id", TASKS)
def test_every_task_can_be_called(task_id, photo):
    assert main(["enhance", str(photo), "--task", task_id]) == 0


def text_named_png(path):
    path.write_text("no picture at all", encoding="utf-8")


def empty(path):
    path.write_bytes(b"")


def cut_jpeg(path):
    Image.effect_noise((200, 200), 90).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:2000])


def svg(path):
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "utf-8")


def huge_header(path):
    Image.new("RGB", (1, 1)).save(path, "PNG")
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    path.write_bytes(content)


def absent(path):
    path.unlink(missing_ok=True)


def folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    "spoil",
    [text_named_png, empty, cut_jpeg, svg, huge_header, absent, folder],
    ids=lambda spoil: spoil.__name__,
)
def test_a_bad_file_gets_one_sentence_and_2(spoil, tmp_path, capsys):
    path, output = tmp_path / "photo.png", tmp_path / "out.png"
    spoil(path)
    assert main(["enhance", str(path), "--task", "denoise", "-o", str(output)]) == 2
    one_sentence(capsys.readouterr())
    assert not output.exists()
    assert {entry.name for entry in tmp_path.iterdir()} <= {"photo.png"}, "nothing is left behind"


def one_sentence(printed) -> str:
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert len(printed.err) > 30
    assert "Traceback" not in printed.err
    return printed.err


@pytest.mark.parametrize(
    ("task_id", "options", "words"),
    [
        ("denoise", ["--sigma", "76"], "--sigma must be from 0 to 75, got 76"),
        ("denoise", ["--sigma", "-1"], "--sigma must be from 0 to 75, got -1"),
        ("denoise", ["--sigma", "nan"], "--sigma must be from 0 to 75, got nan"),
        ("deblur", ["--amount", "2"], "amount must be from 0 to 1"),
        ("deblur", ["--sigma", "5"], "deblur has no control sigma"),
        ("upscale_x2", ["--amount", "1"], "upscale_x2 has no control amount"),
    ],
)
def test_wrong_controls(task_id, options, words, photo, capsys):
    assert main(["enhance", str(photo), "--task", task_id, *options]) == 2
    assert words in one_sentence(capsys.readouterr())


@pytest.mark.parametrize("name", ["out.xyz", "out", "nowhere/out.png"])
def test_a_target_that_cannot_be_written(name, photo, tmp_path, capsys):
    target = tmp_path / name
    assert main(["enhance", str(photo), "--task", "denoise", "-o", str(target)]) == 2
    one_sentence(capsys.readouterr())
    assert not target.exists()


@pytest.mark.parametrize("path", [".", "", "/"])
def test_a_folder_is_no_photo(path, capsys):
    assert main(["enhance", path, "--task", "denoise"]) == 2
    assert "folder" in one_sentence(capsys.readouterr())


def test_a_folder_is_no_target_and_is_found_out_before_the_work(photo, tmp_path, capsys):
    for target, words in ((tmp_path, "is a folder"), (tmp_path / "no" / "x.png", "no folder")):
        assert main(["enhance", str(photo) + "?", "--task", "denoise", "-o", str(target)]) == 2
        assert words in one_sentence(capsys.readouterr())


def test_a_long_name_is_shortened(photo):
    long = photo.with_name("长" * 80 + ".png")
    photo.rename(long)
    assert main(["enhance", str(long), "--task", "denoise"]) == 0
    (result,) = photo.parent.glob("*-denoise.png")
    assert result.name.startswith("长" * 40)


def test_a_terminal_that_cannot_write_the_name(photo, monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", written)
    target = photo.with_name("照片.png")
    assert main(["enhance", str(photo), "--task", "denoise", "-o", str(target)]) == 0
    written.flush()
    assert b"\\u7167\\u7247.png: 60 x 40" in written.buffer.getvalue()


def test_missing_weights(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(weights, "WEIGHTS_DIR", tmp_path)
    monkeypatch.setattr(weights, "HUB_REPOSITORY", "")
    weights.load_model.cache_clear()
    monkeypatch.setattr(enhancement, "load_model", weights.load_model)
    assert main(["enhance", str(photo), "--task", "denoise"]) == 2
    assert "denoise.safetensors is not there" in one_sentence(capsys.readouterr())


def test_weights_of_another_network(photo, tmp_path, monkeypatch, capsys):
    task = dataclasses.replace(
        TASKS["deblur"], build=partial(DeconvUNet, widths=(4, 8), blocks=(1, 1))
    )
    other = DeconvUNet(widths=(4, 12), blocks=(1, 1))
    save_weights(tmp_path / "deblur.safetensors", other.state_dict(), {})
    monkeypatch.setattr(weights, "WEIGHTS_DIR", tmp_path)
    monkeypatch.setattr(weights, "TASKS", {**TASKS, "deblur": task})
    monkeypatch.setattr(enhancement, "load_model", weights.load_model)
    weights.load_model.cache_clear()
    assert main(["enhance", str(photo), "--task", "deblur"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: The weights file deblur.safetensors was made for another")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["enhance"], ["enhance", "photo.png"], ["enhance", "a.png", "--task", "Denoise"]],
)
def test_a_wrong_call_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: python -m deconv_demo" in capsys.readouterr().err
