"""``python -m deconv_demo.training``: what is asked wrongly is refused before any work is done."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator

from deconv_demo.classical import baselines
from deconv_demo.classical.metrics import psnr
from deconv_demo.networks.weight_files import read_header, read_tensors, save_weights
from deconv_demo.pictures.image_tensors import to_image, to_uint8
from deconv_demo.restoration import weights
from deconv_demo.restoration.enhancement import enhance, enhance_by_tile, resolve_dtype_name
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import TASKS
from deconv_demo.training import __main__ as command_line
from deconv_demo.training.data import pixels_to_image
from deconv_demo.training.report import evaluation

WRONG_NUMBERS = [
    ("train denoise --data . --minutes 0", "more than 0"),
    ("train denoise --data . --minutes inf", "more than 0"),
    ("train denoise --data . --minutes nan", "more than 0"),
    ("train denoise --data . --minutes 1 --learning-rate -1", "more than 0"),
    ("train denoise --data . --minutes 1 --learning-rate 0", "more than 0"),
    ("train denoise --data . --minutes 1 --steps 0", "at least 1"),
    ("train denoise --data . --minutes 1 --seed -1", "at least 0"),
    ("train denoise --data . --minutes soon", "invalid float value: 'soon'"),
    ("evaluate --limit 0", "at least 1"),
    ("evaluate --limit 1.5", "invalid int value: '1.5'"),
    ("benchmark --rounds 0", "at least 1"),
    ("upsamplers --data . --steps 0", "at least 1"),
    ("trials upscale_x2 --data . --validation . --minutes -3", "more than 0"),
]


@pytest.mark.parametrize(("call", "words"), WRONG_NUMBERS)
def test_numbers_out_of_range(call, words, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(call.split())
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.fixture
def photo(tmp_path, photo_pixels):
    """A folder with one photo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(photo_pixels["cat"][:64, :80]).save(folder / "a.png")
    return folder


@pytest.fixture
def evaluated(monkeypatch, tmp_path, photo):
    """Run ``evaluate`` on the photo; returns exit code and what the file holds."""
    monkeypatch.setattr(evaluation, "rounding_differences", lambda *_: {})

    def run(*arguments, data=photo):
        output = tmp_path / "found" / "metrics.json"
        arguments = ["--data", str(data), "--output", str(output), *arguments]
        code = command_line.main(["evaluate", *arguments])
        return code, json.loads(output.read_text()) if output.exists() else None

    return run


def test_the_denoiser_is_judged_told_and_blind(evaluated, photo):
    code, found = evaluated("--tasks", "denoise")
    assert code == 0
    row = found["tasks"]["denoise"]["settings"]["sigma 50"]
    clean = pixels_to_image(np.asarray(Image.open(photo / "a.png")))
    # The damage of the first picture, whatever the set.
    case = next(case for case in TASKS["denoise"].benchmark_cases if case.name == "sigma 50")
    degraded, *_ = case.degrade(clean, Generator().manual_seed(0))
    noisy = Image.fromarray(to_uint8(degraded))
    level = torch.tensor([50 / 255])
    results = {
        "degraded": degraded,
        "classical": baselines.wavelet_denoise(degraded, level).mul(255).round() / 255,
        "network": to_image(enhance(noisy, "denoise", sigma=50 / 255).after),
        "network, strength estimated": to_image(enhance(noisy, "denoise").after),
    }
    if resolve_dtype_name("denoise") == "int8":
        *_, fine = enhance_by_tile(noisy, "denoise", sigma=50 / 255, dtype=torch.float32)
        results["network in float32"] = to_image(fine.after)
        assert row["network in float32"] != row["network"]
    assert row.keys() == results.keys()
    for name, restored in results.items():
        assert row[name]["psnr"] == pytest.approx(psnr(restored, clean), abs=1e-3), name
    assert row["network"] != row["network, strength estimated"]


def test_limit_leaves_pictures_out_before_they_are_read(evaluated, photo):
    (photo / "b.png").write_bytes(b"no picture at all")
    arguments = ("--tasks", "upscale_x2")
    assert evaluated(*arguments)[0] == 2
    code, found = evaluated(*arguments, "--limit", "1")
    assert code == 0
    assert found["tasks"]["upscale_x2"]["measured"]["pictures"] == 1


def test_tiny_pictures_are_left_out(evaluated, photo):
    Image.new("RGB", (40, 10), "teal").save(photo / "tiny.png")
    code, found = evaluated("--tasks", "upscale_x4")
    assert code == 0
    assert found["tasks"]["upscale_x4"]["measured"]["pictures"] == 1


def test_a_perfect_picture_is_counted_not_averaged(evaluated, photo):
    _, alone = evaluated("--tasks", "upscale_x2")
    Image.new("RGB", (48, 48), (90, 90, 90)).save(photo / "flat.png")
    _, found = evaluated("--tasks", "upscale_x2")
    before, after = (
        report["tasks"]["upscale_x2"]["settings"]["bicubic 1/2"]["classical"]
        for report in (alone, found)
    )
    assert after["exact"] == 1
    assert after["psnr"] == before["psnr"]


def test_twins_are_for_upscales_and_checked_before_anything(evaluated, photo, capsys):
    twins = ("--low-resolution", str(photo))
    assert evaluated("--tasks", "denoise", *twins) == (2, None)
    assert "choose --tasks among upscale_x2 upscale_x4" in capsys.readouterr().err
    assert evaluated("--tasks", "upscale_x2", "upscale_x4", *twins) == (2, None)
    assert "scale 2" in capsys.readouterr().err


def test_weights_that_were_just_trained_are_measured(evaluated, tmp_path, monkeypatch):
    """They are not the recorded ones, which the page refuses until they have been measured."""
    shipped = weights.find_weights("upscale_x4")
    folder = tmp_path / "weights"
    folder.mkdir()
    tensors = read_tensors(shipped)
    tensors["tail.bias"] += 1 / 64
    save_weights(folder / shipped.name, tensors, read_header(shipped))
    (folder / "metrics.json").write_bytes((shipped.parent / "metrics.json").read_bytes())
    monkeypatch.setattr(weights, "WEIGHTS_DIR", folder)
    load_model.cache_clear()
    with pytest.raises(weights.WeightsError, match="evaluate --data"):
        load_model("upscale_x4")
    code, found = evaluated("--tasks", "upscale_x4")
    assert code == 0
    assert found["tasks"]["upscale_x4"]["sha256"] == weights.sha256(folder / shipped.name)
    with pytest.raises(weights.WeightsError):
        load_model("upscale_x4")


def test_a_card_of_nothing_is_refused(tmp_path, capsys):
    (tmp_path / "metrics.json").write_text("{}", encoding="utf-8")
    files = ["--metrics", str(tmp_path / "metrics.json"), "--output", str(tmp_path / "card.md")]
    assert command_line.main(["card", *files]) == 2
    assert "evaluate" in capsys.readouterr().err
    assert not (tmp_path / "card.md").exists()
