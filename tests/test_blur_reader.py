"""The training of the blur reader: its loss, its command, its shipped file."""

import json

import numpy as np
import pytest
import torch
from torch import Generator

from deconv_demo import weights
from deconv_demo.blind_blur import BlurReader
from deconv_demo.degradations import defocus_kernel, gaussian_kernel, motion_kernel
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import blur_reader as training
from deconv_demo.weight_files import WeightsError, read_header, sha256
from deconv_demo.weights import WEIGHTS_DIR, load_blur_reader

SHIPPED = WEIGHTS_DIR / weights.BLUR_READER_FILE


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty weights folder."""
    monkeypatch.setattr(weights, "WEIGHTS_DIR", tmp_path)
    load_blur_reader.cache_clear()
    yield tmp_path
    load_blur_reader.cache_clear()


def test_the_error_is_a_weighted_mean_of_distances_of_transfer_functions():
    kernels, told = motion_kernel(9, 0.5), defocus_kernel(2.0)
    distance = np.abs(np.fft.rfft2((kernels - told).numpy(), s=(32, 32)))
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.rfftfreq(32)[None])
    expected = np.average(distance, weights=1 / (frequency + 0.03))
    found = training.spectral_error(kernels[None], told[None]).item()
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_nearer_of_two_guesses_has_the_smaller_error():
    told = gaussian_kernel(2.0)[None]
    near, far = gaussian_kernel(1.8)[None], gaussian_kernel(0.5)[None]
    assert training.spectral_error(near, told) < training.spectral_error(far, told) / 3


def test_crops_are_grey_blurred_and_come_with_their_blur(photos):
    clean = photos["astronaut"].expand(6, -1, -1, -1)
    blurred, kernels = training.with_its_blur(clean, Generator().manual_seed(0))
    assert blurred.shape == clean.shape
    assert kernels.shape == (6, 25, 25)
    assert kernels.sum(dim=(1, 2)).tolist() == pytest.approx([1] * 6, abs=1e-5)
    # JPEG of equal channels keeps them equal but for rounding.
    assert (blurred - blurred[:, :1]).abs().max() < 3 / 255
    again, same = training.with_its_blur(clean, Generator().manual_seed(0))
    assert torch.equal(again, blurred)
    assert torch.equal(same, kernels)


def test_training_teaches_something(tmp_path, picture_folder, monkeypatch):
    recipe = training.Recipe(patch=72, batch=8, margin=12, ema_decay=0.8, gradient_clip=1.0)
    monkeypatch.setattr(training, "RECIPE", recipe)
    monkeypatch.setattr(training, "WARM_UP_STEPS", 5)
    monkeypatch.setattr(training, "VALIDATION_CROP", 128)
    path = tmp_path / "blur_reader.safetensors"
    before, after = training.train_blur_reader(
        data=[picture_folder],
        validation=[picture_folder],
        minutes=10,
        steps=25,
        learning_rate=2e-3,
        seed=0,
        weights_path=path,
    )
    assert after < 0.9 * before
    entry = json.loads(path.with_name("metrics.json").read_text(encoding="utf-8"))["blur_reader"]
    assert entry["sha256"] == sha256(path)
    assert entry["spectral_error"] == pytest.approx(after, abs=1e-4)
    assert entry["runs"][-1]["steps"] == 25


def test_worse_weights_do_not_replace_better_ones(tmp_path, picture_folder, monkeypatch):
    monkeypatch.setattr(training, "RECIPE", training.Recipe(patch=96, batch=2, margin=12))
    monkeypatch.setattr(training, "VALIDATION_CROP", 128)
    path = tmp_path / "blur_reader.safetensors"
    path.write_bytes(SHIPPED.read_bytes())
    before = path.read_bytes()
    arguments = ["blur_reader", "--data", str(picture_folder), "--minutes", "5", "--steps", "2"]
    arguments += ["--seed", "0", "--weights", str(path), "--learning-rate", "10"]
    assert command_line.main(arguments) == 0
    assert path.read_bytes() == before


def test_weights_that_are_no_numbers_are_never_kept(tmp_path, picture_folder, monkeypatch):
    monkeypatch.setattr(training, "RECIPE", training.Recipe(patch=96, batch=2, margin=12))
    monkeypatch.setattr(training, "VALIDATION_CROP", 128)
    path = tmp_path / "blur_reader.safetensors"
    options = {"data": [picture_folder], "minutes": 5, "steps": 9, "seed": 0, "weights_path": path}
    _, after = training.train_blur_reader(**options, learning_rate=1e30)
    assert not path.exists() or np.isfinite(after)


def test_ctrl_c_keeps_what_was_learned(tmp_path, picture_folder, monkeypatch):
    monkeypatch.setattr(training, "RECIPE", training.Recipe(patch=96, batch=2, margin=12))
    monkeypatch.setattr(training, "VALIDATION_CROP", 128)
    real_step = training._step

    def interrupted(*arguments):
        if arguments[-1] == 2:
            raise KeyboardInterrupt
        return real_step(*arguments)

    monkeypatch.setattr(training, "_step", interrupted)
    path = tmp_path / "blur_reader.safetensors"
    training.train_blur_reader(data=[picture_folder], minutes=5, seed=0, weights_path=path)
    assert json.loads(read_header(path)["runs"])[-1]["steps"] == 2


def test_shipped_weights_are_checked_small_and_told_how_they_were_made():
    metrics = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    entry = metrics["blur_reader"]
    assert entry["sha256"] == sha256(SHIPPED)
    assert entry["bytes"] == SHIPPED.stat().st_size < 10_000_000
    assert entry["parameters"] == sum(tensor.numel() for tensor in BlurReader().parameters())
    assert entry["runs"] == json.loads(read_header(SHIPPED)["runs"])
    assert entry["runs"]
    assert metrics["tasks"]["deblur"]["blur_reader"] == sha256(SHIPPED), "measure deblur again"


def test_missing_or_altered_weights(folder):
    with pytest.raises(WeightsError, match=r"weights/blur_reader\.safetensors is not there"):
        load_blur_reader()
    content = bytearray(SHIPPED.read_bytes())
    path = folder / SHIPPED.name
    path.write_bytes(content)
    recorded = {"blur_reader": {"sha256": sha256(path)}}
    (folder / "metrics.json").write_text(json.dumps(recorded), encoding="utf-8")
    load_blur_reader()
    load_blur_reader.cache_clear()
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or has been changed"):
        load_blur_reader()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_shipped_reader_reads_better_than_any_one_guess(photos, seed):
    clean = photos["coffee"].repeat(12, 1, 1, 1)
    blurred, kernels = training.with_its_blur(clean, Generator().manual_seed(seed))
    error = training.judge(load_blur_reader(), [(blurred, kernels)])
    guesses = [gaussian_kernel(sigma)[None] for sigma in (0.5, 1.0, 1.5, 2.0, 3.0)]
    assert error < 0.8 * min(training.spectral_error(guess, kernels).item() for guess in guesses)
