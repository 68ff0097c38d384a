"""The training of the networks that read damage: its loop, its commands, the shipped files."""

import dataclasses
import json

import numpy as np
import pytest

from deconv_demo.networks.weight_files import WeightsError, read_header, sha256
from deconv_demo.restoration.weights import ESTIMATORS, WEIGHTS_DIR, load_estimator
from deconv_demo.tasks import TASKS
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import (
    blur_estimator,
    estimators,
    jpeg_estimator,
    noise_cases,
    noise_estimator,
)
from deconv_demo.training.blur_estimator import BLUR_SPEC
from deconv_demo.training.estimators import train_estimator
from deconv_demo.training.jpeg_estimator import JPEG_SPEC
from deconv_demo.training.noise_estimator import NOISE_SPEC


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Judged on little, and warm soon."""
    monkeypatch.setattr(blur_estimator, "VALIDATION_CROP", 128)
    monkeypatch.setattr(noise_cases, "VALIDATION_CROP", 96)
    monkeypatch.setattr(estimators, "WARM_UP_STEPS", 5)


def quick(spec, **recipe):
    """The same reading by a smaller recipe."""
    return dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, **recipe))


BLUR = quick(BLUR_SPEC, patch=96, batch=2)
NOISE = quick(NOISE_SPEC, patch=64, batch=2)
JPEG = quick(JPEG_SPEC, patch=64, batch=2)


@pytest.mark.parametrize(
    ("spec", "steps", "rate"),
    [
        (quick(BLUR_SPEC, patch=72, batch=8, ema_decay=0.8), 25, 2e-3),
        (quick(NOISE_SPEC, patch=64, batch=8, ema_decay=0.8), 60, 3e-3),
    ],
    ids=["blur", "noise"],
)
def test_training_teaches_something(spec, steps, rate, tmp_path, picture_folder):
    path = tmp_path / f"{spec.name}.safetensors"
    before, after = train_estimator(
        spec,
        data=[picture_folder],
        validation=[picture_folder],
        minutes=10,
        steps=steps,
        learning_rate=rate,
        seed=0,
        weights_path=path,
    )
    assert after < 0.9 * before
    entry = json.loads(path.with_name("metrics.json").read_text(encoding="utf-8"))[spec.name]
    assert entry["sha256"] == sha256(path)
    assert entry["error"] == pytest.approx(after, abs=1e-4)
    assert entry["runs"][-1]["steps"] == steps


@pytest.mark.parametrize("name", ESTIMATORS)
def test_worse_weights_do_not_replace_better_ones(name, tmp_path, picture_folder, monkeypatch):
    monkeypatch.setattr(blur_estimator, "BLUR_SPEC", BLUR)
    monkeypatch.setattr(noise_estimator, "NOISE_SPEC", NOISE)
    monkeypatch.setattr(jpeg_estimator, "JPEG_SPEC", JPEG)
    path = tmp_path / f"{name}.safetensors"
    path.write_bytes((WEIGHTS_DIR / path.name).read_bytes())
    before = path.read_bytes()
    arguments = [name, "--data", str(picture_folder), "--minutes", "5", "--steps", "2"]
    arguments += ["--seed", "0", "--weights", str(path), "--learning-rate", "10"]
    assert command_line.main(arguments) == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("spec", [BLUR, NOISE, JPEG], ids=["blur", "noise", "jpeg"])
def test_weights_that_are_no_numbers_are_never_kept(spec, tmp_path, picture_folder):
    path = tmp_path / f"{spec.name}.safetensors"
    options = {"data": [picture_folder], "minutes": 5, "steps": 9, "seed": 0, "weights_path": path}
    _, after = train_estimator(spec, **options, learning_rate=1e30)
    assert not path.exists() or np.isfinite(after)


def test_ctrl_c_keeps_what_was_learned(tmp_path, picture_folder):
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return BLUR.loss(*arguments)

    path = tmp_path / "blur_reader.safetensors"
    spec = dataclasses.replace(BLUR, loss=interrupted)
    train_estimator(spec, data=[picture_folder], minutes=5, seed=0, weights_path=path)
    assert json.loads(read_header(path)["runs"])[-1]["steps"] == 2


@pytest.mark.parametrize(("name", "build"), ESTIMATORS.items())
def test_shipped_weights_are_checked_small_and_told_how_they_were_made(name, build):
    metrics = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    entry, shipped = metrics[name], WEIGHTS_DIR / f"{name}.safetensors"
    assert entry["sha256"] == sha256(shipped)
    assert entry["bytes"] == shipped.stat().st_size < 10_000_000
    assert entry["parameters"] == sum(tensor.numel() for tensor in build().parameters())
    assert entry["runs"] == json.loads(read_header(shipped)["runs"])
    assert entry["runs"]
    users = [task_id for task_id, task in TASKS.items() if task.estimator == name]
    assert len(users) == 1
    for task_id in users:
        assert metrics["tasks"][task_id][name] == sha256(shipped), f"measure {task_id} again"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_missing_or_altered_weights(name, empty_weights):
    with pytest.raises(WeightsError, match=rf"weights/{name}\.safetensors is not there"):
        load_estimator(name)
    path = empty_weights / f"{name}.safetensors"
    content = bytearray((WEIGHTS_DIR / path.name).read_bytes())
    path.write_bytes(content)
    recorded = {name: {"sha256": sha256(path)}}
    (empty_weights / "metrics.json").write_text(json.dumps(recorded), encoding="utf-8")
    load_estimator(name)
    load_estimator.cache_clear()
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or has been changed"):
        load_estimator(name)
