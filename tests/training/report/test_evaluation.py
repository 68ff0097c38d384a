"""Judging networks: the right pictures, the right damage, and small twins where a set has them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.networks.quantized import has_fast_int8
from deconv_demo.pictures.image_tensors import to_uint8
from deconv_demo.restoration import weights
from deconv_demo.restoration.enhancement import resolve_dtype_name
from deconv_demo.restoration.weights import WEIGHTS_DIR
from deconv_demo.tasks import TASKS
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import validation
from deconv_demo.training.data import DataError, match_lr_images, read_named_pictures
from deconv_demo.training.report import benchmark, evaluation
from deconv_demo.training.report.model_card import write_card


def test_validation_averages_over_pictures_for_each_setting(photo_pixels):
    class Same(torch.nn.Module):
        def forward(self, image, sigma):
            return image

    task = TASKS["denoise"]
    # Half the contrast, so that next to nothing is clipped.
    pictures = [pixels[:40, :40] // 2 + 64 for pixels in photo_pixels.values()]
    found = validation.psnr_by_case(Same(), task, pictures, torch.device("cpu"))
    # The PSNR of noise is known.
    levels = {"sigma 15": 15, "sigma 25": 25, "sigma 50": 50, "grey, sigma 25": 25}
    expected = {name: 20 * np.log10(255 / level) for name, level in levels.items()}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.3)
    # The weaker the light the noisier the picture, and a file takes some of the noise away.
    weak, strong, saved = (found[name] for name in found if "camera" in name)
    assert strong < weak < saved


def test_clean_pictures_are_cut_to_the_scale():
    pixels = np.zeros((11, 14, 3), np.uint8)
    for task_id, shape in (("upscale_x4", (1, 3, 8, 12)), ("denoise", (1, 3, 11, 14))):
        task = TASKS[task_id]
        assert evaluation.clean_image(pixels, task, task.benchmark_cases[0]).shape == shape


def test_a_gray_setting_is_judged_on_gray_pictures_with_gray_noise(photo_pixels):
    task = TASKS["denoise"]
    (case,) = [case for case in task.benchmark_cases if case.gray]
    pixels = photo_pixels["coffee"][:64, :64] // 2 + 64  # so that little is clipped
    clean = evaluation.clean_image(pixels, task, case)
    pillow = np.asarray(Image.fromarray(pixels).convert("L"), dtype=float)
    for channel in clean[0].mul(255).numpy():
        assert np.abs(channel - pillow).max() <= 1
    degraded, sigma, *_ = evaluation.degrade_for_case(clean, case, 0)
    assert torch.equal(degraded[:, 0], degraded[:, 1])
    assert torch.equal(degraded[:, 0], degraded[:, 2])
    assert (degraded - clean).std().item() == pytest.approx(sigma.item(), rel=0.05)


def test_damage_of_a_validation_picture_is_the_same_every_time(photos):
    clean, case = photos["cat"], TASKS["denoise"].benchmark_cases[0]
    first, *_ = evaluation.degrade_for_case(clean, case, 4)
    assert torch.equal(first, evaluation.degrade_for_case(clean, case, 4)[0])
    assert not torch.equal(first, evaluation.degrade_for_case(clean, case, 5)[0])


@pytest.fixture
def twin_folder(tmp_path, picture_folder):
    """The low-resolution copies of ``picture_folder``, named as those of standard sets are."""
    folder = tmp_path / "LR"
    folder.mkdir()
    task = TASKS["upscale_x2"]
    for place, pixels in read_named_pictures([picture_folder]).items():
        clean = evaluation.clean_image(pixels, task, task.benchmark_cases[0])
        small, *_ = evaluation.degrade_for_case(clean, task.benchmark_cases[0], 0)
        name = place.rsplit("/", 1)[-1].replace(".png", "x2.png")
        Image.fromarray(to_uint8(small)).save(folder / name)
    return folder


@pytest.mark.slow
def test_twins_of_a_set_are_used_as_they_are(tmp_path, picture_folder, twin_folder):
    reports = [
        evaluation.evaluate(
            ["upscale_x2"],
            data=[picture_folder],
            output=tmp_path / f"{number}.json",
            low_resolution=twins,
        )["tasks"]["upscale_x2"]
        for number, twins in enumerate((None, [twin_folder]))
    ]
    ours, theirs = (report["settings"]["bicubic 1/2"] for report in reports)
    assert ours == theirs
    assert "block_steps" not in reports[1], "nothing of a set was compressed"
    steps = reports[0]["block_steps"]["bicubic 1/2, JPEG 75"]
    assert steps["truth"] < steps["network"] < steps["degraded"]
    # Another small picture is another input.
    dark = twin_folder / "catx2.png"
    Image.open(dark).point(lambda value: value // 2).save(dark)
    spoilt = evaluation.evaluate(
        ["upscale_x2"],
        data=[picture_folder],
        output=tmp_path / "spoilt.json",
        low_resolution=[twin_folder],
    )["tasks"]["upscale_x2"]["settings"]
    assert list(spoilt) == ["bicubic 1/2"], "what the set is, and nothing made by us"
    assert spoilt["bicubic 1/2"]["network"]["psnr"] < ours["network"]["psnr"] - 1


def test_twins_are_found_by_name_and_checked_for_size():
    clean = {"HR/img_1.png": np.zeros((8, 12, 3)), "HR/img_10.png": np.ones((8, 12, 3))}
    small = {f"LR/img_{n}_x2.png": np.full((4, 6, 3), n) for n in (1, 10)}
    assert [twin[0, 0, 0] for twin in match_lr_images(clean, small, 2)] == [1, 10]
    with pytest.raises(DataError, match="2 rows and 3 columns at scale 4, found img_1_x2 4 x 6"):
        match_lr_images(clean, small, 4)
    both = {"LR/birdsx2.png": np.zeros((4, 6, 3)), "LR/bird_LRBI_x2.png": np.ones((4, 6, 3))}
    both |= {"LR/bird_LRBI_x4.png": np.ones((2, 3, 3)), "LR/birds_x4.png": np.zeros((2, 3, 3))}
    birds = {"HR/bird.png": np.ones((8, 12, 3)), "HR/birds.png": np.zeros((8, 12, 3))}
    for scale in (2, 4):
        assert [twin[0, 0, 0] for twin in match_lr_images(birds, both, scale)] == [1, 0]
    beside = {"img_001_SRF_2_LR.png": np.ones((4, 6, 3)), "img_001_SRF_2_HR.png": np.zeros((8, 12))}
    (twin,) = match_lr_images({"img_001_SRF_2_HR.png": np.zeros((8, 12, 3))}, beside, 2)
    assert twin.shape == (4, 6, 3)
    with pytest.raises(DataError, match="img_10 has no low-resolution copy"):
        match_lr_images(clean, {"LR/img_1_x2.png": np.zeros((4, 6, 3))}, 2)


@pytest.mark.slow
def test_benchmark_times_networks_and_references_side_by_side(capsys):
    found = benchmark.benchmark(rounds=1, side=128)
    rows = {row["name"]: row for row in found}
    forms = [(row["name"], row["dtype"]) for row in found]
    assert len(set(forms)) == len(forms)
    for task_id in TASKS:
        assert (task_id, resolve_dtype_name(task_id)) in forms
        assert ((task_id, "int8") in forms) == has_fast_int8()
    assert set(rows) > set(TASKS)
    stack = rows["17 convolutions of 64"]
    assert stack["times_dncnn"] == 1
    # 558 thousand multiply-adds a pixel against a few additions.
    assert rows["bicubic x2"]["seconds_per_megapixel"] < stack["seconds_per_megapixel"] / 10
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(found)
    # Three feature maps of 32 channels in float32 are the least that it holds at a time.
    assert benchmark._peak_megabytes("denoise", "float32", 512) > 3 * 32 * 4 * 0.512**2


def test_benchmark_keeps_its_rows_for_the_card(monkeypatch, tmp_path):
    row = {
        "dtype": "int8",
        "seconds_per_megapixel": 1.25,
        "times_dncnn": 0.5,
        "megabytes_per_megapixel": 321,
    }
    rows = [{"name": name, **row} for name in ("denoise", "17 convolutions of 64")]
    monkeypatch.setattr(benchmark, "benchmark", lambda *_: rows)
    monkeypatch.setattr(benchmark, "compare_rewrites", lambda *_: {})
    monkeypatch.setattr(benchmark, "rounding_differences", lambda *_: {})
    measured = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(measured), encoding="utf-8")
    assert command_line.main(["benchmark", "--metrics", str(path)]) == 0
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["benchmark"]["rows"] == rows
    assert kept["tasks"] == measured["tasks"]
    assert kept["benchmark"]["measured"]["threads"] == torch.get_num_threads()
    write_card(path, tmp_path / "README.md")
    assert "| denoise | int8 | 1.25 | 0.50 | 321 |" in (tmp_path / "README.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.slow
@pytest.mark.parametrize("task_id", TASKS)
def test_coarser_numbers_change_a_finished_picture_by_less_than_a_gray_level(task_id):
    differences = benchmark.rounding_differences(task_id)
    assert differences.keys() == {"bfloat16", *(["int8"] * has_fast_int8())}
    assert all(0 < difference["mean"] < 1 for difference in differences.values())
    assert all(found["largest"] > found["mean"] for found in differences.values())


@pytest.mark.slow
def test_rewritten_networks_are_timed_and_equal(capsys):
    found = benchmark.compare_rewrites(rounds=1, side=128)
    assert set(found) == set(TASKS)
    for form in found.values():
        assert form["difference"] < 1e-5
        assert 0.1 < form["inplace"] < 10
        assert 0.1 < form["subpixel"] < 10


def test_damaged_weights_end_with_a_sentence(monkeypatch, tmp_path, picture_folder, capsys):
    (tmp_path / "upscale_x2.safetensors").write_bytes(b"cut" * 50)
    monkeypatch.setattr(weights, "WEIGHTS_DIR", tmp_path)
    output = tmp_path / "metrics.json"
    output.write_text('{"tasks": {"upscale_x2": {"kept": 1}}}', encoding="utf-8")
    folders = ["--data", str(picture_folder), "--output", str(output)]
    assert command_line.main(["evaluate", "--tasks", "upscale_x2", *folders]) == 2
    printed = capsys.readouterr().err
    assert "upscale_x2.safetensors cannot be read" in printed
    assert printed.count("\n") == 1
    assert json.loads(output.read_text()) == {"tasks": {"upscale_x2": {"kept": 1}}}
