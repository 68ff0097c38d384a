"""Trials of networks: equal conditions, and numbers that another counter finds too."""

import json
from functools import partial

import pytest
import torch

from deconv_demo.networks import DeconvUNet, DeconvUpscaler
from deconv_demo.tasks import TASKS
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import loop, trials
from deconv_demo.training.card import write_card
from deconv_demo.weights import WEIGHTS_DIR

TINY = {
    "small": {"channels": 6, "blocks": 1},
    "again": {"channels": 6, "blocks": 1},
    "larger": {"channels": 10, "blocks": 2},
}


@pytest.fixture
def rows(monkeypatch, picture_folder):
    monkeypatch.setattr(loop, "VALIDATION_CROP", 48)
    monkeypatch.setattr(trials, "TIMED_SIDE", 32)
    folders = {"data": [picture_folder], "validation": [picture_folder]}
    return trials.try_networks("upscale_x2", **folders, minutes=5, steps=6, candidates=TINY)


def test_equal_networks_come_to_the_same_and_others_do_not(rows):
    small, again, larger = rows
    assert [row["name"] for row in rows] == list(TINY)
    assert [row["steps"] for row in rows] == [6, 6, 6]
    assert small["validation_psnr"] == again["validation_psnr"] != larger["validation_psnr"]
    assert small["network"]["channels"] == 6
    for row, (channels, blocks) in ((small, (6, 1)), (larger, (10, 2))):
        head, layer = channels * 27 + channels, channels * channels * 9 + channels
        tail = channels * 3 * 16 + 3
        assert row["parameters"] == head + (2 * blocks + 1) * layer + tail
        # A transposed convolution of kernel 4 works on the small picture, as all layers do.
        macs = channels * 27 + (2 * blocks + 1) * channels * channels * 9 + channels * 48
        assert row["macs_per_output_pixel"] == pytest.approx(macs / 4, abs=1)
        assert row["seconds_per_output_megapixel"] > 0


@pytest.mark.parametrize("task_id", trials.CANDIDATES)
def test_candidates_can_be_shipped(task_id):
    """They take what the task gives, cost about what the shipped one does, and fit the file."""
    shipped = TASKS[task_id].build
    assert trials.CANDIDATES[task_id]["shipped"] == {}
    for changed in trials.CANDIDATES[task_id].values():
        model = partial(shipped.func, **{**shipped.keywords, **changed})()
        assert isinstance(model, DeconvUNet | DeconvUpscaler)
        inputs = trials._inputs(model, 16)
        with torch.inference_mode():
            assert model(*inputs).shape[-1] == 16 * TASKS[task_id].scale
        assert 2 * sum(parameter.numel() for parameter in model.parameters()) < 10e6


def test_the_command_keeps_them_for_the_card(monkeypatch, tmp_path, picture_folder):
    row = {
        "name": "shipped",
        "network": {"channels": 64, "blocks": 6},
        "parameters": 1234,
        "macs_per_output_pixel": 5678,
        "seconds_per_output_megapixel": 1.5,
        "minutes": 3.0,
        "steps": 7,
        "validation_psnr": 31.25,
    }
    monkeypatch.setattr(trials, "try_networks", lambda *_, **__: [row])
    measured = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(measured), encoding="utf-8")
    folders = ["--data", str(picture_folder), "--validation", str(picture_folder)]
    arguments = ["trials", "upscale_x2", *folders, "--minutes", "3", "--metrics", str(path)]
    assert command_line.main(arguments) == 0
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["trials"] == {"upscale_x2": [row]}
    assert kept["tasks"] == measured["tasks"]
    write_card(path, tmp_path / "README.md")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| shipped: 64 channels, 6 blocks | 1,234 | 5,678 | 1.50 | 3 | 7 | 31.25 |" in card
