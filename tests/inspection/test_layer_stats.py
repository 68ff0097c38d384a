import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from deconv_demo.inspection.feature_maps import record_feature_maps
from deconv_demo.inspection.layer_stats import receptive_window, summarize_layers
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler, ResidualBlock


class DenseNet(nn.Module):
    """Dilated and grouped convolutions, pooling, a crop, a pad, and a concatenation."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(3, 4, (3, 5), padding=(1, 2), dilation=1, padding_mode="reflect")
        self.pool = nn.MaxPool2d(2)
        self.same = nn.Conv2d(4, 4, 3, padding="same", dilation=2, groups=2)
        self.up = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.valid = nn.Conv2d(4, 2, 3)
        self.act = nn.ReLU(inplace=True)
        self.merge = nn.Conv2d(8, 3, 1)

    def forward(self, image):
        wide = self.act(self.wide(image))
        deep = self.act(self.up(self.same(self.pool(wide))))
        side = torch.nn.functional.pad(self.valid(wide), (2, 0, 2, 0))
        return self.merge(torch.cat([deep, side], dim=1)[..., 1:, 1:])


class SideBySide(nn.Module):
    """Joins along the width, where a pixel's place changes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image):
        return self.conv(torch.cat([image, image], dim=3))


def test_joined_side_by_side_nothing_is_claimed():
    image = torch.rand(1, 3, 8, 8)
    assert fields(SideBySide(), image) == [None]
    assert receptive_window(SideBySide(), "conv", image, row=4, column=12) is None


def by_name(model, *inputs):
    return {layer.name: layer for layer in summarize_layers(model, *inputs)}


def fields(model, *inputs):
    return [layer.receptive_field for layer in summarize_layers(model, *inputs)]


def all_positive(model):
    """Random positive weights, so that no two ways through the network cancel."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.1, 1)
    return model.double()


NETWORKS = {
    "unet": (lambda: DeconvUNet(widths=(4, 6, 8), blocks=(1, 1, 1)), 56),
    "denoiser": (lambda: DeconvUNet(widths=(4, 6), blocks=(1, 1), noise_level_map=True), 24),
    "guided": (lambda: DeconvUNet(widths=(4, 6), blocks=(1, 1), guided=True), 24),
    "upscaler": (lambda: DeconvUpscaler(channels=4, blocks=1, scale=4), 20),
    "dense": (DenseNet, 32),
}


def build(name, *, dtype=torch.float32):
    make, side = NETWORKS[name]
    image = torch.rand(1, 3, side, side, dtype=dtype)
    told = {
        "denoiser": [torch.tensor([0.1], dtype=dtype)],
        "guided": [torch.rand_like(image)],
    }
    return make(), (image, *told.get(name, []))


def test_layers_come_in_the_order_of_the_data_with_their_kinds():
    model, inputs = build("unet")
    layers = summarize_layers(model, *inputs)
    names = [layer.name for layer in layers]
    assert names[:5] == [
        "head",
        "encoder.0.0.conv1",
        "encoder.0.0.conv2",
        "encoder.0.0",
        "down.0",
    ]
    assert names[-6:] == [
        "decoder.1.0",
        "up.0",
        "decoder.0.0.conv1",
        "decoder.0.0.conv2",
        "decoder.0.0",
        "tail",
    ]
    assert len(layers) == sum(
        isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, ResidualBlock))
        for module in model.modules()
    )
    kinds = {nn.Conv2d: "conv", nn.ConvTranspose2d: "transposed_conv", ResidualBlock: "block"}
    for layer in layers:
        assert layer.kind == kinds[type(model.get_submodule(layer.name))]


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_are_those_of_the_maps_of_a_real_pass(name):
    model, inputs = build(name)
    layers = summarize_layers(model, *inputs)
    with record_feature_maps(model, [layer.name for layer in layers]) as maps:
        model(*inputs)
    for layer in layers:
        assert (1, layer.channels, layer.height, layer.width) == maps[layer.name].shape


@pytest.mark.parametrize("name", NETWORKS)
def test_macs_and_parameters_equal_an_independent_counter(name):
    model, inputs = build(name)
    inputs = [value.expand(2, *value.shape[1:]) for value in inputs]
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    counted = counter.get_flop_counts()
    for layer in summarize_layers(model, *inputs):
        flops = sum(counted[f"{type(model).__name__}.{layer.name}"].values())
        assert layer.macs == flops / 2
        module = model.get_submodule(layer.name)
        assert layer.parameters == sum(tensor.numel() for tensor in module.state_dict().values())


def test_macs_and_parameters_by_hand():
    model, image = DeconvUNet(widths=(4, 8), blocks=(1, 1)), torch.rand(1, 3, 10, 12)
    layers = by_name(model, image)
    assert layers["head"].macs == 10 * 12 * 4 * 3 * 9
    assert layers["head"].parameters == 4 * 3 * 9 + 4
    assert layers["encoder.0.0"].macs == 2 * 10 * 12 * 4 * 4 * 9
    assert layers["down.0"].macs == 5 * 6 * 8 * 4 * 4
    assert layers["up.0"].macs == 5 * 6 * 8 * 4 * 4
    assert (layers["up.0"].kernel_size, layers["up.0"].stride) == (2, 2)
    assert (layers["bottom.0"].kernel_size, layers["bottom.0"].stride) == (None, None)


def test_a_layer_called_twice_counts_twice_and_stands_last():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.again, self.between = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)

        def forward(self, image):
            return self.again(self.between(self.again(image)))

    between, again = summarize_layers(Recurrent(), torch.rand(1, 3, 8, 8))
    assert (between.name, again.name) == ("between", "again")
    assert again.macs == 2 * 8 * 8 * 3 * 3 * 9
    assert (between.receptive_field, again.receptive_field) == (3, 5)


def test_fields_of_plain_stacks_by_hand():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    strided = nn.Conv2d(3, 3, 3, stride=2, padding=1)
    image = torch.rand(1, 3, 32, 32)
    assert fields(nn.Sequential(conv), image) == [3]
    assert fields(nn.Sequential(conv, nn.ReLU(), nn.Conv2d(3, 3, 3)), image) == [3, 5]
    assert fields(nn.Sequential(conv, ResidualBlock(3, bias=True)), image) == [3, 5, 7, 7]
    assert fields(nn.Sequential(strided, nn.Conv2d(3, 3, 3)), image) == [3, 7]
    assert fields(nn.Sequential(nn.Conv2d(3, 3, 3, dilation=4)), image) == [9]
    assert fields(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 3, 3)), image) == [6]
    # Kernel 4, stride 2: each output pixel is written by two inputs; 3 / 2: by one or two.
    assert fields(nn.Sequential(nn.ConvTranspose2d(3, 3, 4, 2, 1)), image) == [2]
    assert fields(nn.Sequential(nn.ConvTranspose2d(3, 3, 3, 2, 1)), image) == [2]
    assert fields(nn.Sequential(nn.ConvTranspose2d(3, 3, 2, 2)), image) == [1]


@pytest.mark.parametrize("sides", [(1, 5), (5, 1), (5, 3)])
def test_where_branches_meet_the_wider_one_counts(sides):
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.convs = nn.ModuleList(nn.Conv2d(3, 3, side, padding="same") for side in sides)
            self.last = nn.Conv2d(3, 3, 1)

        def forward(self, image):
            left, right = (conv(image) for conv in self.convs)
            return self.last(left + right)

    image = torch.rand(1, 3, 16, 16)
    assert fields(Branches(), image) == [*sides, 5]
    window = receptive_window(Branches(), "last", image, row=7, column=9)
    assert window == (range(5, 10), range(7, 12))


def test_fields_of_a_small_unet_by_hand():
    model, image = DeconvUNet(widths=(4, 8), blocks=(1, 1)), torch.rand(1, 3, 64, 64)
    layers = by_name(model, image)
    assert layers["encoder.0.0"].receptive_field == 7
    assert layers["down.0"].receptive_field == 8
    assert layers["bottom.0"].receptive_field == 8 + 2 * 2 * 2
    assert layers["up.0"].receptive_field == 16  # it copies a bottom pixel to 2 x 2
    # Two convolutions later 5 pixels are in reach, which lie in 3 bottom pixels: 2 more of 2.
    assert layers["decoder.0.0"].receptive_field == 16 + 2 * 2


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_equal_the_support_of_the_gradient_of_a_random_network(name):
    model, inputs = build(name, dtype=torch.float64)
    model = all_positive(model)
    image = inputs[0].requires_grad_()
    # Every fourth layer from the last one back, among them those that see most.
    layers = summarize_layers(model, *inputs)[::-4]
    outputs = {}
    for layer in layers:
        model.get_submodule(layer.name).register_forward_hook(
            lambda _module, _inputs, output, name=layer.name: outputs.update({name: output * 1})
        )
    model(*inputs)
    for layer in layers:
        largest = 0
        for offset in range(4):  # every place in the grid of two transposed convolutions
            row, column = layer.height // 2 + offset, layer.width // 2 - offset
            unit = outputs[layer.name][0, :, row, column].sum()
            (gradient,) = torch.autograd.grad(unit, image, retain_graph=True)
            support = gradient[0].abs().sum(0) > 0
            seen = [side.nonzero().flatten().tolist() for side in (support.any(1), support.any(0))]
            window = receptive_window(model, layer.name, *inputs, row=row, column=column)
            assert window is not None
            for pixels, side, length in zip(seen, window, support.shape, strict=True):
                inside = range(max(side.start, 0), min(side.stop, length))
                assert (pixels[0], pixels[-1]) == (inside[0], inside[-1]), (layer.name, offset)
            largest = max(largest, *(len(side) for side in window))
        assert layer.receptive_field == largest, layer.name


def test_a_way_that_cannot_be_followed_gives_none_and_not_a_wrong_number():
    class Squeeze(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)

        def forward(self, image):
            features = self.first(image)
            return self.last(features * features.mean(dim=(2, 3), keepdim=True))

    image = torch.rand(1, 3, 16, 16)
    assert fields(Squeeze(), image) == [3, None]
    assert receptive_window(Squeeze(), "last", image, row=3, column=3) is None


def test_an_unknown_layer_is_named():
    with pytest.raises(ValueError, match="'nose'"):
        receptive_window(nn.Conv2d(3, 3, 3), "nose", torch.rand(1, 3, 8, 8), row=0, column=0)


def test_the_model_is_left_alone_even_while_it_is_recorded():
    model, inputs = build("unet")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    with record_feature_maps(model, ["head"]) as maps, torch.inference_mode():
        layers = summarize_layers(model, *inputs)
    assert maps == {}
    assert len(layers) == 21
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(not module._forward_hooks for module in model.modules())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_half_precision_model_is_listed_too():
    layers = summarize_layers(
        DeconvUpscaler(channels=4, blocks=1, scale=2).bfloat16(), torch.rand(1, 3, 8, 8)
    )
    assert (layers[-1].height, layers[-1].receptive_field) == (16, 10)
