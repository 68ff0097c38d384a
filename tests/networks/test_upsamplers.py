"""The six upsamplers: alike but for one layer, trained by a command, shipped and checked."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from deconv_demo.classical.metrics import psnr
from deconv_demo.convolution.checkerboard import checkerboard_db
from deconv_demo.degradations import bicubic_downsample_8bit
from deconv_demo.networks.upsamplers import (
    WIDTHS,
    SmallUpsampler,
    build_upsamplers,
    icnr_init_,
)
from deconv_demo.networks.weight_files import WeightsError, read_header, read_tensors, sha256
from deconv_demo.restoration import weights
from deconv_demo.restoration.weights import WEIGHTS_DIR, load_upsamplers
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import upsamplers as training
from deconv_demo.training.data import pixels_to_image

SHIPPED = WEIGHTS_DIR / weights.UPSAMPLERS_FILE


@pytest.mark.parametrize("kind", WIDTHS)
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (16, 3)])
def test_every_kind_doubles_any_size(kind, size, random_image):
    enlarged = SmallUpsampler(kind)(random_image(*size))
    assert enlarged.shape == (1, 3, 2 * size[0], 2 * size[1])


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="transposed_4.*got 'deconv'"):
        SmallUpsampler("deconv")


def test_all_are_of_about_one_size():
    counts = [
        sum(p.numel() for p in network.parameters()) for network in build_upsamplers(0).values()
    ]
    assert max(counts) / min(counts) < 1.06
    assert all(5_700 < count < 6_300 for count in counts)


def test_every_parameter_learns(random_image):
    for network in build_upsamplers(0).values():
        network(random_image(8, 8)).square().mean().backward()
        assert all(p.grad is not None and p.grad.any() for p in network.parameters())


def test_a_seed_repeats_and_leaves_other_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = build_upsamplers(1).state_dict(), build_upsamplers(1).state_dict()
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = build_upsamplers(2).state_dict()
    assert not torch.equal(first["nearest.tail.weight"], other["nearest.tail.weight"])


def test_icnr_starts_as_nearest_neighbor(random_image):
    layer = nn.Conv2d(3, 18, kernel_size=3, padding=1)
    features = random_image(6, 7)
    icnr_init_(layer, 3)
    shuffled = F.pixel_shuffle(layer(features), 3)
    one_of_nine = F.conv2d(features, layer.weight[::9], layer.bias[::9], padding=1)
    torch.testing.assert_close(shuffled, F.interpolate(one_of_nine, scale_factor=3))


def test_before_training_icnr_has_no_grid_and_plain_pixel_shuffle_has(photos):
    small, networks = bicubic_downsample_8bit(photos["astronaut"], 2), build_upsamplers(0)
    grids = {
        kind: checkerboard_db(networks[kind](small)[0], 2) for kind in ("shuffle", "shuffle_icnr")
    }
    assert grids["shuffle"] > grids["shuffle_icnr"] + 15


def test_shipped_weights_are_checked_small_and_told_how_they_were_made():
    metrics = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    entry, header = metrics["upsamplers"], read_header(SHIPPED)
    assert entry["sha256"] == sha256(SHIPPED)
    assert entry["bytes"] == SHIPPED.stat().st_size < 200_000
    assert json.loads(header["networks"])["widths"] == WIDTHS
    assert header["steps"] == str(entry["steps"])
    assert header["seed"] == str(entry["seed"])
    assert entry["validation"] == json.loads(header["validation"])
    assert entry["validation"].keys() == WIDTHS.keys()


def test_shipped_networks_enlarge_photographs(photos):
    for name, clean in photos.items():
        small = bicubic_downsample_8bit(clean, 2)
        repeated = psnr(F.interpolate(small, scale_factor=2), clean)
        for kind, network in load_upsamplers().items():
            assert psnr(network(small).clamp(0, 1), clean) > repeated + 0.3, (name, kind)


@pytest.mark.slow
def test_resizing_first_leaves_the_least_grid(photos):
    def grid(kind):
        readings = [
            checkerboard_db(load_upsamplers()[kind](bicubic_downsample_8bit(clean, 2))[0], 2)
            for clean in photos.values()
        ]
        return sum(readings) / len(readings)

    for resized in ("nearest", "bilinear"):
        for kind in ("transposed_3", "transposed_4", "shuffle"):
            assert grid(resized) < grid(kind) - 1, (resized, kind)


def test_missing_or_altered_weights(empty_weights):
    with pytest.raises(WeightsError, match=r"weights/upsamplers\.safetensors is not there"):
        load_upsamplers()
    content = bytearray(SHIPPED.read_bytes())
    path = empty_weights / SHIPPED.name
    path.write_bytes(content)
    recorded = {"upsamplers": {"sha256": sha256(path)}}
    (empty_weights / "metrics.json").write_text(json.dumps(recorded), encoding="utf-8")
    load_upsamplers()
    load_upsamplers.cache_clear()
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or has been changed"):
        load_upsamplers()


@pytest.mark.slow
def test_the_command_trains_repeats_and_records(tmp_path, picture_folder, monkeypatch):
    monkeypatch.setattr(training, "VALIDATION_CROP", 48)
    files = [tmp_path / run / "upsamplers.safetensors" for run in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        arguments = ["--data", str(picture_folder), "--steps", "12", "--seed", "3"]
        assert command_line.main(["upsamplers", *arguments, "--weights", str(file)]) == 0
    first, second = (read_tensors(file) for file in files)
    assert all(torch.equal(first[name], second[name]) for name in first)
    start = build_upsamplers(3).state_dict()
    assert not any(torch.allclose(first[name], start[name], atol=1e-4) for name in first)
    entry = json.loads(files[0].with_name("metrics.json").read_text(encoding="utf-8"))["upsamplers"]
    assert entry["sha256"] == sha256(files[0])
    assert (entry["steps"], entry["seed"]) == (12, 3)


def test_they_are_judged_on_pictures_that_were_halved_and_nothing_else(photo_pixels):
    # As large as a crop whose damage would have been compressed, had it been that of the upscaler.
    pixels = photo_pixels["coffee"][:128, :128]
    network = build_upsamplers(0)["transposed_4"]
    clean = pixels_to_image(pixels)
    with torch.inference_mode():
        enlarged = network(bicubic_downsample_8bit(clean, 2))
    expected = psnr(enlarged.clamp(0, 1).mul(255).round().div(255), clean)
    assert training.evaluate_upsampler(network, [pixels])["psnr"] == pytest.approx(
        expected, abs=1e-3
    )
