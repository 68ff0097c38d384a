"""Every other name of the transposed convolution: equal to PyTorch's, on every valid setting."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deconv_demo.convolution import equivalents
from deconv_demo.convolution.transposed import output_size

WAYS = {
    name: getattr(equivalents, f"by_{name}")
    for name in ("zero_insertion", "matrix", "pixel_shuffle", "gradient")
}
NAMES = ("stride", "padding", "output_padding", "dilation")


def valid_settings():
    grid = itertools.product((1, 3), (1, 2, 5), (1, 2, 4), (0, 1, 2), (0, 1, 2), (1, 2, 3))
    for side, kernel, *values in grid:
        settings = dict(zip(NAMES, values, strict=True))
        try:
            output_size(side, kernel, **settings)
        except ValueError:
            continue
        yield side, kernel, settings


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_the_same_operator(way):
    compared = 0
    for side, kernel, settings in valid_settings():
        x, weight = random(2, side, side + 1), random(2, 3, kernel, 2)
        try:
            output_size(side + 1, 2, **settings)
        except ValueError:
            continue
        expected = F.conv_transpose2d(x[None], weight, **settings)[0]
        found = WAYS[way](x, weight, **settings)
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        compared += 1
    assert compared >= 200


@pytest.mark.parametrize("way", WAYS)
def test_every_way_refuses_what_torch_refuses(way):
    x, weight = torch.ones(1, 2, 2), torch.ones(1, 1, 3, 3)
    for wrong in ({"output_padding": 1}, {"stride": 0}, {"padding": 2}, {"padding": -1}):
        with pytest.raises(RuntimeError):
            F.conv_transpose2d(x, weight, **wrong)
        with pytest.raises(ValueError, match="padding|stride"):
            WAYS[way](x, weight, **wrong)
    with pytest.raises(ValueError, match=r"got \(1, 2, 2\), \(3, 1, 3, 3\)"):
        WAYS[way](x, torch.ones(3, 1, 3, 3))


def test_the_matrix_is_the_transpose_of_that_of_the_convolution():
    x, y, weight = random(2, 4, 5), random(3, 8, 10, seed=1), random(2, 3, 4, 4, seed=2)
    settings = {"stride": 2, "padding": 1}
    transposed = equivalents.matrix(weight, (4, 5), **settings)
    convolved = F.conv2d(y[None], weight, **settings)[0]
    torch.testing.assert_close((transposed.T @ y.flatten()).reshape(2, 4, 5), convolved)
    there = (convolved * x).sum()
    back = (y * equivalents.by_matrix(x, weight, **settings)).sum()
    torch.testing.assert_close(there, back, rtol=1e-13, atol=0)


def test_the_matrix_of_the_first_article_is_no_inverse():
    x = torch.arange(1.0, 10, dtype=torch.float64).reshape(1, 3, 3)
    weight = x[None]
    convolution = equivalents.matrix(weight, (3, 3), padding=1).T
    y = (convolution @ x.flatten()).reshape(1, 3, 3)
    assert y[0].tolist() == [[94, 154, 106], [186, 285, 186], [106, 154, 94]]
    back = equivalents.by_matrix(y, weight, padding=1)
    assert back[0].tolist() == [[1743, 3072, 2681], [4266, 6825, 5524], [4629, 7038, 5447]]
    torch.testing.assert_close(torch.linalg.solve(convolution, y.flatten()), x.flatten())
    assert round(torch.linalg.cond(convolution).item()) == 222


def test_a_cell_of_the_matrix_is_the_kernel_cell_it_is_colored_as():
    weight = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    settings = {"stride": 2, "padding": 1, "output_padding": 1}
    cells = equivalents.kernel_cells((3, 4), (3, 3), **settings)
    assert np.array_equal(cells + 1, equivalents.matrix(weight, (3, 4), **settings).numpy())


def test_correlation_and_convolution_and_transposed_convolution_of_one_array():
    x = torch.arange(1.0, 10).reshape(3, 3)
    kernel = torch.tensor([[1.0, 0, -1]] * 3)
    article = [[-7, -4, 7], [-15, -6, 15], [-13, -4, 13]]
    assert equivalents.correlate(x, kernel, padding=1).tolist() == article
    assert equivalents.convolve(x, kernel, padding=1).tolist() == [[-v for v in r] for r in article]
    # At stride 1 the transposed convolution is the convolution at its full size.
    assert equivalents.convolve(x, kernel, padding=2).tolist() == [
        [1, 2, 2, -2, -3],
        [5, 7, 4, -7, -9],
        [12, 15, 6, -15, -18],
        [11, 13, 4, -13, -15],
        [7, 8, 2, -8, -9],
    ]
    other = random(2, 3)
    picture = random(4, 5, seed=1)
    judged = F.conv2d(picture[None, None], other[None, None], padding=1)[0, 0]
    torch.testing.assert_close(equivalents.correlate(picture, other, padding=1), judged)
