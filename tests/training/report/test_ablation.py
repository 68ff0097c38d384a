"""Trials of networks: equal conditions, and numbers that another counter finds too."""

import json

import pytest
import torch
import torch.nn.functional as F

from deconv_demo.degradations import DegradedBatch
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.restoration.weights import WEIGHTS_DIR
from deconv_demo.tasks import TASKS
from deconv_demo.training import __main__ as command_line
from deconv_demo.training import loop
from deconv_demo.training.metrics_file import describe_machine
from deconv_demo.training.report import ablation, variants
from deconv_demo.training.report.model_card import write_card
from deconv_demo.training.report.variants import Variant

TINY = {
    "small": Variant(network={"channels": 6, "blocks": 1}),
    "again": Variant(network={"channels": 6, "blocks": 1}),
    "larger": Variant(network={"channels": 10, "blocks": 2}),
    "other blocks": Variant(
        network={"channels": 6, "blocks": 1}, network_class=variants.CollapsibleUpscaler
    ),
    "other steps": Variant(network={"channels": 6, "blocks": 1}, recipe={"batch": 2}),
    "other damage": Variant(
        network={"channels": 6, "blocks": 1},
        degrade=lambda clean, _: DegradedBatch(clean[..., ::2, ::2], None),
    ),
}


@pytest.fixture
def rows(monkeypatch, picture_folder):
    monkeypatch.setattr(loop, "VALIDATION_CROP", 48)
    monkeypatch.setattr(ablation, "TIMED_SIDE", 32)
    folders = {"data": [picture_folder], "validation": [picture_folder]}
    return ablation.run_ablation("upscale_x2", **folders, minutes=5, steps=8, variants=TINY)


def test_equal_networks_come_to_the_same_and_others_do_not(rows):
    small, again, larger, other_blocks, other_steps, other_damage = rows
    assert [row["name"] for row in rows] == list(TINY)
    assert [row["steps"] for row in rows] == [8] * 6
    assert list(small["psnr"]) == [case.name for case in TASKS["upscale_x2"].benchmark_cases]
    assert small["psnr"] == again["psnr"]
    assert small["measured"]["threads"] == torch.get_num_threads() == 2
    for row in (larger, other_blocks, other_steps, other_damage):
        assert row["psnr"] != small["psnr"]
    # Folded, other blocks cost what plain ones do.
    for name in ("parameters", "macs_per_output_pixel"):
        assert other_blocks[name] == other_damage[name] == small[name]
    assert small["network"]["channels"] == 6
    for row, (channels, blocks) in ((small, (6, 1)), (larger, (10, 2))):
        head, layer = channels * 27 + channels, channels * channels * 9 + channels
        tail = channels * 3 * 16 + 3
        assert row["parameters"] == head + (2 * blocks + 1) * layer + tail
        # A transposed convolution of kernel 4 works on the small picture, as all layers do.
        macs = channels * 27 + (2 * blocks + 1) * channels * channels * 9 + channels * 48
        assert row["macs_per_output_pixel"] == pytest.approx(macs / 4, abs=1)
        assert row["seconds_per_output_megapixel"] > 0


@pytest.mark.parametrize("task_id", variants.VARIANTS)
def test_candidates_can_be_shipped(task_id):
    """They take what the task gives, cost about what the shipped one does, and fit the file."""
    assert variants.VARIANTS[task_id]["shipped"] == Variant()
    for variant in variants.VARIANTS[task_id].values():
        model = variants.collapse(ablation._get_task(task_id, variant).build())
        assert isinstance(model, DeconvUNet | DeconvUpscaler)
        inputs = ablation._inputs(model, 16)
        with torch.inference_mode():
            assert model(*inputs).shape[-1] == 16 * TASKS[task_id].scale
        assert 2 * sum(parameter.numel() for parameter in model.parameters()) < 10e6


def test_collapsible_convolutions_are_two_and_become_one():
    """Torch's own convolutions, one after the other, say what the kernels of a sum must do."""
    layer = variants.CollapsibleConv(4, bias=True)
    torch.nn.init.normal_(layer.squeeze)
    features = torch.rand(2, 4, 9, 11)
    wide = F.conv2d(features, layer.expand[..., None, None])
    expected = F.conv2d(features, layer.weight, layer.bias, padding=1)
    expected = expected + F.conv2d(wide, layer.squeeze, padding=1)
    torch.testing.assert_close(layer(features), expected, atol=1e-4, rtol=1e-4)

    network = variants.CollapsibleUpscaler(channels=4, blocks=2, scale=2)
    for block in network.trunk:
        torch.nn.init.normal_(block.conv1.squeeze, std=0.1)
    image = torch.rand(1, 3, 8, 8)
    before = network(image)
    assert not any(
        isinstance(m, variants.CollapsibleConv) for m in variants.collapse(network).modules()
    )
    torch.testing.assert_close(network(image), before)
    plain = DeconvUpscaler(channels=4, blocks=2, scale=2)
    assert network.state_dict().keys() == plain.state_dict().keys()


def test_a_candidate_starts_from_a_relative(monkeypatch, picture_folder):
    monkeypatch.setattr(loop, "VALIDATION_CROP", 48)
    monkeypatch.setattr(ablation, "TIMED_SIDE", 32)
    folders = {"data": [picture_folder], "validation": [picture_folder]}
    tried = {
        "on": Variant(start_from="upscale_x2"),
        "new": Variant(),
    }
    on, new = ablation.run_ablation("upscale_x2", **folders, minutes=5, steps=1, variants=tried)
    assert on["psnr"]["bicubic 1/2"] > new["psnr"]["bicubic 1/2"] + 1


def test_ctrl_c_ends_all_trials_and_gives_the_threads_back(monkeypatch, picture_folder):
    monkeypatch.setattr(loop, "VALIDATION_CROP", 48)
    monkeypatch.setattr(ablation, "TIMED_SIDE", 32)
    calls = []

    def interrupted(*_):
        calls.append(torch.get_num_threads())
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_step", interrupted)
    folders = {"data": [picture_folder], "validation": [picture_folder]}
    with pytest.raises(KeyboardInterrupt):
        ablation.run_ablation("upscale_x2", **folders, minutes=5, variants=TINY)
    assert calls == [1]
    assert torch.get_num_threads() == 2


def test_the_command_keeps_them_for_the_card(monkeypatch, tmp_path, picture_folder):
    row = {
        "name": "shipped",
        "network": {"channels": 64, "blocks": 6},
        "parameters": 1234,
        "macs_per_output_pixel": 5678,
        "seconds_per_output_megapixel": 1.5,
        "minutes": 3.0,
        "steps": 7,
        "measured": describe_machine(),
        "psnr": {"bicubic 1/2": 31.25, "sigma 15": 30.5},
    }
    monkeypatch.setattr(ablation, "run_ablation", lambda *_, **__: [row])
    measured = json.loads((WEIGHTS_DIR / "metrics.json").read_text(encoding="utf-8"))
    former = [row | {"name": "Muon"}, row | {"steps": 1}, row | {"name": "long", "minutes": 9.0}]
    measured["trials"] = {"upscale_x2": former}
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(measured), encoding="utf-8")
    folders = ["--data", str(picture_folder), "--validation", str(picture_folder)]
    arguments = ["trials", "upscale_x2", *folders, "--minutes", "3", "--metrics", str(path)]
    assert command_line.main(arguments) == 0
    assert command_line.main([*arguments, "--only", "shipped", "nonsense"]) == 2
    kept = json.loads(path.read_text(encoding="utf-8"))
    # The same one is replaced; one that had more time cannot stand beside it.
    assert kept["trials"] == {"upscale_x2": [former[0], row]}
    assert kept["tasks"] == measured["tasks"]
    write_card(path, tmp_path / "README.md")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| shipped: 64 channels, 6 blocks | 1,234 | 5,678 | 1.50 | 7 | 31.25 | 30.50 |" in card
    assert "| upscale_x2, 3 minutes each |" in card
    assert "| Muon: 64 channels, 6 blocks | 1,234 | 5,678 | 1.50 | 7 |" in card
    assert f"Timed on {describe_machine()['date']}" in card
