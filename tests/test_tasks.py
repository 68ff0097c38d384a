"""The table of tasks: what it says can be built, trained on, shown and written down."""

import dataclasses
import json
import re

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Generator

from deconv_demo.__main__ import TASK_IDS
from deconv_demo.degradations import blur, jpeg_quality, task_degradations
from deconv_demo.networks import restorers
from deconv_demo.restoration.tiling import count_tiles
from deconv_demo.tasks import TASKS

SETTINGS = [
    (task_id, case.name) for task_id, task in TASKS.items() for case in task.benchmark_cases
]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_the_command_line_knows_the_same_tasks():
    assert (
        tuple(TASKS)
        == TASK_IDS
        == (
            "denoise",
            "deblur",
            "jpeg",
            "upscale_x2",
            "upscale_x4",
        )
    )


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        TASKS["sharpen"] = TASKS["deblur"]
    with pytest.raises(TypeError):
        del TASKS["denoise"]
    for task in TASKS.values():
        for entry in (task, task.recipe, *task.controls, *task.benchmark_cases):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(entry, dataclasses.fields(entry)[0].name, None)


@pytest.mark.parametrize("task_id", TASKS)
def test_the_description_is_enough_to_build_the_network(task_id):
    task = TASKS[task_id]
    description = json.loads(json.dumps(task.describe()))
    assert all(isinstance(value, str) for value in description.values()), "a header holds text"
    network = json.loads(description["network"])
    rebuilt = getattr(restorers, network.pop("class"))(**network)
    shapes = {name: tensor.shape for name, tensor in task.build().state_dict().items()}
    assert {name: tensor.shape for name, tensor in rebuilt.state_dict().items()} == shapes
    assert json.loads(description["recipe"]) == dataclasses.asdict(task.recipe)


def test_descriptions_differ_where_networks_do():
    """Those of noise and of JPEG artifacts are built alike, and told a level both."""
    described = [task.describe()["network"] for task in TASKS.values()]
    assert len(set(described)) == len(described) - 1
    assert TASKS["denoise"].describe()["network"] == TASKS["jpeg"].describe()["network"]


@pytest.mark.parametrize("task_id", TASKS)
def test_controls(task_id):
    for control in TASKS[task_id].controls:
        assert control.minimum < control.maximum
        assert 0 < control.step < control.maximum - control.minimum
        assert control.default is None or control.minimum <= control.default <= control.maximum
        assert control.shown_per_unit > 0
    names = [control.name for control in TASKS[task_id].controls]
    expected = {"denoise": ["sigma", "strength"], "jpeg": ["quality"]}.get(task_id, [])
    assert names == [*expected, *(["amount"] if TASKS[task_id].scale == 1 else [])]


def test_the_default_of_denoise_is_to_estimate():
    assert TASKS["denoise"].controls[0].default is None
    assert TASKS["deblur"].controls[0].default == 1


@pytest.mark.parametrize(("task_id", "name"), SETTINGS)
def test_settings_degrade_to_the_right_size(task_id, name, random_image):
    task = TASKS[task_id]
    case = next(case for case in task.benchmark_cases if case.name == name)
    clean = random_image(32, 40, batch=2)
    degraded, sigma, target = case.degrade(clean, seeded())
    assert degraded.shape == (2, 3, 32 // task.scale, 40 // task.scale)
    assert degraded.min() >= 0
    assert degraded.max() <= 1
    assert (degraded.mul(255) - degraded.mul(255).round()).abs().max() < 1e-3, "not 8-bit"
    assert task.scale > 1 or not torch.equal(degraded, clean)
    assert torch.equal(degraded, case.degrade(clean, seeded())[0])
    if "sigma" in name:
        level = int(name.split("sigma ")[1])
        assert sigma.tolist() == pytest.approx([level / 255] * 2)
    elif task_id == "jpeg":
        worst = min(int(number) for number in re.findall(r"\d+", name))
        assert [jpeg_quality(level) for level in sigma.tolist()] == pytest.approx([worst] * 2)
    elif task.build.keywords.get("noise_level_map"):
        rms = (degraded - target).square().mean(dim=(1, 2, 3)).sqrt()
        torch.testing.assert_close(sigma, rms)
        assert (sigma > 1 / 255).all()
    else:
        assert sigma is None


@pytest.mark.parametrize("task_id", TASKS)
def test_the_names_of_settings_are_unique(task_id):
    names = [case.name for case in TASKS[task_id].benchmark_cases]
    assert names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("task_id", TASKS)
def test_training_damage(task_id, random_image):
    task = TASKS[task_id]
    clean = random_image(32, 48, batch=4)
    degraded, sigma, *_ = task.degrade(clean, seeded())
    assert degraded.shape == (4, 3, 32 // task.scale, 48 // task.scale)
    assert degraded.min() >= 0
    assert degraded.max() <= 1
    assert torch.equal(degraded, task.degrade(clean, seeded())[0])
    if task.build.keywords.get("noise_level_map"):
        assert sigma.shape == (4,)
        assert len(set(sigma.tolist())) == 4, "each image has a level of its own"
    else:
        assert sigma is None


def test_white_noise_is_trained_from_none_to_55(monkeypatch):
    monkeypatch.setattr(task_degradations, "PLAIN_PROB", 1)
    clean = torch.full((2000, 3, 2, 2), 0.5)
    _, sigma, *_ = TASKS["denoise"].degrade(clean, seeded())
    assert 0 <= sigma.min() < 0.5 / 255
    assert 54.5 / 255 < sigma.max() <= 55 / 255
    assert sigma.mean().item() * 255 == pytest.approx(27.5, abs=1)


@pytest.mark.parametrize("task_id", ["upscale_x2", "upscale_x4"])
def test_a_quarter_of_what_upscalers_see_is_worn(task_id, random_image):
    task = TASKS[task_id]
    clean = random_image(48, 48, batch=300)
    expected, *_ = task.benchmark_cases[0].degrade(clean, seeded())
    degraded, *_ = task.degrade(clean, seeded())
    worn = (degraded != expected).flatten(1).any(dim=1).float().mean().item()
    assert worn == pytest.approx(0.235, abs=0.06), "0.15 compressed, 0.10 noisy, some of them both"


def test_the_noise_told_is_the_noise_added():
    clean = torch.full((3, 3, 64, 64), 0.5)
    degraded, sigma, target = TASKS["denoise"].degrade(clean, seeded(1))
    measured = (degraded - target).flatten(1).std(dim=1)
    torch.testing.assert_close(measured, sigma, rtol=0.05, atol=0.5 / 255)


def test_upscales_have_no_control_and_are_judged_on_luma():
    for task_id, task in TASKS.items():
        assert (task.scale > 1) == task_id.startswith("upscale"), task_id
        assert task.y_channel_metric == (task.scale > 1 or task_id == "jpeg"), task_id
    assert (TASKS["upscale_x2"].scale, TASKS["upscale_x4"].scale) == (2, 4)


@pytest.mark.parametrize(("task_id", "name"), SETTINGS)
def test_the_baseline_gives_the_size_of_the_result(task_id, name, random_image):
    task = TASKS[task_id]
    case = next(case for case in task.benchmark_cases if case.name == name)
    degraded, sigma, *_ = case.degrade(random_image(32, 40), seeded())
    restored = task.baseline(degraded, sigma)
    assert restored.shape == (1, 3, 32, 40)
    assert restored.dtype == torch.float32
    assert restored.min() >= 0
    assert restored.max() <= 1
    assert task.baseline_name


@pytest.mark.parametrize("task_id", TASKS)
def test_tiles_are_long_enough(task_id):
    task = TASKS[task_id]
    cut = {"max_pixels": task.tile_pixels, "context": task.tile_context}
    assert count_tiles(1500, 1500, multiple=task.build().size_multiple, **cut) > 1


BLURS = [case.name for case in TASKS["deblur"].benchmark_cases if case.kernel is not None]
SHAPED = [name for name in BLURS if not name.startswith("shake")]


def of_blur(name):
    return next(case for case in TASKS["deblur"].benchmark_cases if case.name == name)


@pytest.mark.parametrize("name", sorted(set(BLURS) - set(SHAPED)))
def test_a_shake_reaches_as_far_as_its_name_says(name):
    kernel = of_blur(name).kernel
    assert kernel.shape == (31, 31)
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    rows, columns = (kernel > 0.02 * kernel.max()).nonzero().unbind(1)
    extent = max((places.max() - places.min() + 1).item() for places in (rows, columns))
    assert extent == pytest.approx(int(re.search(r"\d+", name).group()), abs=2)


@pytest.mark.parametrize("name", SHAPED)
def test_a_blur_is_as_wide_as_its_name_says(name):
    kernel = of_blur(name).kernel.double()
    size = float(re.search(r"\d+(\.\d)?", name).group())
    offsets = torch.arange(len(kernel)).double() - len(kernel) // 2
    rows, columns = kernel.sum(1), kernel.sum(0)
    assert (rows @ offsets).abs() < 0.05
    assert (columns @ offsets).abs() < 0.05
    spread = (rows @ offsets.square() + columns @ offsets.square()).sqrt().item()
    # Of a Gaussian, of points along a line (a bent one is a little shorter), and in a disc.
    kinds = {"Gaussian": size * 2**0.5, "motion": size / 12**0.5, "defocus": size / 2**0.5}
    assert spread == pytest.approx(kinds[name.split()[0]], rel=0.06)


@pytest.mark.parametrize("name", BLURS)
def test_a_blurred_setting_is_its_kernel_and_noise(name, photos):
    case, clean = of_blur(name), photos["cat"] / 2 + 0.25  # so that nothing is clipped
    degraded, *_ = case.degrade(clean, seeded())
    blurred = [
        scipy.ndimage.convolve(channel, case.kernel.numpy(), mode="nearest")
        for channel in clean[0].numpy()
    ]
    left = degraded[0].numpy() - np.stack(blurred)
    if case.is_jpeg:
        assert 1 < left.std() * 255 < 5
    else:
        assert left.std() * 255 == pytest.approx((2.55**2 + 1 / 12) ** 0.5, rel=0.02)


def test_one_half_is_blurred_and_the_other_is_not(photos):
    case, clean = of_blur("left half motion 9 px, right half sharp"), photos["cat"] / 2 + 0.25
    degraded, *_ = case.degrade(clean, seeded())
    moved = blur(clean, of_blur("motion 9 px").kernel)
    noise = (2.55**2 + 1 / 12) ** 0.5
    for truth, columns in ((moved, slice(None, 56)), (clean, slice(72, None))):
        left = (degraded - truth)[..., columns].std() * 255
        assert left.item() == pytest.approx(noise, rel=0.03)


def test_some_training_crops_of_the_deblurrer_have_two_blurs(monkeypatch):
    dots = torch.zeros(120, 3, 48, 48)
    dots[..., 24, 6] = dots[..., 24, 42] = 1
    drawn = []
    monkeypatch.setattr(task_degradations, "random_jpeg", lambda image, *_, **__: image)
    monkeypatch.setattr(
        task_degradations,
        "add_gaussian_noise",
        lambda image, *_: drawn.append(image) or image,
    )
    TASKS["deblur"].degrade(dots, seeded())
    left, right = drawn[0][:, 0, :, :14], drawn[0][:, 0, :, -11:]
    unlike = (left[..., 1:12] - right).abs().amax(dim=(1, 2)) > 0.01
    assert 0.05 < unlike.float().mean() < 0.3, "a quarter, some of whose lines meet neither dot"


def test_noise_is_as_strong_as_its_name_says():
    clean = torch.full((1, 3, 200, 200), 0.5)
    for case in TASKS["denoise"].benchmark_cases:
        if "sigma" not in case.name:
            continue
        level = float(case.name.split()[-1])
        degraded, sigma, *_ = case.degrade(clean, seeded())
        assert sigma.item() * 255 == pytest.approx(level)
        # Half of 255 is 2.55 standard deviations away from noise of 50: little is clipped.
        assert (degraded - clean).std().item() * 255 == pytest.approx(level, rel=0.02)
