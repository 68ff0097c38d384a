"""Training on a tiny network: it learns, its file round-trips, and bad data is said in words."""

import dataclasses
import json
import math
from functools import partial

import pytest
import torch

from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.networks.weight_files import read_header, read_tensors
from deconv_demo.restoration.weights import load_into
from deconv_demo.tasks import TASKS, Recipe
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import loop
from deconv_demo.training.data import CropSampler

TINY = {
    "denoise": dataclasses.replace(
        TASKS["denoise"],
        build=partial(DeconvUNet, widths=(8, 12), blocks=(1, 1), noise_level_map=True, bias=False),
        benchmark_cases=TASKS["denoise"].benchmark_cases[1:2],
        recipe=Recipe(patch=16, batch=4),
    ),
    "upscale_x2": dataclasses.replace(
        TASKS["upscale_x2"],
        build=partial(DeconvUpscaler, channels=8, blocks=1, scale=2),
        benchmark_cases=TASKS["upscale_x2"].benchmark_cases[:1],
        recipe=Recipe(patch=16, batch=4, margin=2),
    ),
}


@pytest.fixture
def train(monkeypatch, tmp_path, picture_folder):
    """The training loop on tiny networks and small photographs, with a seed."""
    monkeypatch.setattr(loop, "TASKS", {**TASKS, **TINY})
    monkeypatch.setattr(loop, "VALIDATION_CROP", 48)

    def run(task_id="upscale_x2", *, steps=50, **options) -> loop.TrainResult:
        options = {
            "data": [picture_folder],
            "minutes": 5,
            "weights_path": tmp_path / "trained.safetensors",
            "learning_rate": 5e-3,
            "seed": 0,
        } | options
        return loop.train(task_id, steps=steps, **options)

    return run


@pytest.mark.parametrize("task_id", TINY)
def test_fifty_steps_teach_something(task_id, train):
    outcome = train(task_id)
    assert len(outcome.losses) == 50
    # The same crops and the same damage before and after; the losses of single batches scatter
    # by more than an upscaler, which starts at bicubic, gains in so few steps.
    assert outcome.psnr_after > outcome.psnr_before + 0.1


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


def test_an_earlier_form_of_the_network_brings_its_runs_along(train, tmp_path):
    train(steps=10)
    former = (tmp_path / "trained.safetensors").rename(tmp_path / "former.safetensors")
    train(steps=5, start_from=former, seed=1, learning_rate=1e-3)
    runs = json.loads(read_header(tmp_path / "trained.safetensors")["runs"])
    assert [run["steps"] for run in runs] == [10, 5]
    assert runs[1]["curve"][0][1] == pytest.approx(runs[0]["validation_psnr"], abs=0.01)


def test_worse_weights_never_replace_better_ones(train, tmp_path):
    train(steps=10)
    path = tmp_path / "trained.safetensors"
    before = path.read_bytes()
    worse = train(steps=8, learning_rate=10.0)
    assert worse.psnr_after < worse.psnr_before
    assert path.read_bytes() == before


def test_weights_that_are_no_numbers_are_never_kept(train, tmp_path, monkeypatch, capsys):
    path = tmp_path / "trained.safetensors"
    real_step = loop._step

    def spoilt_step(model, ema_model, *rest):
        loss = real_step(model, ema_model, *rest)
        with torch.no_grad():
            next(ema_model.parameters()).fill_(math.nan)
        return loss

    monkeypatch.setattr(loop, "_step", spoilt_step)
    assert math.isnan(train(steps=2).psnr_after)
    assert not path.exists()
    monkeypatch.setattr(loop, "_step", lambda *_: math.nan)
    assert len(train(steps=50).losses) == 1
    assert "the loss became nan" in capsys.readouterr().out


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

    def interrupted(model, ema_model, optimizer, sampler, rate, step):
        if step == 6:
            raise KeyboardInterrupt
        return real_step(model, ema_model, optimizer, sampler, rate, step)

    monkeypatch.setattr(loop, "_step", interrupted)
    outcome = train()
    assert len(outcome.losses) == 6
    header = read_header(tmp_path / "trained.safetensors")
    assert json.loads(header["runs"])[0]["steps"] == 6
    assert "Ctrl-C" in capsys.readouterr().out
    assert train(steps=0).psnr_before == pytest.approx(outcome.psnr_after, abs=0.02)


def test_the_learning_rate_rises_and_falls():
    last = loop.WARM_UP_STEPS
    assert loop._lr_factor(0, 0.0) == pytest.approx(1 / last)
    assert loop._lr_factor(last // 2 - 1, 0.0) == pytest.approx(0.5)
    for progress, probability in (
        (0, 1),
        (0.5, 1),
        (loop.DECAY_FROM, 1),
        (0.9, 0.4),
        (1, 0),
        (1.2, 0),
    ):
        assert loop._lr_factor(last, progress) == pytest.approx(probability, abs=1e-3)


@pytest.mark.parametrize(("step", "kept"), [(0, 0.1), (90, 0.91), (10**6, 0.999)])
def test_a_step_is_clipped_and_averaged(step, kept, photo_pixels):
    recipe = Recipe(patch=16, batch=2, margin=2, gradient_clip=1e-3)
    task = dataclasses.replace(TINY["upscale_x2"], recipe=recipe)
    generator = torch.Generator().manual_seed(0)
    sampler = CropSampler(list(photo_pixels.values()), task, generator, torch.device("cpu"))
    model, ema_model = task.build(), task.build().requires_grad_(False)
    before, former = (
        torch.nn.utils.parameters_to_vector(one.parameters()).clone() for one in (model, ema_model)
    )
    plain = torch.optim.SGD(model.parameters(), lr=1.0)
    loop._step(model, ema_model, [plain], sampler, 1.0, step)
    after, now = (
        torch.nn.utils.parameters_to_vector(one.parameters()) for one in (model, ema_model)
    )
    assert (after - before).norm().item() == pytest.approx(1e-3, rel=0.01)
    torch.testing.assert_close(now, kept * former + (1 - kept) * after)


def test_a_whole_run_is_counted(train, tmp_path, monkeypatch):
    """Not only what came before the weights that were kept."""
    path = tmp_path / "trained.safetensors"
    judged = iter([20.0, 25.0, 24.0, 23.0, 22.0, 21.0])
    monkeypatch.setattr(loop, "_validate", lambda *_: next(judged))
    ticks = iter(range(0, 10**6, 10))
    # A step takes ten seconds, and it is judged every five minutes and at the end.
    train(steps=80, minutes=60, clock=lambda: next(ticks))
    (run,) = json.loads(read_header(path)["runs"])
    assert run["validation_psnr"] == 25
    assert run["steps"] == 80
    assert run["seconds"] == 800
    assert run["curve"][0] == [0, 20]
    assert run["curve"][-1][0] == pytest.approx(800 / 60, abs=0.1)
    assert run["curve"][-1][1] < 25


def test_training_from_a_tar(train, picture_tar):
    outcome = train(steps=3, data=[picture_tar], validation=[picture_tar])
    assert len(outcome.losses) == 3


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
