"""A ranking of channels measures what each edited copy of the network loses."""

import copy

import pytest
import torch
from support.operated import inputs_of, known_of, scale_channel

from deconv_demo.classical.metrics import psnr
from deconv_demo.inspection.channel_importance import order_by_loss, rank_channels
from deconv_demo.networks.restorers import DeconvUNet
from deconv_demo.restoration.weights import load_model


def test_ranking_measures_each_channel_and_finds_the_one_that_matters(photos):
    model = DeconvUNet(widths=(6, 8), blocks=(1, 1), bias=False).eval()
    with torch.no_grad():
        model.tail.weight.normal_(0, 0.02)
        model.up[0].weight[:, 2] = 0  # a channel that is off already
        model.up[0].weight[:, 4] *= 8
    inputs, truth = [photos["coffee"][..., :32, :32]], photos["coffee"][..., :32, :32] * 0.9
    cached, baseline_output = known_of(model, inputs), model(*inputs).detach()
    losses = list(
        rank_channels(
            model, inputs, "up.0", cached=cached, baseline_output=baseline_output, truth=truth
        )
    )
    assert [loss.channel for loss in losses] == list(range(6))
    for loss in losses:
        twin = copy.deepcopy(model).requires_grad_(False)
        scale_channel(twin.up[0], loss.channel, 0.0)
        edited, plain = twin(*inputs).clamp(0, 1), baseline_output.clamp(0, 1)
        assert loss.psnr_db == pytest.approx(psnr(edited, plain), abs=1e-3)
        expected = psnr(plain, truth) - psnr(edited, truth)
        assert loss.drop_db == pytest.approx(expected, abs=1e-4)
    without_truth = list(
        rank_channels(model, inputs, "up.0", cached=cached, baseline_output=baseline_output)
    )
    ranked = order_by_loss(without_truth)
    assert (ranked[0].channel, ranked[-1].channel) == (4, 2)
    assert ranked[-1].psnr_db == float("inf")
    assert all(loss.drop_db is None for loss in ranked)
    drops = [loss.drop_db for loss in order_by_loss(losses)]
    assert drops == sorted(drops, reverse=True)


def test_ranking_can_be_stopped(photos):
    model, inputs = load_model("upscale_x2"), inputs_of("upscale_x2", photos)
    cached = known_of(model, inputs)
    ranking = rank_channels(model, inputs, "merge", cached=cached, baseline_output=model(*inputs))
    assert next(ranking).channel == 0
    ranking.close()
    with pytest.raises(StopIteration):
        next(ranking)
