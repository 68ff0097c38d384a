"""Weights files: strict, checked, with errors one can act on; and the ones that are shipped."""

import dataclasses
import json
from functools import partial

import huggingface_hub
import pytest
import torch
from torch import nn

from deconv_demo.networks import weight_files
from deconv_demo.networks.activation_ranges import ActivationRange, save_ranges
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.networks.weight_files import (
    WeightsError,
    read_header,
    read_tensors,
    save_weights,
    sha256,
)
from deconv_demo.restoration import weights
from deconv_demo.restoration.weights import load_into, load_model, recorded_sha256
from deconv_demo.tasks import TASKS


def tiny(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return DeconvUNet(widths=(4, 8), blocks=(1, 1))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An own weights folder, in which "deblur" is a tiny network with a file."""
    task = dataclasses.replace(
        TASKS["deblur"], build=partial(DeconvUNet, widths=(4, 8), blocks=(1, 1))
    )
    monkeypatch.setattr(weights, "TASKS", {**TASKS, "deblur": task})
    monkeypatch.setattr(weights, "WEIGHTS_DIR", tmp_path)
    monkeypatch.setattr(weights, "HUB_REPOSITORY", "")
    save_weights(tmp_path / "deblur.safetensors", tiny().state_dict(), task.describe())
    load_model.cache_clear()
    yield tmp_path
    load_model.cache_clear()


def test_a_model_is_loaded_for_inference(folder):
    model = load_model("deblur")
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert load_model("deblur") is model
    for name, tensor in tiny().state_dict().items():
        # float16 keeps 11 bits of a value.
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=2**-11, atol=1e-6)
        assert model.state_dict()[name].dtype == torch.float32


def test_a_file_keeps_float16_values_and_header_exactly(tmp_path):
    path = tmp_path / "network.safetensors"
    tensors = {name: tensor.half().float() for name, tensor in tiny().state_dict().items()}
    save_weights(path, tensors, {"recipe": "{}", "runs": "[]"})
    read = read_tensors(path)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert read_header(path) == {"recipe": "{}", "runs": "[]"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.safetensors"]


def test_channels_last_parameters_are_saved_as_they_are(tmp_path):
    model = tiny().to(memory_format=torch.channels_last)
    save_weights(tmp_path / "a.safetensors", model.state_dict(), {})
    read = read_tensors(tmp_path / "a.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(read[name], tensor.half().float()), name


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "network.safetensors"
    save_weights(path, tiny().state_dict(), {})
    before = path.read_bytes()

    def full_disk(*_arguments, **_keywords):
        raise OSError("No space left on device")

    monkeypatch.setattr(weight_files, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_weights(path, tiny(1).state_dict(), {})
    assert path.read_bytes() == before


def test_unknown_task_is_a_key_error(folder):
    with pytest.raises(KeyError, match="sharpen"):
        load_model("sharpen")


@pytest.mark.parametrize("has_ranges", [True, False])
def test_weights_of_the_hub_come_with_their_ranges(
    folder, tmp_path_factory, monkeypatch, has_ranges
):
    hub = tmp_path_factory.mktemp("hub")
    weights_file = (folder / "deblur.safetensors").rename(hub / "deblur.safetensors")
    ends = {end: torch.ones(4) for end in ("low", "high", "hidden")}
    if has_ranges:
        path = hub / weights.RANGES_FILE
        save_ranges(path, "deblur", {"bottom.0": ActivationRange(**ends)}, weights=weights_file)

    def download(_repository, name, **_options):
        if not (hub / name).exists():
            raise OSError("404")
        return str(hub / name)

    monkeypatch.setattr(weights, "HUB_REPOSITORY", "owner/name")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    found = load_model("deblur").ranges
    assert (found.keys() == {"bottom.0"}) if has_ranges else found is None


def test_missing_file(folder):
    (folder / "deblur.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"weights/deblur\.safetensors is not there"):
        load_model("deblur")


@pytest.mark.parametrize("kept", [0, 5, 300, -1])
def test_cut_file(folder, kept):
    path = folder / "deblur.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"deblur\.safetensors cannot be read .* get it again"):
        load_model("deblur")


@pytest.mark.parametrize(
    "content", [b"<html>404</html>" * 50, b"version https://git-lfs\n", b"\0" * 99]
)
def test_a_file_of_another_kind(folder, content):
    (folder / "deblur.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"deblur\.safetensors cannot be read"):
        load_model("deblur")


def test_altered_file(folder):
    path = folder / "deblur.safetensors"
    metrics = {"tasks": {"deblur": {"sha256": sha256(path), "settings": {}}}}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    load_model("deblur")
    load_model.cache_clear()
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"deblur\.safetensors is damaged or has been changed"):
        load_model("deblur")


@pytest.mark.parametrize("content", ["", "{", '{"tasks": {}}', '{"tasks": {"denoise": {}}}', "[]"])
def test_without_a_recorded_checksum_the_file_is_taken(folder, content):
    (folder / "metrics.json").write_text(content, encoding="utf-8")
    assert recorded_sha256("deblur") is None
    load_model("deblur")


@pytest.mark.parametrize(
    "other",
    [
        DeconvUNet(widths=(4, 12), blocks=(1, 1)),  # same names, other shapes
        DeconvUNet(widths=(4, 8), blocks=(1, 2)),  # a layer too many
        DeconvUNet(widths=(4, 8), blocks=(1, 1), bias=False),  # biases missing
        DeconvUpscaler(channels=4, blocks=1, scale=2),  # another family
    ],
    ids=["shapes", "too many", "too few", "family"],
)
def test_weights_of_another_network(folder, other):
    save_weights(folder / "deblur.safetensors", other.state_dict(), {})
    with pytest.raises(WeightsError, match=r"deblur\.safetensors was made for another network"):
        load_model("deblur")


def test_a_failed_load_is_tried_again(folder):
    path = folder / "deblur.safetensors"
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(WeightsError):
        load_model("deblur")
    path.write_bytes(content)
    assert load_model("deblur") is not None


def test_all_tensors_or_none(tmp_path):
    path = tmp_path / "other.safetensors"
    save_weights(path, DeconvUNet(widths=(4, 8), blocks=(1, 2)).state_dict(), {})
    model = tiny()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(WeightsError):
        load_into(model, path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_starting_from_a_relative_takes_what_fits(tmp_path):
    path = tmp_path / "relative.safetensors"
    relative = DeconvUNet(widths=(4, 8), blocks=(1, 1), noise_level_map=True)
    save_weights(path, relative.state_dict(), {})
    model = tiny(5)
    load_into(model, path, strict=False)
    pictures_only = relative.head.weight[:, :3].half().float()
    assert torch.equal(model.head.weight, pictures_only), "without the noise level"
    assert torch.equal(model.up[0].weight, relative.up[0].weight.half().float())
