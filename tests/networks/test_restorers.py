"""The networks: sizes, gradients, even overlap, homogeneity, and what they start from."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deconv_demo.networks.restorers import (
    DeconvUNet,
    DeconvUpscaler,
    bicubic_upscale,
    blank_inputs,
    crop_inputs,
    pad_to_multiple,
)
from deconv_demo.tasks import TASKS

SIZES = [(1, 1), (1, 9), (7, 1), (5, 3), (8, 8), (17, 10)]


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    """The untrained network of each task, built once."""
    torch.manual_seed(0)
    return {task_id: task.build() for task_id, task in TASKS.items()}


def inputs(network: nn.Module, image: Tensor) -> list[Tensor]:
    """The image, and a noise level or a guide for each where the network takes one."""
    if network.noise_level_map:
        return [image, torch.full((len(image),), 0.1)]
    return [image, image.flip(-1)] if network.guided else [image]


@pytest.mark.parametrize("task_id", TASKS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size_gives_exactly_scale_times_that_size(
    task_id, height, width, networks, random_image
):
    task, network = TASKS[task_id], networks[task_id]
    with torch.no_grad():
        restored = network(*inputs(network, random_image(height, width)))
    assert restored.shape == (1, 3, height * task.scale, width * task.scale)
    assert restored.dtype == torch.float32
    assert restored.isfinite().all()


@pytest.mark.parametrize("task_id", TASKS)
def test_every_parameter_receives_a_gradient(task_id, random_image):
    network = TASKS[task_id].build()
    image = random_image(16, 16, batch=2)
    restored = network(*inputs(network, image))
    target = torch.rand(restored.shape, generator=torch.Generator().manual_seed(1))
    F.mse_loss(restored, target).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def overlap_ratio(layer: nn.ConvTranspose2d) -> float:
    """Most over fewest input pixels that write to one inner output pixel, counted by running it."""
    kernel_size, stride = layer.kernel_size, layer.stride
    counts = F.conv_transpose2d(
        torch.ones(1, 1, 16, 16),
        torch.ones(1, 1, *kernel_size),
        stride=stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation,
    )
    border_y, border_x = kernel_size[0] * stride[0], kernel_size[1] * stride[1]
    inner = counts[..., border_y:-border_y, border_x:-border_x]
    return (inner.max() / inner.min()).item()


@pytest.mark.parametrize("task_id", TASKS)
def test_every_transposed_convolution_overlaps_evenly(task_id, networks):
    modules = dict(networks[task_id].named_modules())
    layers = {n: m for n, m in modules.items() if isinstance(m, nn.ConvTranspose2d)}
    assert layers, "a network without a transposed convolution"
    for name, layer in layers.items():
        assert overlap_ratio(layer) == 1.00, name


def test_the_overlap_meter_sees_uneven_overlap():
    # One or two contributions along each axis, so one to four in the plane.
    assert overlap_ratio(nn.ConvTranspose2d(1, 1, kernel_size=3, stride=2, padding=1)) == 4.00


@pytest.mark.parametrize("task_id", TASKS)
def test_nothing_else_enlarges_feature_maps(task_id, networks, monkeypatch):
    network, enlarged, shuffled = networks[task_id], [], []
    interpolate = F.interpolate

    def spy(image, *arguments, **options):
        enlarged.append(tuple(image.shape))
        return interpolate(image, *arguments, **options)

    monkeypatch.setattr(F, "interpolate", spy)
    monkeypatch.setattr(F, "pixel_shuffle", lambda *_: shuffled.append(1))

    def check(module, given, output):
        if not isinstance(module, nn.ConvTranspose2d):
            assert output.shape[-1] <= given[0].shape[-1], module

    hooks = [m.register_forward_hook(check) for m in network.modules() if m is not network]
    image = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        network(*inputs(network, image))
    for hook in hooks:
        hook.remove()
    assert not shuffled
    # The upscalers add what they make to the picture itself, enlarged once.
    assert enlarged == ([(1, 3, 16, 24)] if TASKS[task_id].scale > 1 else [])


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_bias_free_denoiser_is_homogeneous(factor, random_image):
    network = TASKS["denoise"].build().double()
    image, sigma = random_image(20, 12).double(), torch.tensor([0.2], dtype=torch.float64)
    # The residual alone: the sum with the float32 input would hide most of an error.
    with torch.no_grad():
        residual = network(image, sigma).double() - image
        scaled = network(factor * image, factor * sigma).double() - factor * image
    torch.testing.assert_close(scaled, factor * residual, rtol=1e-3, atol=1e-6)
    assert residual.abs().max() > 1e-4


def test_the_noise_level_reaches_the_denoiser_image_by_image(networks, random_image):
    network = networks["denoise"]
    image = random_image(16, 16)
    with torch.no_grad():
        together = network(image.expand(2, -1, -1, -1), torch.tensor([0.05, 0.2]))
        low, high = network(image, torch.tensor([0.05])), network(image, torch.tensor([0.2]))
    torch.testing.assert_close(together, torch.cat([low, high]), rtol=0, atol=1e-5)
    assert not torch.allclose(low, high, atol=1e-5)


def test_unet_says_what_it_needs():
    condition = DeconvUNet(widths=(4, 8), blocks=(1, 1), noise_level_map=True)
    with pytest.raises(ValueError, match="needs sigma, got None"):
        condition(torch.zeros(1, 3, 8, 8))
    blind = DeconvUNet(widths=(4, 8), blocks=(1, 1))
    with pytest.raises(ValueError, match=r"needs nothing, got tensor\(\[0\.1"):
        blind(torch.zeros(1, 3, 8, 8), torch.tensor([0.1]))
    guided = DeconvUNet(widths=(4, 8), blocks=(1, 1), guided=True)
    with pytest.raises(ValueError, match="needs a guide, got None"):
        guided(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="not both"):
        DeconvUNet(widths=(4, 8), blocks=(1, 1), guided=True, noise_level_map=True)


def test_a_guide_of_any_size_is_read_where_it_lies():
    torch.manual_seed(0)
    network = DeconvUNet(widths=(4, 8), blocks=(1, 1), guided=True)
    with torch.no_grad():
        network.tail.weight.mul_(100)
    image, guide = torch.rand(2, 1, 3, 39, 41)
    changed = guide.clone()
    changed[..., 10, 30] += 0.5
    with torch.no_grad():
        difference = (network(image, changed) - network(image, guide)).abs().sum(dim=1)[0]
    rows, columns = difference.nonzero().T
    assert difference.argmax() // 41 in range(8, 13)
    assert 0 <= rows.min() <= 10 <= rows.max() < 25
    assert 15 < columns.min() <= 30 <= columns.max() < 41


def test_blank_inputs_are_what_a_forward_pass_takes(networks):
    for network in networks.values():
        with torch.no_grad():
            restored = network(*blank_inputs(network, 9, 12))
        assert restored.shape[-2] % 9 == restored.shape[-1] % 12 == 0


def test_a_part_of_the_inputs_is_a_part_of_every_picture(random_image):
    image, guide, sigma = random_image(9, 12), random_image(9, 12), torch.tensor([0.1])
    parts = crop_inputs([image, guide, sigma], slice(2, 5), slice(3, 9))
    assert torch.equal(parts[0], image[..., 2:5, 3:9])
    assert torch.equal(parts[1], guide[..., 2:5, 3:9])
    assert parts[2] is sigma


def test_unet_names_both_lengths():
    with pytest.raises(ValueError, match="widths has 3 levels, blocks has 2"):
        DeconvUNet(widths=(4, 8, 16), blocks=(1, 1))


def test_upscaler_names_the_scales_it_can():
    with pytest.raises(ValueError, match="must be 2 or 4, got 3"):
        DeconvUpscaler(channels=4, blocks=1, scale=3)


@pytest.mark.parametrize("task_id", ["denoise", "deblur"])
def test_an_untrained_unet_changes_next_to_nothing(task_id, networks, random_image):
    network, image = networks[task_id], random_image(16, 16)
    with torch.no_grad():
        change = network(*inputs(network, image)) - image
    assert 0 < change.abs().max() < 0.03


@pytest.mark.parametrize("task_id", ["upscale_x2", "upscale_x4"])
def test_an_untrained_upscaler_is_close_to_bicubic(task_id, networks, random_image):
    image = random_image(16, 16)
    with torch.no_grad():
        change = networks[task_id](image) - bicubic_upscale(image, TASKS[task_id].scale)
    assert 0 < change.abs().max() < 0.03


@pytest.mark.parametrize("scale", [2, 4])
def test_an_untrained_upscaler_keeps_a_flat_picture_flat(scale):
    network = DeconvUpscaler(channels=8, blocks=1, scale=scale).double()
    with torch.no_grad():
        restored = network(torch.full((1, 3, 24, 24), 0.5, dtype=torch.float64))
    inner = restored[..., 8 * scale : -8 * scale, 8 * scale : -8 * scale]
    # Not one value for all pixels: the sub-pixel phases of the tail have weights of their own.
    for row in range(2):
        for column in range(2):
            phase = inner[..., row::scale, column::scale]
            torch.testing.assert_close(
                phase, phase[..., :1, :1].expand_as(phase), rtol=0, atol=1e-6
            )


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 7), (32, 20)])
def test_bicubic_upscale_is_pillows(scale, height, width, random_image, resize_with_pillow):
    image = random_image(height, width)
    expected = resize_with_pillow(image, (height * scale, width * scale))
    torch.testing.assert_close(bicubic_upscale(image, scale), expected, rtol=0, atol=1e-5)


def test_bicubic_upscale_keeps_a_constant():
    flat = torch.full((1, 3, 5, 9), 0.3)
    torch.testing.assert_close(
        bicubic_upscale(flat, 4), torch.full((1, 3, 20, 36), 0.3), rtol=0, atol=1e-6
    )


def test_padding_repeats_the_border_below_and_right():
    image = torch.arange(6.0).view(1, 1, 2, 3)
    assert pad_to_multiple(image, 4)[0, 0].tolist() == [
        [0, 1, 2, 2],
        [3, 4, 5, 5],
        [3, 4, 5, 5],
        [3, 4, 5, 5],
    ]
    assert pad_to_multiple(image[..., :2], 2).shape == (1, 1, 2, 2)
