"""The model card: its tables, the drawing of the training runs, and the pictures of failures."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import skimage.data
import skimage.metrics
import torch
from PIL import Image
from torch import Generator

from deconv_demo.restoration.weights import WEIGHTS_DIR
from deconv_demo.tasks import TASKS
from deconv_demo.training.metrics_file import MetricsFileError
from deconv_demo.training.report.curves import draw_curves, run_lines
from deconv_demo.training.report.failures import FAILURES, draw_failures
from deconv_demo.training.report.model_card import write_card
from deconv_demo.training.report.model_card_text import tail

SVG = "{http://www.w3.org/2000/svg}"
RUNS = [
    {"seconds": 600, "steps": 900, "validation_psnr": 24.5, "hardware": "a laptop"},
    {
        "seconds": 1800,
        "steps": 3000,
        "validation_psnr": 25.25,
        "hardware": "a laptop",
        "optimiser": "muon",
        "learning_rate": 2e-3,
        "curve": [[0.0, 24.75], [10.0, 24.5], [30.0, 25.25]],
    },
]


def points_of(polyline: ElementTree.Element) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in polyline.get("points").split()]


def test_runs_follow_each_other_along_the_minutes():
    assert run_lines(RUNS) == [[(10.0, 24.5)], [(10.0, 24.75), (20.0, 24.5), (40.0, 25.25)]]


def test_curves_are_drawn_to_scale():
    root = ElementTree.fromstring(draw_curves({"deblur": {"runs": RUNS}}))
    first, second = (points_of(line) for line in root.iter(f"{SVG}polyline"))
    assert len(first) == 1
    (x0, y0), (x1, y1), (x2, y2) = second
    assert first[0] == pytest.approx((x0, y1)), "the same minute, and the same 24.5 dB"
    assert x2 - x1 == pytest.approx(2 * (x1 - x0), abs=0.3)
    assert y1 - y2 == pytest.approx(3 * (y1 - y0), abs=0.3), "0.75 dB up after 0.25 dB down"


def test_a_name_cannot_break_the_drawing():
    root = ElementTree.fromstring(draw_curves({"<b>&": {"runs": RUNS}}))
    assert "<b>&" in [text.text for text in root.iter(f"{SVG}text")]


def test_the_card_tells_what_each_run_was_worth(tmp_path):
    metrics = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    metrics["tasks"]["deblur"]["runs"] = RUNS
    (tmp_path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    write_card(tmp_path / "metrics.json", tmp_path / "README.md")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "Trained for 40 minutes in 2 runs" in card
    assert "| 10 | 900 | Adam | a laptop | 24.50 |  |" in card
    # It began where the first had not ended: it is judged on other damage.
    assert "| 30 | 3,000 | Muon, 0.002 | a laptop | 25.25 | +0.50 from 24.75 |" in card
    offsets = [card.index(f"\n## {task_id}\n") for task_id in TASKS]
    assert offsets == sorted(offsets), "in the order of the table of tasks"
    assert "![Validation PSNR of each network by minute of training](curves.svg)" in card
    ElementTree.parse(tmp_path / "curves.svg")


def test_a_perfect_result_has_no_number_and_a_card_needs_one(tmp_path):
    metrics = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    row = metrics["tasks"]["denoise"]["settings"]["sigma 15"]
    row["network"] = {"psnr": None, "ssim": 1.0, "exact": 2}
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(metrics), encoding="utf-8")
    write_card(path, tmp_path / "README.md")
    assert "| exact / 1.0000 |" in (tmp_path / "README.md").read_text(encoding="utf-8")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(MetricsFileError, match="evaluate --data"):
        write_card(path, tmp_path / "README.md")


def test_the_shares_on_the_card_are_those_of_training():
    generator = Generator().manual_seed(0)
    clean = torch.full((2000, 3, 16, 16), 0.5)
    clean[:, :, 4:12, 4:12] = 0.9
    plain, *_ = TASKS["upscale_x2"].benchmark_cases[0].degrade(clean[:1], generator)
    degraded, *_ = TASKS["upscale_x2"].degrade(clean, generator)
    worn = (degraded != plain).flatten(1).any(1).float().mean()
    jpeg, noise = map(float, re.search(r"given\n?\s*(\d+) % does, and\s+(\d+) %", tail()).groups())
    # Of two things that happen to some each, a few happen to both.
    assert 100 * worn.item() == pytest.approx(jpeg + noise - jpeg * noise / 100, abs=3)


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """Folder and entries of the failures, as the command makes them."""
    folder = tmp_path_factory.mktemp("failures")
    metrics_path = folder / "metrics.json"
    metrics_path.write_text('{"tasks": {"kept": {}}}', encoding="utf-8")
    entries = draw_failures(folder / "pictures", metrics_path)
    return folder / "pictures", entries, json.loads(metrics_path.read_text(encoding="utf-8"))


def test_every_network_fails_at_something(failures):
    _, entries, report = failures
    assert {entry["task_id"] for entry in entries} == set(TASKS)
    assert report == {"tasks": {"kept": {}}, "failures": entries}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_failure_shows_damaged_restored_and_truth(failure, failures):
    folder, entries, _ = failures
    entry = next(entry for entry in entries if entry["name"] == failure.name)
    pixels = np.asarray(Image.open(folder / f"{failure.name}.png"))
    damaged, restored, truth = np.split(pixels, 3, axis=1)
    top, left = failure.corner
    source = getattr(skimage.data, failure.picture)()[top : top + 160, left : left + 240]
    assert np.array_equal(truth if source.ndim == 3 else truth[..., 0], source)
    scale = TASKS[failure.task_id].scale
    for panel, key in ((damaged, "damaged_psnr"), (restored, "network_psnr")):
        pair = [truth, panel]
        if TASKS[failure.task_id].y_channel_metric:
            weights = np.array([65.481, 128.553, 24.966]) / 255
            inner = slice(scale, -scale)
            pair = [(image.astype(float) @ weights + 16)[inner, inner] for image in pair]
        expected = skimage.metrics.peak_signal_noise_ratio(*pair, data_range=255)
        assert entry[key] == pytest.approx(expected, abs=0.02)
    assert entry["network_psnr"] < entry["damaged_psnr"] + 2, "it helps here: not a failure"
