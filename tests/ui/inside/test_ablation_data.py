"""What the surgery section operates on, and the edits that it takes from a browser."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.inspection.network_ablation import OUTPUT, Edits, Skip
from deconv_demo.restoration.weights import load_model
from deconv_demo.ui.inside import ablation_data, crop_session
from deconv_demo.ui.inside.ablation import AblationSection
from deconv_demo.ui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, photo_pixels):
    """Make a workspace with a result of a task on a photograph of 48 rows of 64."""

    def make(task_id, *, scale=1, pixels=None):
        pixels = photo_pixels["cat"][:48, :64] if pixels is None else pixels
        given, truth = tmp_path / f"{task_id}.png", tmp_path / f"{task_id}-truth.png"
        Image.fromarray(pixels).save(given)
        Image.fromarray(pixels.repeat(scale, 0).repeat(scale, 1)).save(truth)
        facts = {"sigma": 0.1} if task_id == "denoise" else {}
        return Workspace(network_input=given, truth=truth, task_id=task_id, facts=facts)

    return make


def test_edits_are_read_and_named(workspace):
    subject = ablation_data.load_subject("visitor", workspace("denoise"))
    sent = {
        "channels": {"head": {"3": 0, "5": 1.5}},
        "skips": {"<input> <output>": 0.5},
        "blocks": {"bottom.0": 0},
    }
    assert ablation_data.edits_from(sent, subject) == Edits(
        channels={"head": {3: 0.0, 5: 1.5}},
        skips={Skip(source="<input>", target=OUTPUT, main="tail"): 0.5},
        blocks={"bottom.0": 0.0},
    )
    assert ablation_data.edits_from({}, subject) == Edits()


@pytest.mark.parametrize(
    "sent",
    [
        "head",
        {"channels": {"<script>": {"0": 0}}},
        {"channels": {"head": {"0": 2.5}}},
        {"channels": {"head": {"0": "nan"}}},
        {"blocks": {"head": 0}},
        {"skips": {"head tail": 0}},
    ],
)
def test_edits_that_make_no_sense_are_refused(workspace, sent):
    subject = ablation_data.load_subject("visitor", workspace("denoise"))
    with pytest.raises(ValueError, match="edits|factor|edited"):
        ablation_data.edits_from(sent, subject)


@pytest.mark.parametrize(("task_id", "scale"), [("deblur", 1), ("upscale_x2", 2)])
def test_an_operation_is_measured_against_untouched_and_truth(workspace, task_id, scale):
    subject = ablation_data.load_subject("visitor", workspace(task_id, scale=scale))
    table = ablation_data.ablation_view(subject, "head")
    assert table["size"] == [64, 48]
    assert (table["layer"], table["channels"]) == ("head", load_model(task_id).head.out_channels)
    same = ablation_data.operate(subject, Edits())
    assert (same["psnr"], same["kept"]) == (None, same["layers"])
    assert same["truth"] == pytest.approx(table["truth"], abs=1e-3)
    off = ablation_data.operate(subject, Edits(channels={"head": {0: 0.0, 1: 0.0}}))
    assert off["psnr"] < 90
    assert off["kept"] == 1


def test_an_upscaler_is_operated_on_in_the_middle_of_the_crop(workspace):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    subject = ablation_data.load_subject("visitor", workspace("upscale_x4", scale=4, pixels=pixels))
    side, (top, left) = ablation_data.UPSCALED_CROP, (36, 86)
    middle = torch.from_numpy(pixels[top : top + side, left : left + side])
    assert torch.equal(subject.inputs[0][0], middle.permute(2, 0, 1).float() / 255)
    assert subject.truth.shape == subject.activations.restored.shape == (1, 3, 512, 512)
    assert torch.equal(subject.truth[..., ::4, ::4], subject.inputs[0])


def test_two_visitors_share_nothing_but_the_network(workspace):
    first = ablation_data.load_subject("first", workspace("denoise"))
    pixels = np.zeros((48, 64, 3), np.uint8)
    second = ablation_data.load_subject("second", workspace("deblur", pixels=pixels))
    assert first.key != second.key
    assert not torch.equal(first.activations.restored, second.activations.restored)
    for visitor in ("first", "second"):
        assert crop_session.STORE.nbytes(visitor) > 0
        crop_session.STORE.forget(visitor)


def test_a_ranking_reports_each_channel(workspace):
    subject = ablation_data.load_subject("visitor", workspace("upscale_x2", scale=2))
    states = list(ablation_data.rank(subject, "tail"))
    assert [state["done"] for state in states] == [1, 2, 3]
    assert {state["total"] for state in states} == {3}
    losses = [loss["loss"] for loss in states[-1]["losses"]]
    assert losses == sorted(losses, reverse=True)


def test_a_ranking_without_a_result_ends(monkeypatch):
    """Files are deleted after an hour; the button is still there, and asks once."""
    section = AblationSection(None, None)
    request = SimpleNamespace(session_hash="somebody")
    for workspace in (
        Workspace(),
        Workspace(network_input=Path("/nowhere/given.png"), task_id="denoise"),
    ):
        updates = list(itertools.islice(section._rank(workspace, None, "head", request), 5))
        assert [update.value for update in updates] == [{"none": True}]
