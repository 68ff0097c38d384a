"""The lean twin: equal to the bit, on the same tensors, and the network itself left alone."""

import pytest
import torch
from torch import nn

from deconv_demo.networks.inplace import (
    InplaceResidualBlock,
    SubpixelUpsampling,
    inplace_copy,
    subpixel_copy,
)
from deconv_demo.networks.restorers import ResidualBlock
from deconv_demo.tasks import TASKS


def inputs_of(model: nn.Module, image: torch.Tensor) -> list[torch.Tensor]:
    if model.noise_level_map:
        return [image, torch.full((len(image),), 0.1)]
    return [image, image.flip(-1)] if model.guided else [image]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("task_id", TASKS)
def test_the_twin_computes_the_same_to_the_bit(task_id, dtype, random_image):
    model = TASKS[task_id].build().eval()
    image = random_image(21, 34).contiguous(memory_format=torch.channels_last)
    untouched = image.clone()
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        expected = model(*inputs_of(model, image))
        assert torch.equal(inplace_copy(model)(*inputs_of(model, image)), expected)
    assert torch.equal(image, untouched)


def test_tensors_are_shared_and_the_network_keeps_its_blocks():
    model = TASKS["upscale_x2"].build()
    blocks = [name for name, module in model.named_modules() if isinstance(module, ResidualBlock)]
    twin = inplace_copy(model)
    lean = [
        name for name, module in twin.named_modules() if isinstance(module, InplaceResidualBlock)
    ]
    assert lean == blocks
    assert [n for n, m in model.named_modules() if isinstance(m, ResidualBlock)] == blocks
    own = dict(model.named_parameters())
    shared = dict(twin.named_parameters())
    assert {name: id(value) for name, value in shared.items()} == {
        name: id(value) for name, value in own.items()
    }


@pytest.mark.parametrize("task_id", TASKS)
def test_pixel_shuffle_computes_the_same(task_id, random_image):
    model = TASKS[task_id].build().eval()
    image = random_image(21, 34)
    with torch.inference_mode():
        expected = model(*inputs_of(model, image))
        twin = subpixel_copy(model)
        assert not any(isinstance(module, nn.ConvTranspose2d) for module in twin.modules())
        difference = (twin(*inputs_of(model, image)) - expected).abs().max()
    assert difference < 1e-5


@pytest.mark.parametrize("settings", [(2, 2, 0), (4, 2, 1), (6, 2, 2), (3, 3, 0), (9, 3, 3)])
def test_any_exact_enlargement_is_rewritten(settings):
    kernel_size, stride, padding = settings
    layer = nn.ConvTranspose2d(3, 5, kernel_size, stride=stride, padding=padding)
    features = torch.rand(2, 3, 6, 4)
    with torch.no_grad():
        torch.testing.assert_close(SubpixelUpsampling(layer)(features), layer(features))


@pytest.mark.parametrize(
    "settings",
    [{"kernel_size": 3}, {"kernel_size": 4}, {"kernel_size": 2, "groups": 3}],
    ids=["uneven", "no padding", "groups"],
)
def test_another_enlargement_is_refused(settings):
    with pytest.raises(ValueError, match="keep it as it is"):
        SubpixelUpsampling(nn.ConvTranspose2d(3, 3, stride=2, **settings))


def test_fewer_bytes_are_asked_for():
    """What the twin is for: two feature maps less in every residual block."""
    block = ResidualBlock(8, bias=False)
    features = torch.rand(1, 8, 64, 64)

    def allocated(module: nn.Module) -> int:
        with (
            torch.inference_mode(),
            torch.profiler.profile(
                activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
            ) as profiler,
        ):
            module(features)
        return sum(max(0, e.self_cpu_memory_usage) for e in profiler.events())

    saved = allocated(block) - allocated(InplaceResidualBlock(block))
    assert saved == 2 * features.numel() * features.element_size()


def test_a_block_returns_the_memory_that_it_was_given_unless_told_to_keep_it():
    block, features = ResidualBlock(8, bias=False), torch.rand(1, 8, 9, 7)
    given = features.clone()
    with torch.inference_mode():
        expected = block(features)
        assert torch.equal(InplaceResidualBlock(block, keeps_input=True)(features), expected)
        assert torch.equal(features, given)
        assert InplaceResidualBlock(block)(features) is features
    assert torch.equal(features, expected)
