"""Residual blocks in 8 bits, beside the same blocks in float32."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator, nn

from deconv_demo.classical.metrics import psnr
from deconv_demo.networks.activation_ranges import HEADROOM, ActivationRange, calibrate
from deconv_demo.networks.quantized import (
    MAX_CLIPPED_LEVELS,
    MAX_LEVEL,
    QuantizationOverflow,
    QuantizedNetwork,
    QuantizedResidualBlock,
    has_fast_int8,
)
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler, ResidualBlock
from deconv_demo.restoration.enhancement import enhance_by_tile
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import TASKS

needs_fast_8_bits = pytest.mark.skipif(not has_fast_int8(), reason="no VNNI on this processor")


def block_and_features(channels=16, size=(9, 12), *, bias=True, seed=0, batch=1):
    """A block with weights of the size that training leaves, and what goes into it."""
    torch.manual_seed(seed)
    block = ResidualBlock(channels, bias=bias).requires_grad_(False)
    nn.init.normal_(block.conv2.weight, std=0.05)
    # Channels of very different reach, most of them not centred.
    reach, shift = torch.logspace(-1, 1, channels).view(-1, 1, 1), torch.randn(channels, 1, 1)
    features = reach * (torch.randn(batch, channels, *size) + shift)
    return block, features.contiguous(memory_format=torch.channels_last)


def in_8_bits(block, features):
    (ranges,) = calibrate(nn.Sequential(block), [(features,)]).values()
    with torch.inference_mode():
        return QuantizedResidualBlock(block, ranges)(features.clone())


@needs_fast_8_bits
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 1), (2, 2), (9, 12), (301, 33)])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_block_is_that_of_float32_but_for_rounding(size, bias, batch):
    block, features = block_and_features(size=size, bias=bias, batch=batch)
    expected = block(features) - features
    found = in_8_bits(block, features) - features
    # Half a step of 255 in every number that is summed, at most a few steps of the sum.
    assert (found - expected).abs().max() < 0.03 * expected.abs().max()
    assert (found - expected).square().mean() < 1e-3 * expected.square().mean()


@needs_fast_8_bits
def test_a_block_returns_the_memory_that_it_was_given():
    block, features = block_and_features()
    (ranges,) = calibrate(nn.Sequential(block), [(features,)]).values()
    with torch.inference_mode():
        assert QuantizedResidualBlock(block, ranges)(features) is features


@needs_fast_8_bits
def test_borders_are_no_worse_than_the_middle():
    # Around a picture features are zero, which for most channels is not level 0.
    block, features = block_and_features(channels=32, size=(64, 64))
    error = (in_8_bits(block, features) - block(features)).square().mean(1)[0]
    middle = error[8:-8, 8:-8].mean()
    for border in (error[0], error[-1], error[:, 0], error[:, -1]):
        assert border.mean() < 1.5 * middle


@needs_fast_8_bits
def test_a_block_runs_in_several_sizes_in_turn():
    block, features = block_and_features(size=(40, 40))
    (ranges,) = calibrate(nn.Sequential(block), [(features,)]).values()
    # At the borders of a part, hidden numbers are others.
    ranges = ActivationRange(low=ranges.low, high=ranges.high, hidden=ranges.hidden * 1.5)
    twin = QuantizedResidualBlock(block, ranges)
    with torch.inference_mode():
        for side in (40, 8, 12, 16, 20, 24, 40):
            part = features[..., :side, :side].contiguous(memory_format=torch.channels_last)
            expected = block(part)
            assert (twin(part.clone()) - expected).abs().max() < 0.02 * expected.abs().max()


def test_ranges_are_the_extremes_of_all_examples():
    block, first = block_and_features(seed=1)
    _, second = block_and_features(seed=2)
    model = nn.Sequential(nn.Identity(), block)
    found = calibrate(model, [(first,), (second,)])
    assert found.keys() == {"1"}
    both = torch.cat([first, second]).permute(1, 0, 2, 3).flatten(1)
    assert torch.equal(found["1"].low, both.amin(1))
    assert torch.equal(found["1"].high, both.amax(1))
    hidden = torch.cat([block.conv1(first), block.conv1(second)]).relu()
    torch.testing.assert_close(found["1"].hidden, hidden.amax((0, 2, 3)))
    assert not block.conv1._forward_hooks


def test_widened_ranges_have_room_contain_zero_and_are_never_empty():
    low, high = torch.tensor([-1.0, 2.0, 0.0, -4.0]), torch.tensor([3.0, 5.0, 0.0, -2.0])
    wide = ActivationRange(
        low=low, high=high, hidden=torch.tensor([2.0, 0.0, 1.0, 1.0])
    ).with_headroom()
    assert (wide.low < low).tolist() == [True, True, True, True]
    assert (wide.high > high).all()
    assert (wide.low <= 0).all()
    assert (wide.high >= 0).all()
    assert (wide.high - wide.low).min() >= 0.1 * (wide.high - wide.low).max() - 1e-6
    assert (wide.hidden > 0.1).all()
    silent = torch.zeros(4)
    silent = ActivationRange(low=silent, high=silent, hidden=silent).with_headroom()
    assert (silent.high > silent.low).all()
    assert (silent.hidden > 0).all()


@needs_fast_8_bits
@pytest.mark.parametrize(
    "model",
    [
        DeconvUNet(widths=(8, 16), blocks=(1, 2), guided=True),
        DeconvUpscaler(channels=16, blocks=2, scale=4),
    ],
    ids=["unet", "upscaler"],
)
def test_a_twin_leaves_the_network_as_it_was_and_is_close_to_it(model):
    model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    nn.init.normal_(model.tail.weight, std=0.05)
    image = torch.rand(1, 3, 34, 46, generator=Generator().manual_seed(0))
    inputs = [image, 1 - image] if model.guided else [image]
    with torch.inference_mode():
        before = model(*inputs)
        twin = QuantizedNetwork(model, calibrate(model, [inputs]))
        found = twin(*inputs)
        assert torch.equal(model(*inputs), before)
    assert not any(isinstance(module, ResidualBlock) for module in twin.int8.modules())
    assert twin.int8.tail.weight is model.tail.weight
    assert twin.float32.tail.weight is model.tail.weight
    assert 0 < (found - before).abs().max() < 0.03


def test_a_block_without_ranges_is_refused():
    model = DeconvUpscaler(channels=4, blocks=1, scale=2)
    with pytest.raises(KeyError, match="trunk.0"):
        QuantizedNetwork(model, {})


@needs_fast_8_bits
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_block_says_when_too_much_would_be_cut_off(side):
    block, features = block_and_features(size=(32, 32))
    (ranges,) = calibrate(nn.Sequential(block), [(features,)]).values()
    twin, wide = QuantizedResidualBlock(block, ranges), ranges.with_headroom()
    # One channel that goes so many levels beyond its range, in one row that is looked at.
    channel, sign = 5, -1 if side == "low" else 1
    level = float(wide.high[channel] - wide.low[channel]) / MAX_LEVEL
    end = float(getattr(wide, side)[channel])
    with torch.inference_mode():
        for levels, too_far in ((MAX_CLIPPED_LEVELS - 4, False), (MAX_CLIPPED_LEVELS + 4, True)):
            given = features.clone()
            given[0, channel, 14, 3] = end + sign * levels * level
            if too_far:
                with pytest.raises(QuantizationOverflow):
                    twin(given)
            else:
                twin(given)


@needs_fast_8_bits
def test_hidden_numbers_that_would_be_cut_off_are_seen_too():
    block, features = block_and_features(size=(32, 32))
    (ranges,) = calibrate(nn.Sequential(block), [(features,)]).values()
    narrow = ActivationRange(low=ranges.low, high=ranges.high, hidden=ranges.hidden / 4)
    with torch.inference_mode(), pytest.raises(QuantizationOverflow):
        QuantizedResidualBlock(block, narrow)(features)


@needs_fast_8_bits
def test_a_picture_beyond_the_levels_is_done_in_float32():
    model = DeconvUpscaler(channels=16, blocks=2, scale=2).eval().requires_grad_(False)
    model = model.to(memory_format=torch.channels_last)
    nn.init.normal_(model.tail.weight, std=0.05)
    image = torch.rand(1, 3, 20, 28, generator=Generator().manual_seed(0))
    twin = QuantizedNetwork(model, calibrate(model, [[image]]))
    with torch.inference_mode():
        assert not torch.equal(twin(image), model(image))
        beyond = image * 2 * HEADROOM
        assert torch.equal(twin(beyond), model(beyond))
        # An error that is still being handled holds the feature maps of all it went through.
        handled = []
        twin.float32.register_forward_pre_hook(lambda *_: handled.append(sys.exc_info()[0]))
        twin(beyond)
    assert handled == [None]


@needs_fast_8_bits
@pytest.mark.parametrize("task_id", TASKS)
def test_what_ships_runs_in_8_bits_and_loses_next_to_nothing(task_id, photo_pixels, monkeypatch):
    # Not in float32 after all.
    monkeypatch.setattr(QuantizedNetwork, "forward", lambda self, *given: self.int8(*given))
    assert load_model(task_id).ranges is not None
    task = TASKS[task_id]
    clean = torch.from_numpy(photo_pixels["cat"].copy()).permute(2, 0, 1)[None] / 255
    degraded, sigma, *_ = task.benchmark_cases[0].degrade(clean, Generator().manual_seed(0))
    array = degraded[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    controls = {} if sigma is None else task.level_controls(sigma.item())
    results = {}
    for dtype in (torch.float32, torch.int8):
        *_, result = enhance_by_tile(Image.fromarray(array), task_id, dtype=dtype, **controls)
        assert result.facts["dtype"] == str(dtype).removeprefix("torch.")
        results[dtype] = torch.from_numpy(np.array(result.after)).permute(2, 0, 1)[None] / 255
    change = (results[torch.int8] - results[torch.float32]).abs() * 255
    assert 0 < change.mean() < 0.3
    assert change.max() < 4
    lost = psnr(results[torch.float32], clean) - psnr(results[torch.int8], clean)
    assert abs(lost) < 0.04


@needs_fast_8_bits
@pytest.mark.parametrize("task_id", TASKS)
def test_hard_pictures_that_were_not_measured_do_not_break(task_id):
    # Rounded, pixels are off by up to 4 of 255; cut off, they would be wrong by 150.
    generator = np.random.default_rng(7)
    noise = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    blots = generator.integers(0, 2, (22, 22, 3), dtype=np.uint8).repeat(3, 0).repeat(3, 1) * 255
    lines = np.where(np.arange(64)[:, None, None] % 2, [255, 170, 0], [0, 30, 255])
    stripes = np.where(np.arange(64)[None, :, None] // 3 % 2, [255, 0, 200], [0, 0, 0])
    bars = np.where((np.arange(64)[:, None, None] + 3) % 8 < 4, 255, 0)
    for array in (noise, blots, *(np.broadcast_to(x, (64, 64, 3)) for x in (lines, stripes, bars))):
        array = array.astype(np.uint8)
        float32, int8 = (
            np.asarray([*enhance_by_tile(Image.fromarray(array), task_id, dtype=dtype)][-1].after)
            for dtype in (torch.float32, torch.int8)
        )
        assert np.abs(float32.astype(int) - int8).max() < 8
