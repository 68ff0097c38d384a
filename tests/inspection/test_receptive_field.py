"""What one pixel sees, held against theory, finite differences and a deconvnet by hand."""

import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from deconv_demo.inspection.layer_stats import receptive_window
from deconv_demo.inspection.receptive_field import (
    backproject_unit,
    effective_receptive_field,
    influence_map,
    influence_window,
)
from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.restoration.weights import load_model

NETWORKS = {
    "unet": (lambda: DeconvUNet(widths=(4, 6), blocks=(1, 1)), 48),
    "denoiser": (lambda: DeconvUNet(widths=(4, 6), blocks=(1, 1), noise_level_map=True), 48),
    "guided": (lambda: DeconvUNet(widths=(4, 6), blocks=(1, 1), guided=True), 48),
    "upscale_x2": (lambda: DeconvUpscaler(channels=4, blocks=1, scale=2), 24),
    "upscale_x4": (lambda: DeconvUpscaler(channels=4, blocks=1, scale=4), 24),
}


def build(name):
    """A network of random positive weights, in which no two ways cancel."""
    make, side = NETWORKS[name]
    model = make().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.1, 1)
    inputs = [torch.rand(1, 3, side, side, dtype=torch.float64)]
    told = {
        "denoiser": [torch.tensor([0.1], dtype=torch.float64)],
        "guided": [torch.rand_like(inputs[0])],
    }
    return model.requires_grad_(False), inputs + told.get(name, [])


def hull(maps):
    """First and last row, first and last column of what is not zero."""
    rows, columns = maps.nonzero().T
    return (rows.min(), rows.max()), (columns.min(), columns.max())


def clean(model):
    return not any(
        parameter.requires_grad or parameter.grad is not None for parameter in model.parameters()
    ) and not any(module._forward_hooks or "forward" in vars(module) for module in model.modules())


@pytest.mark.parametrize("name", NETWORKS)
def test_theory_is_the_support_of_the_gradient_of_a_random_network(name):
    model, inputs = build(name)
    side = model(*inputs).shape[-1]
    # Pixels apart by one: a pixel's place in the grid of the strides matters.
    for row, column in ((side // 2, side // 2 + 1), (side // 2 + 3, side // 2 + 2)):
        field = effective_receptive_field(model, inputs, row=row, column=column)
        window = receptive_window(model, "tail", *inputs, row=row, column=column)
        assert window is not None
        for (first, last), expected in zip(hull(field), window, strict=True):
            assert (first, last) == (expected[0], expected[-1])


@pytest.mark.parametrize("name", NETWORKS)
def test_reach_is_the_reverse_of_the_field(name):
    model, inputs = build(name)
    side = inputs[0].shape[-1]
    row, column = side // 2 - 1, side // 2 + 2
    reach = influence_map(model, inputs, row=row, column=column)
    assert reach.shape == model(*inputs).shape[-2:]
    for y, x in (
        (r, c) for r in range(1, reach.shape[0], 11) for c in range(2, reach.shape[1], 13)
    ):
        seen = effective_receptive_field(model, inputs, row=y, column=x)[row, column] > 0
        assert (reach[y, x] > 0) == seen


@pytest.mark.parametrize("name", NETWORKS)
def test_the_window_of_reach_is_the_support_of_what_changes(name):
    model, inputs = build(name)
    side = inputs[0].shape[-1]
    for row, column in ((side // 2, side // 2 + 1), (0, side - 1)):
        reach = influence_map(model, inputs, row=row, column=column)
        window = influence_window(model, "tail", *inputs, row=row, column=column)
        assert window is not None
        for (first, last), expected in zip(hull(reach), window, strict=True):
            assert (first, last) == (expected[0], expected[-1])


def plain_network():
    """In float64 to its end, so that small differences can be seen."""
    torch.manual_seed(3)
    layers = (nn.Conv2d(3, 4, 3, 2, padding=1), nn.ReLU(), nn.ConvTranspose2d(4, 3, 4, 2, 1))
    return nn.Sequential(*layers).double().requires_grad_(False), [
        torch.rand(1, 3, 24, 20, dtype=torch.float64)
    ]


def test_field_matches_finite_differences():
    model, (image,) = plain_network()
    field = effective_receptive_field(model, [image], row=13, column=11)
    for y, x in ((13, 11), (12, 12), (14, 9), (0, 0)):
        expected = 0.0
        for channel in range(3):
            moved = image.clone()
            moved[0, channel, y, x] += 1e-6
            change = (model(moved) - model(image))[0, :, 13, 11].mean() / 1e-6
            expected += abs(change.item())
        assert field[y, x].item() == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert field[13, 11] > 0


def test_reach_matches_finite_differences():
    model, (image,) = plain_network()
    reach = influence_map(model, [image], row=13, column=11)
    moved = image.clone()
    moved[0, :, 13, 11] += 1e-6
    expected = ((model(moved) - model(image)) / 1e-6)[0].abs().mean(dim=0)
    torch.testing.assert_close(reach, expected, rtol=1e-5, atol=1e-8)
    assert reach.max() > 0


def unit_of(model, inputs, layer_name, channel, row, column):
    """Value of a unit of the model as a function of the picture, recorded by a plain hook."""
    kept = []
    handle = model.get_submodule(layer_name).register_forward_hook(
        lambda _module, _inputs, output: kept.append(output)
    )
    model(*inputs)
    handle.remove()
    return kept[0][0, channel, row, column]


@pytest.mark.parametrize("layer_name", ["head", "down.0", "up.0", "decoder.0.0.conv1", "tail"])
def test_gradient_projection_is_the_gradient(layer_name):
    model, inputs = build("unet")
    unit = {"channel": 1, "row": 11, "column": 9}
    picture = inputs[0].clone().requires_grad_()
    unit_of(model, [picture], layer_name, **unit).backward()
    projection = backproject_unit(model, inputs, layer_name, **unit, method="gradient")
    torch.testing.assert_close(projection, picture.grad[0])


def test_deconvnet_by_hand():
    """Zeiler and Fergus: the unit's value through transposed filters, a ReLU at each ReLU."""
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1)
    ).requires_grad_(False)
    image = torch.rand(1, 3, 12, 12)
    signal = torch.zeros(1, 5, 12, 12)
    signal[0, 2, 6, 5] = model(image)[0, 2, 6, 5]
    back = F.conv_transpose2d(signal, model[2].weight, padding=1)
    expected = F.conv_transpose2d(back.clamp(min=0), model[0].weight, padding=1)[0]
    unit = {"channel": 2, "row": 6, "column": 5}
    projection = backproject_unit(model, [image], "2", **unit, method="deconvnet")
    torch.testing.assert_close(projection, expected)
    gradient = backproject_unit(model, [image], "2", **unit, method="gradient")
    assert not torch.allclose(gradient, expected, atol=1e-3)


RELUS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "torch": torch.relu,
    "torch in place": torch.relu_,
    "function": F.relu,
    "method": lambda values: values.relu(),
}


@pytest.mark.parametrize("way", RELUS)
def test_every_way_to_write_a_relu_is_the_deconvnets(way):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, image):
            return self.layer(RELUS[way](image * 2) + 3)

    image = -torch.rand(1, 1, 4, 4)
    unit = {"channel": 0, "row": 1, "column": 2}
    # Shut on the way there, so no gradient; the value of 3 is positive and passes on the way back.
    projection = backproject_unit(Network(), [image], "layer", **unit, method="deconvnet")
    assert projection[0, 1, 2] == projection.sum() == 6
    assert not backproject_unit(Network(), [image], "layer", **unit, method="gradient").any()


def test_trained_weights_stay_as_they_are(photos):
    model = load_model("denoise")
    inputs = [photos["cat"][..., :64, :64], torch.tensor([0.1])]
    with torch.inference_mode():  # as the page runs its networks
        field = effective_receptive_field(model, inputs, row=30, column=33)
        reach = influence_map(model, inputs, row=30, column=33)
        unit = {"channel": 3, "row": 5, "column": 5}
        backproject_unit(model, inputs, "down.1", **unit, method="deconvnet")
    assert clean(model)
    for picture in (field, reach):  # a trained network may look most at a pixel nearby
        row, column = divmod(int(picture.argmax()), 64)
        assert max(abs(row - 30), abs(column - 33)) <= 3
        assert picture[30, 33] > 0.8 * picture.max()
    with pytest.raises(RuntimeError):
        effective_receptive_field(model, [torch.zeros(1, 7, 64, 64), inputs[1]], row=0, column=0)
    assert clean(model)


def test_weights_that_were_loaded_in_inference_mode():
    with torch.inference_mode():
        model, inputs = build("denoiser")
        expected = effective_receptive_field(build("denoiser")[0], inputs, row=3, column=4).shape
    assert next(model.parameters()).is_inference()
    assert effective_receptive_field(model, inputs, row=3, column=4).shape == expected == (48, 48)
    assert influence_map(model, inputs, row=3, column=4).shape == (48, 48)
    unit = {"channel": 0, "row": 3, "column": 3, "method": "deconvnet"}
    assert backproject_unit(model, inputs, "up.0", **unit).shape == (3, 48, 48)
    assert all(parameter.is_inference() for parameter in model.parameters())


def test_two_threads_with_ways_back_of_their_own(photos):
    model, inputs = load_model("upscale_x2"), [photos["cat"][..., :32, :32]]
    unit = {"channel": 3, "row": 16, "column": 16}
    expected = {
        way: backproject_unit(model, inputs, "merge", **unit, method=way)
        for way in ("deconvnet", "gradient")
    }
    together, results = threading.Barrier(2), {"deconvnet": [], "gradient": []}

    def visit(way):
        for _ in range(4):
            together.wait(timeout=60)
            results[way].append(backproject_unit(model, inputs, "merge", **unit, method=way))

    threads = [threading.Thread(target=visit, args=(way,)) for way in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for way, projections in results.items():
        assert len(projections) == 4
        for projection in projections:
            np.testing.assert_allclose(projection, expected[way], atol=1e-6)
    assert clean(model)


def test_pixels_and_layers_that_are_not_there():
    model, inputs = build("unet")
    with pytest.raises(ValueError, match=r"output is 48 rows of 48.*\(48, 0\)"):
        effective_receptive_field(model, inputs, row=48, column=0)
    with pytest.raises(ValueError, match=r"input is 48 rows of 48.*\(0, -1\)"):
        influence_map(model, inputs, row=0, column=-1)
    unit = {"row": 0, "column": 0, "method": "gradient"}
    with pytest.raises(ValueError, match="no layer 'middle'"):
        backproject_unit(model, inputs, "middle", channel=0, **unit)
    with pytest.raises(ValueError, match="head has 4 channels, not 4"):
        backproject_unit(model, inputs, "head", channel=4, **unit)
