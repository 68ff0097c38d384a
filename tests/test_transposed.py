"""The arithmetic of transposed convolution: PyTorch is the judge of every number."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deconv_demo.transposed import output_size, overlap_map, overlap_ratio

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
