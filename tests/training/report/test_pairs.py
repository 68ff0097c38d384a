"""Real pictures against their ground truths."""

import numpy as np
import pytest
import skimage.data
import skimage.metrics
from PIL import Image

from deconv_demo.restoration.enhancement import enhance
from deconv_demo.training import __main__ as command_line
from deconv_demo.training.data import DataError
from deconv_demo.training.report.pairs import evaluate_pairs


@pytest.fixture
def folders(tmp_path):
    degraded, truth = tmp_path / "noisy", tmp_path / "clean"
    degraded.mkdir()
    truth.mkdir()
    for index, name in enumerate(("coffee", "cat")):
        clean = getattr(skimage.data, name)()[:160, :200]
        noise = np.random.default_rng(index).normal(0, 20, clean.shape)
        noisy = np.rint(clean + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(degraded / f"{name}_real.png")
        Image.fromarray(clean).save(truth / f"{name}_mean.png")
    return degraded, truth


def test_each_is_scored_before_and_after(folders):
    degraded, truth = folders
    found = evaluate_pairs("denoise", degraded=degraded, truth=truth)
    assert [row["name"] for row in found["pictures"]] == ["cat_real.png", "coffee_real.png"]
    row = found["pictures"][1]
    given, clean = (
        np.asarray(Image.open(path))
        for path in (degraded / "coffee_real.png", truth / "coffee_mean.png")
    )
    after = np.asarray(enhance(Image.fromarray(given), "denoise").after)
    for picture, key in ((given, "input"), (after, "output")):
        expected = skimage.metrics.peak_signal_noise_ratio(clean, picture)
        assert row[key] == pytest.approx(expected, abs=0.01)
    assert found["output"] > found["input"] + 3
    assert found["worse"] == 0


def test_a_shift_costs_nothing_where_it_may(folders, tmp_path):
    _, truth = folders
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in truth.iterdir():
        pixels = np.roll(np.asarray(Image.open(path)), (2, -3), axis=(0, 1))
        Image.fromarray(pixels).save(moved / path.name)
    still = evaluate_pairs("deblur", degraded=moved, truth=truth)
    free = evaluate_pairs("deblur", degraded=moved, truth=truth, shift=4)
    assert still["input"] < 35
    assert free["input"] > 60


def test_pictures_without_a_twin_are_named(folders, tmp_path, capsys):
    degraded, truth = folders
    (truth / "cat_mean.png").unlink()
    with pytest.raises(DataError, match=r"cat_real\.png has no ground truth"):
        evaluate_pairs("denoise", degraded=degraded, truth=truth)
    arguments = ["pairs", "upscale_x2", "--degraded", str(degraded), "--truth", str(truth)]
    assert command_line.main(arguments) == 2
    assert "changes the size" in capsys.readouterr().err
