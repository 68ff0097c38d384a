"""The file of ranges: kept by task, believed for the weights they are of, measured by a command."""

import pytest
import skimage.data
import torch
from PIL import Image

from deconv_demo.networks.activation_ranges import ActivationRange, read_ranges, save_ranges
from deconv_demo.networks.weight_files import read_header, read_tensors, save_weights
from deconv_demo.restoration.weights import RANGES_FILE, WEIGHTS_DIR, find_weights, load_model
from deconv_demo.training import __main__ as command_line
from deconv_demo.training.calibration import _examples


@pytest.mark.parametrize("change", ["one number", "one tensor less"])
def test_ranges_that_were_changed_are_not_believed(tmp_path, change):
    path, weights = tmp_path / "ranges.safetensors", tmp_path / "a.safetensors"
    save_weights(weights, {"a": torch.zeros(1)}, {})
    one = ActivationRange(low=-torch.ones(3), high=torch.arange(3.0), hidden=torch.ones(3))
    save_ranges(path, "upscale_x2", {"trunk.0": one}, weights=weights)
    tensors, header = read_tensors(path), read_header(path)
    if change == "one number":
        tensors["upscale_x2/trunk.0/high"][1] = 99
    else:
        del tensors["upscale_x2/trunk.0/low"]
    save_weights(path, tensors, header)
    assert read_ranges(path, "upscale_x2", weights=weights) is None


def test_ranges_are_kept_for_each_task_and_only_for_its_weights(tmp_path):
    path, weights = tmp_path / "ranges.safetensors", tmp_path / "a.safetensors"
    save_weights(weights, {"a": torch.zeros(1)}, {})
    one = {
        "trunk.0": ActivationRange(low=-torch.ones(3), high=torch.arange(3.0), hidden=torch.ones(3))
    }
    save_ranges(path, "upscale_x2", one, weights=weights)
    save_ranges(path, "upscale_x4", {"trunk.1": one["trunk.0"]}, weights=weights)
    found = read_ranges(path, "upscale_x2", weights=weights)
    assert found.keys() == {"trunk.0"}
    assert torch.equal(found["trunk.0"].high, torch.arange(3.0))
    assert read_ranges(path, "upscale_x4", weights=weights).keys() == {"trunk.1"}
    assert read_ranges(path, "denoise", weights=weights) is None
    save_weights(weights, {"a": torch.ones(1)}, {})
    assert read_ranges(path, "upscale_x2", weights=weights) is None


@pytest.mark.parametrize("damage", ["absent", "cut"])
def test_without_readable_ranges_networks_run_in_floating_point(damage, tmp_path):
    path = tmp_path / "ranges.safetensors"
    if damage == "cut":
        path.write_bytes((WEIGHTS_DIR / RANGES_FILE).read_bytes()[:1000])
    assert read_ranges(path, "denoise", weights=find_weights("denoise")) is None


@pytest.mark.slow
def test_the_command_measures_on_photographs(tmp_path, capsys):
    path = tmp_path / "ranges.safetensors"
    for name in ("cat", "astronaut"):
        Image.fromarray(getattr(skimage.data, name)()).save(tmp_path / f"{name}.png")
    asked = ["ranges", "--data", str(tmp_path), "--tasks", "upscale_x4", "--output", str(path)]
    assert command_line.main(asked) == 0
    assert "upscale_x4: ranges of 8 blocks on 2 pictures" in capsys.readouterr().out
    found = read_ranges(path, "upscale_x4", weights=find_weights("upscale_x4"))
    for name, shipped in load_model("upscale_x4").ranges.items():
        # Two photographs reach nearly as far as many, none of them much further.
        share = found[name].high / shipped.high
        assert 0.3 < share.median() < 1
        assert share.max() < 1.5


def test_only_a_guided_network_is_measured_on_half_sharp_pictures(photo_pixels, photos):
    pictures = [photo_pixels["cat"], photo_pixels["coffee"]]
    alone, halves = [*_examples("denoise", pictures)], [*_examples("deblur", pictures)][1::2]
    assert len(alone) == len(halves) == len(pictures)
    for name, (image, guide) in zip(("cat", "coffee"), halves, strict=True):
        left, right = (image - photos[name]).abs().mean(dim=(0, 1, 2)).split(64)
        assert right.mean() < 3 / 255  # nothing but noise
        assert left.mean() > 2 * right.mean()
        assert guide.shape == image.shape
