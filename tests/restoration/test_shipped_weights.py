"""The weights that ship: as recorded, small, fitting, and better than doing nothing."""

import json

import pytest
import torch
from safetensors import safe_open
from torch import Generator

from deconv_demo.classical.metrics import crop_border, psnr, y_channel
from deconv_demo.networks.restorers import bicubic_upscale
from deconv_demo.networks.weight_files import (
    read_header,
    read_tensors,
    sha256,
)
from deconv_demo.restoration import weights
from deconv_demo.restoration.guide import wiener_guide
from deconv_demo.restoration.weights import load_into, load_model, recorded_sha256
from deconv_demo.tasks import TASKS, Recipe
from deconv_demo.training.data import to_gray

MAX_FILE = 10_000_000


# Decibels that each network must add to each of three photographs over the degraded picture
# (over bicubic, on luma, for upscales). Well below what they reach, so that any training run
# worth shipping passes and a half-loaded or wrong file does not.
MIN_GAIN_DB = {
    ("denoise", "sigma 15"): 5.0,
    ("denoise", "sigma 25"): 7.0,
    ("denoise", "grey, sigma 25"): 6.5,
    ("denoise", "sigma 50"): 9.0,
    ("denoise", "camera, little light"): 3.0,
    ("denoise", "camera, hardly any light"): 5.5,
    ("denoise", "camera, little light, JPEG 90"): 1.0,
    ("deblur", "Gaussian 1.0"): 0.5,
    ("deblur", "motion 9 px"): 1.0,
    ("deblur", "Gaussian 1.6"): 1.0,
    ("deblur", "Gaussian 1.6, JPEG 75"): 0.3,
    ("deblur", "Gaussian 2.4"): 0.5,
    ("deblur", "motion 15 px"): 1.0,
    ("deblur", "defocus 3 px"): 0.5,
    # Crops this small show no shake: nothing is undone, and nothing must be lost.
    ("deblur", "shake 13 px"): -1.5,
    ("deblur", "shake 20 px"): -1.5,
    ("jpeg", "quality 10"): 0.5,
    ("jpeg", "quality 20"): 0.5,
    ("jpeg", "quality 40"): 0.5,
    ("jpeg", "quality 75"): 0.5,
    ("jpeg", "quality 95"): 0.0,
    ("jpeg", "quality 10, cropped, then 50"): 0.7,
    # One blur is read for both halves; what is gained in one may be lost in the other.
    ("deblur", "left half motion 9 px, right half sharp"): -1.0,
    ("upscale_x2", "bicubic 1/2"): 1.0,
    # Bicubic enlargement smooths blocks, and on one of these soft crops that is worth more than
    # detail; a network that has never seen a JPEG file falls short of it by more.
    ("upscale_x2", "bicubic 1/2, JPEG 75"): -0.3,
    ("upscale_x4", "bicubic 1/4"): 0.5,
    ("upscale_x4", "bicubic 1/4, JPEG 75"): -0.25,
}


@pytest.fixture
def shipped(request):
    """Path of the shipped file of a task."""
    load_model.cache_clear()
    return weights.WEIGHTS_DIR / f"{request.param}.safetensors"


shipped_files = pytest.mark.parametrize(
    ("task_id", "shipped"), [(task_id, task_id) for task_id in TASKS], indirect=["shipped"]
)


@shipped_files
def test_shipped_file_is_the_recorded_one(task_id, shipped):
    assert sha256(shipped) == recorded_sha256(task_id)
    recorded = json.loads((weights.WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    assert recorded["tasks"][task_id]["bytes"] == shipped.stat().st_size
    assert set(recorded["tasks"][task_id]["settings"]) == {
        s.name for s in TASKS[task_id].benchmark_cases
    }


@shipped_files
def test_shipped_file_is_float16_and_small(task_id, shipped):
    assert shipped.stat().st_size < MAX_FILE
    with safe_open(shipped, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert all(tensor.isfinite().all() for tensor in tensors.values())


@shipped_files
def test_shipped_file_fits_strictly(task_id, shipped):
    model = TASKS[task_id].build()
    assert read_tensors(shipped).keys() == model.state_dict().keys()
    load_into(model, shipped)


@shipped_files
def test_shipped_header_is_the_table(task_id, shipped):
    header = read_header(shipped)
    assert header["task_id"] == task_id
    described = TASKS[task_id].describe()
    assert header["network"] == described["network"]
    # Files of before a field was added lack it, and were trained as if it said this.
    before = {"optimiser": "adam", "grey_share": 0.0, "reduced_share": 0.0, "luma_share": 0.0}
    assert Recipe(**before | json.loads(header["recipe"])) == TASKS[task_id].recipe
    assert json.loads(header["runs"]), "a file says how it was trained"


def test_a_gain_is_asked_of_every_setting():
    assert set(MIN_GAIN_DB) == {
        (t, s.name) for t, task in TASKS.items() for s in task.benchmark_cases
    }


@pytest.mark.parametrize(("task_id", "setting_name"), MIN_GAIN_DB)
def test_shipped_network_gains(task_id, setting_name, photos):
    task, model = TASKS[task_id], load_model(task_id)
    case = next(case for case in task.benchmark_cases if case.name == setting_name)
    for index, (photo, clean) in enumerate(photos.items()):
        clean = to_gray(clean) if case.gray else clean
        degraded, condition, target = case.degrade(clean, Generator().manual_seed(index))
        clean = clean if target is None else target
        condition = wiener_guide(degraded) if task.guided else condition
        with torch.inference_mode():
            restored = model(degraded) if condition is None else model(degraded, condition)
        before = degraded if task.scale == 1 else bicubic_upscale(degraded, task.scale)
        pictures = [image.clamp(0, 1).mul(255).round().div(255) for image in (before, restored)]
        if task.y_channel_metric:
            pictures = [crop_border(y_channel(image), task.scale) for image in pictures]
            clean = crop_border(y_channel(clean), task.scale)
        psnr_before, psnr_after = (psnr(image, clean) for image in pictures)
        assert psnr_after - psnr_before >= MIN_GAIN_DB[task_id, setting_name], photo
