"""The arithmetic of transposed convolution: PyTorch is the judge of every number."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deconv_demo.convolution.transposed import (
    contributions,
    gather,
    output_size,
    overlap_map,
    overlap_ratio,
    scatter,
)

# Valid and invalid settings alike: sides, kernel, stride, padding, output padding, dilation.
GRID = list(
    itertools.product((1, 2, 4), (1, 2, 3), (0, 1, 2, 3), (-1, 0, 1, 3), (-1, 0, 1, 2), (0, 1, 3))
)
NAMES = ("stride", "padding", "output_padding", "dilation")


def torch_output(x, weight, settings):
    """What PyTorch makes of it, or None where it refuses."""
    try:
        return F.conv_transpose2d(x[None], weight, **settings)[0]
    except RuntimeError:
        return None


def test_exactly_what_torch_refuses_is_refused_and_every_size_is_its():
    accepted = 0
    for side, kernel, *values in GRID:
        settings = dict(zip(NAMES, values, strict=True))
        expected = torch_output(
            torch.ones(1, side, side), torch.ones(1, 1, kernel, kernel), settings
        )
        try:
            size = output_size(side, kernel, **settings)
        except ValueError:
            size = None
        assert size == (None if expected is None else expected.shape[-1]), (side, kernel, settings)
        accepted += size is not None
    assert accepted >= 200
    assert len(GRID) - accepted >= 200


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"dilation": 0}, "dilation must be at least 1, got 0"),
        ({"padding": -1}, "padding must be at least 0, got -1"),
        ({"output_padding": 2, "stride": 2}, "below stride or dilation, got 2 with stride 2"),
        ({"padding": 2}, "nothing is left of 4 painted cells with padding 2"),
    ],
)
def test_a_refusal_says_why(wrong, message):
    with pytest.raises(ValueError, match=message):
        output_size(2, 3, **wrong)


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "output_padding", "dilation"),
    [(3, 2, 1, 1, 1), (5, 2, 2, 0, 1), (2, 3, 0, 2, 1), (3, 1, 2, 2, 3), (9, 4, 4, 3, 1)],
)
@pytest.mark.parametrize("layers", [1, 2])
def test_overlap_is_what_ones_give(
    dimensions, kernel, stride, padding, output_padding, dilation, layers
):
    settings = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "dilation": dilation,
    }
    transpose = F.conv_transpose1d if dimensions == 1 else F.conv_transpose2d
    expected = torch.ones(1, 1, *[5] * dimensions, dtype=torch.float64)
    for _ in range(layers):
        ones = torch.ones(1, 1, *[kernel] * dimensions, dtype=torch.float64)
        expected = transpose(expected, ones, **settings)
    counts = overlap_map(kernel, layers=layers, input_size=5, dimensions=dimensions, **settings)
    assert counts.dtype == np.int64
    assert np.array_equal(counts, expected[0, 0].numpy())


def test_overlap_ratio_of_known_layers():
    ratios = {
        (3, 2): 4.00,
        (5, 2): 2.25,
        (9, 2): 1.56,
        (9, 3): 1.00,
        (9, 4): 2.25,
        (12, 8): 4.00,
        (4, 2): 1.00,
        (2, 2): 1.00,
        (6, 2): 1.00,
        (8, 4): 1.00,
        (5, 1): 1.00,
    }
    assert {pair: round(overlap_ratio(*pair), 2) for pair in ratios} == ratios
    for kernel, stride in itertools.product(range(1, 10), range(1, 6)):
        assert (overlap_ratio(kernel, stride) == 1) == (kernel % stride == 0)
    assert overlap_ratio(1, 2) == math.inf


@pytest.mark.parametrize(("kernel", "stride", "layers"), [(3, 2, 2), (5, 3, 2), (5, 2, 3)])
def test_overlap_ratio_is_that_of_the_middle_of_a_large_map(kernel, stride, layers):
    counts = overlap_map(kernel, stride, 1, layers=layers, input_size=40)
    middle = len(counts) // 2
    inside = counts[middle - 27 : middle + 27, middle - 27 : middle + 27]
    ratio = inside.max() / inside.min()
    assert overlap_ratio(kernel, stride, layers=layers) == pytest.approx(ratio)


def test_overlap_of_nothing_is_refused():
    with pytest.raises(ValueError, match="layers and dimensions must be at least 1, got 0, 2"):
        overlap_map(3, layers=0)
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        overlap_ratio(3, 0)


@pytest.mark.parametrize("way", [scatter, gather])
def test_scatter_and_gather_are_what_torch_computes(way):
    generator = torch.Generator().manual_seed(0)
    compared = 0
    for side, kernel, *values in GRID:
        settings = dict(zip(NAMES, values, strict=True))
        x = torch.randn(2, side, side + 1, generator=generator, dtype=torch.float64)
        weight = torch.randn(2, 3, kernel, 2, generator=generator, dtype=torch.float64)
        expected = torch_output(x, weight, settings)
        if expected is None:
            with pytest.raises(ValueError, match="at least|below|nothing is left"):
                way(x.numpy(), weight.numpy(), **settings)
            continue
        found = way(x.numpy(), weight.numpy(), **settings)
        np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-12)
        compared += 1
    assert compared >= 200


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"got \(1, 2, 2\), \(3, 1, 2, 2\)"):
        scatter(np.ones((1, 2, 2)), np.ones((3, 1, 2, 2)))


def test_transposed_convolution_is_the_adjoint():
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(3, 2, 4, 4))
    x, y = generator.normal(size=(2, 9, 9)), generator.normal(size=(3, 4, 4))
    convolved = F.conv2d(torch.tensor(x[None]), torch.tensor(weight), stride=2, padding=1)[0]
    there = (convolved.numpy() * y).sum()
    back = (scatter(y, weight, stride=2, padding=1, output_padding=1) * x).sum()
    assert there == pytest.approx(back, rel=1e-13)


def test_arrays_of_the_articles():
    x = np.arange(1.0, 10).reshape(1, 3, 3)
    weight = np.array([[[[1.0, 0, -1]] * 3]])
    expected = [
        [1, 2, 2, -2, -3],
        [5, 7, 4, -7, -9],
        [12, 15, 6, -15, -18],
        [11, 13, 4, -13, -15],
        [7, 8, 2, -8, -9],
    ]
    assert scatter(x, weight)[0].tolist() == gather(x, weight)[0].tolist() == expected
    pooled = F.avg_pool2d(torch.tensor(expected)[None].float(), 2)[0]
    assert pooled.tolist() == [[3.75, -0.75], [12.75, -4.5]]
    y = np.array([[[94.0, 154, 106], [186, 285, 186], [106, 154, 94]]])
    product = [[1743, 3072, 2681], [4266, 6825, 5524], [4629, 7038, 5447]]
    assert scatter(y, x[None], padding=1)[0].tolist() == product


def test_sizes_of_the_articles():
    published = {"stride": 2, "padding": 1}
    assert output_size(32, 3, **published) == 63
    assert output_size(32, 3, output_padding=1, **published) == 64
    assert output_size(32, 4, **published) == 64
    assert output_size(output_size(64, 3, **published), 3, **published) == 253
    # Two poolings take 32 to 8, and a stride of 1 leaves it there.
    assert output_size(8, 5, padding=2) == 8
    assert output_size(output_size(8, 4, **published), 4, **published) == 32


def test_contributions_are_all_that_is_added():
    x, weight = np.arange(1.0, 7).reshape(2, 3), np.arange(4.0).reshape(2, 2) - 1
    settings = {"stride": 2, "padding": 1, "output_padding": 1, "dilation": 3}
    found = contributions(x, weight, **settings)
    expected = scatter(x[None], weight[None, None], **settings)[0]
    total = np.zeros_like(expected)
    for one in found:
        total[one.output] += one.product
        assert one.product == x[one.input] * weight[one.kernel]
    assert np.array_equal(total, expected)
    # In the order of painting: all of one input cell, then of the next.
    assert [one.input for one in found] == sorted(one.input for one in found)
    # With all of the border kept, every input cell meets every kernel cell once.
    whole = contributions(x, weight, stride=2, dilation=3)
    assert len({(one.input, one.kernel) for one in whole}) == len(whole) == x.size * weight.size
