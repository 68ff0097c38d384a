"""Many channels: sums that are PyTorch's, counts that are an independent counter's."""

import html
import itertools
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from deconv_demo.convolution.transposed import output_size
from deconv_demo.ui.lab.channels import _RANGES, _show
from deconv_demo.ui.lab.channels_data import DOUBLING, SIDE, Layer, add_up, costs
from deconv_demo.ui.lab.channels_html import costs_html, doubling_html, sums_html

LAYERS = [
    Layer(
        in_channels=c,
        out_channels=o,
        kernel_size=k,
        stride=s,
        padding=p,
        output_padding=op,
    )
    for c, o, k, s, p, op in [
        (1, 1, 1, 1, 0, 0),
        (2, 2, 3, 2, 1, 1),
        (3, 1, 4, 2, 1, 0),
        (1, 3, 2, 3, 1, 2),
        (3, 2, 4, 3, 2, 1),
    ]
]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_sum_over_channels_is_that_of_torch(layer):
    sums = add_up(layer, seed=5)
    x, weight, bias = (torch.from_numpy(array) for array in (sums.x, sums.weight, sums.bias))
    expected = F.conv_transpose2d(x[None], weight, bias, **layer.settings)[0].numpy()
    np.testing.assert_array_equal(sums.y, expected)
    for c, o in itertools.product(range(len(x)), range(len(bias))):
        alone = F.conv_transpose2d(
            x[None, c : c + 1], weight[c : c + 1, o : o + 1], **layer.settings
        )
        np.testing.assert_array_equal(sums.shares[c, o], alone[0, 0].numpy())


def test_the_difference_is_measured(monkeypatch):
    right = F.conv_transpose2d
    monkeypatch.setattr(F, "conv_transpose2d", lambda *args, **kwargs: right(*args, **kwargs) + 2)
    assert add_up(LAYERS[1]).difference == 2


def test_other_numbers_come_from_another_seed():
    assert not np.array_equal(add_up(LAYERS[1], 0).x, add_up(LAYERS[1], 1).x)


@pytest.mark.parametrize("layer", LAYERS)
def test_costs_are_those_of_real_layers(layer):
    """Counted by PyTorch, and probed with a picture that is not constant anywhere."""
    side = 11
    for cost in costs(layer, side):
        module = eval(cost.code, {"nn": nn}).double()  # the line on the page runs as it is
        assert cost.parameters == sum(parameter.numel() for parameter in module.parameters())
        picture = torch.rand(1, layer.in_channels, side, side, dtype=torch.float64)
        picture.requires_grad_()
        given = picture.flatten(1) if cost.kind == "linear" else picture
        with FlopCounterMode(display=False) as counter:
            out = module(given)
        assert 2 * cost.macs == counter.get_total_flops()
        out = out.reshape(layer.out_channels, cost.side, cost.side)
        # Fields are squares: which rows of the input matter to which rows of the output.
        matters = torch.zeros(cost.side, side, dtype=torch.bool)
        for row in range(cost.side):
            (gradient,) = torch.autograd.grad(out[0, row].sum(), picture, retain_graph=True)
            matters[row] = (gradient[0, 0] != 0).any(dim=1)
        assert cost.sees == _longest(matters)
        assert cost.reaches == _longest(matters.T)


def _longest(lines):
    """Longest stretch of a line from its first true cell to its last."""
    found = [line.nonzero().flatten() for line in lines]
    return max(int(cells[-1] - cells[0]) + 1 for cells in found if len(cells))


def test_a_layer_and_its_convolution_trade_what_they_see_and_reach():
    transposed, convolution, full = costs(LAYERS[1], 32)
    assert transposed.parameters == convolution.parameters < full.parameters
    assert (transposed.sees, transposed.reaches) == (convolution.reaches, convolution.sees)


@pytest.mark.parametrize("recipe", DOUBLING)
def test_recipes_for_twice_the_side(recipe):
    layer = nn.ConvTranspose2d(1, 1, recipe[0], *recipe[1:])
    side = layer(torch.zeros(1, 1, 32, 32)).shape[-1]
    assert side == (63 if recipe == (3, 2, 1, 0) else 64)
    code = "kernel_size={}, stride={}, padding={}, output_padding={}".format(*recipe)
    row = re.search(rf"{code}</code></th><td>32 → (\d+)</td>", doubling_html(32, "en"))
    assert int(row[1]) == side


def test_every_position_of_the_controls_says_what_torch_says():
    """Numbers where PyTorch runs, a reason where it refuses."""
    values = [range(low, high + 1) for low, high, _ in list(_RANGES.values())[2:]]
    for kernel_size, stride, padding, output_padding in itertools.product(*values):
        shown = _show(1, 1, kernel_size, stride, padding, output_padding, 8, 0, "en")
        settings = {"stride": stride, "padding": padding, "output_padding": output_padding}
        weight = torch.zeros(1, 1, kernel_size, kernel_size)
        try:
            F.conv_transpose2d(torch.zeros(1, 1, SIDE, SIDE), weight, **settings)
        except RuntimeError as error:
            reason = "must be smaller" if "output padding" in str(error) else "Nothing is left"
            assert reason in shown[0]
            assert shown[1] == ""
        else:
            side = output_size(SIDE, kernel_size, **settings)
            last = shown[0].rsplit("<caption>Y[0]</caption>", 1)[1]
            assert last.split("</table>")[0].count("<td") == side**2


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_page_shows_the_numbers_of_the_sums(language):
    layer, sums = LAYERS[1], add_up(LAYERS[1], seed=3)
    page = html.unescape(sums_html(layer, 3, language)).replace("−", "-")
    arrays = [
        [float(cell) for cell in re.findall(r"<td[^>]*>([-\d]+)</td>", part)]
        for part in page.split("</caption>")[1:]
    ]
    drawn = []
    for c in range(2):
        drawn += [
            sums.x[c],
            *(one for o in (0, 1) for one in (sums.weight[c, o], sums.shares[c, o])),
        ]
    for array, expected in zip(arrays, [*drawn, *sums.y], strict=True):
        assert array == expected.ravel().tolist()
    middle = sums.y[1, 3, 3]
    assert re.search(rf"Y\[1\]\[3, 3\] = .* = <b>{middle:.0f}</b>", page)
    assert "2048" in costs_html(layer, 32, language)
