"""One tile through a network: what it is told, and the mean over flips and turns."""

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from support.stand_ins import Given, random_picture, same_pixels, use_tiny_networks

from deconv_demo.classical import psnr
from deconv_demo.pictures import to_image
from deconv_demo.restoration.condition import Condition, interpolate, level_map
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.restoration.tile_runner import SYMMETRIES, TileRunner, mirror_around, turn
from deconv_demo.tasks import TASKS


def runner_of(model, *, careful, scale=1, condition=None):
    return TileRunner(
        model=model,
        device=torch.device("cpu"),
        dtype=torch.float32,
        scale=scale,
        condition=condition or Condition(),
        careful=careful,
        has_fallen_back=[],
    )


def test_careful_is_the_mean_over_all_flips_and_turns():
    """Of a network that favours one direction, worked out with numpy."""
    tile = np.random.default_rng(0).integers(0, 256, (20, 28, 3), dtype=np.uint8)
    model = Given(lambda image: image.roll(1, dims=-1))
    found = runner_of(model, careful=True)(tile)
    assert len(model.calls) == 8
    padded = np.pad(tile.astype(float), ((4, 4), (4, 4), (0, 0)), mode="reflect")
    moved = [np.roll(padded, shift, axis) for axis in (0, 1) for shift in (1, -1)]
    expected = np.mean(moved, axis=0)[4:-4, 4:-4]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_eight_symmetries_are_different():
    image = torch.rand(1, 1, 4, 4)
    seen = {tuple(turn(image, t, mirrored=m).flatten().tolist()) for t, m in SYMMETRIES}
    assert len(seen) == 8


@pytest.mark.parametrize("task_id", TASKS)
def test_careful_gives_a_picture_of_the_same_size(task_id, monkeypatch):
    use_tiny_networks(monkeypatch)
    picture = random_picture((61, 40))
    plain = enhance(picture, task_id)
    careful = enhance(picture, task_id, careful=True)
    assert careful.after.size == plain.after.size
    assert careful.facts["careful"]
    assert "careful" not in plain.facts


@pytest.mark.parametrize("task_id", ["denoise", "jpeg", "upscale_x2"])
def test_careful_is_better(task_id):
    task = TASKS[task_id]
    clean = to_image(Image.fromarray(skimage.data.astronaut()[:240, :320]))
    case = task.benchmark_cases[1 if task_id == "denoise" else 0]
    degraded, level, _ = case.degrade(clean, torch.Generator().manual_seed(0))
    pixels = degraded[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    controls = {} if level is None else task.level_controls(level.item())
    results = [
        enhance(Image.fromarray(pixels), task_id, careful=careful, **controls).after
        for careful in (False, True)
    ]
    plain, careful = (psnr(to_image(result), clean) for result in results)
    assert careful > plain


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (40, 30)])
def test_a_margin_is_mirrored_where_there_is_enough_to_mirror(size):
    image = torch.rand(1, 3, *size)
    wide = mirror_around(image, 4)
    assert wide.shape[-2:] == (size[0] + 8, size[1] + 8)
    assert torch.equal(wide[..., 4:-4, 4:-4], image)
    if min(size) > 4:
        assert torch.equal(wide[..., :4, 4:-4], image[..., 1:5, :].flip(-2))


def test_the_strength_follows_the_brightness():
    """A ramp from black to white: at each of five brightnesses the level told for it."""
    levels = (0.01, 0.02, 0.03, 0.04, 0.05)
    ramp = torch.linspace(0, 1, 201).expand(1, 3, 30, 201)
    told = level_map(ramp, Condition(level=0.03, by_brightness=levels))
    assert told.shape == (1, 1, 30, 201)
    for brightness, level in zip((0.1, 0.3, 0.5, 0.7, 0.9), levels, strict=True):
        at = round(200 * brightness)
        assert told[0, 0, 15, at].item() == pytest.approx(level, rel=1e-3)
    expected = np.interp([0.0, 0.2, 0.61, 1.0], (0.1, 0.3, 0.5, 0.7, 0.9), levels)
    found = interpolate(torch.tensor([0.0, 0.2, 0.61, 1.0]), levels)
    assert found.tolist() == pytest.approx(expected.tolist())
    assert level_map(ramp, Condition(level=0.03)).tolist() == pytest.approx([0.03])


def test_a_map_of_one_level_is_that_level():
    """The network cannot tell them apart."""
    model = TASKS["denoise"].build().eval()
    image = torch.rand(1, 3, 40, 52)
    with torch.inference_mode():
        same = model(image, torch.tensor([0.1]))
        mapped = model(image, torch.full((1, 1, 40, 52), 0.1))
    torch.testing.assert_close(mapped, same)


def test_strength_scales_what_was_read():
    picture = Image.fromarray(
        (128 + np.random.default_rng(0).normal(0, 15, (96, 96, 3))).clip(0, 255).astype(np.uint8)
    )
    read = enhance(picture, "denoise").facts
    half = enhance(picture, "denoise", strength=0.5).facts
    assert half["sigma"] == read["sigma"], "what was read is told, not what became of it"
    assert half["level_by_brightness"] == read["level_by_brightness"]
    assert TASKS["denoise"].level_of(half) == pytest.approx(read["sigma"] / 2)
    full, weak = (
        np.asarray(enhance(picture, "denoise", strength=strength).after, float).std()
        for strength in (1.0, 0.3)
    )
    assert full < weak, "the weaker, the more of the noise stays"
    told = enhance(picture, "denoise", sigma=20 / 255, strength=0.5)
    assert same_pixels(told.after, enhance(picture, "denoise", sigma=10 / 255).after)
