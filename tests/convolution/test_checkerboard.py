"""The checkerboard meter: silent on noise and photographs, loud on grids of its period."""

import math

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from deconv_demo.convolution.checkerboard import CEILING_DB, NEUTRAL_DB, checkerboard_db

PHOTOGRAPHS = ("astronaut", "coffee", "cat", "rocket", "camera", "brick", "grass", "coins", "clock")


def photograph(name):
    """The middle of a picture that comes with scikit-image, at most 256 a side: (C, H, W)."""
    pixels = np.atleast_3d(getattr(skimage.data, name)())[..., :3].copy()
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    top, left = (max(0, (side - 256) // 2) for side in image.shape[-2:])
    return image[:, top : top + 256, left : left + 256]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def enlarged(image, kernel):
    """Half the size, and back by a transposed convolution of stride 2 with one kernel."""
    padding, extra = (len(kernel) - 1) // 2, len(kernel) % 2
    small = F.avg_pool2d(image.unsqueeze(1), 2)
    weight = kernel[None, None]
    return F.conv_transpose2d(small, weight, stride=2, padding=padding, output_padding=extra)[:, 0]


RANDOM_3 = torch.rand(3, 3, generator=torch.Generator().manual_seed(4))
# The kernel of linear interpolation: kernel 4, stride 2, each output pixel's weights sum to 1.
LINEAR_4 = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16


@pytest.mark.parametrize("size", [(128, 128), (256, 256), (131, 250)])
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_white_noise_reads_neutral(size, stride):
    for seed in range(4):
        assert checkerboard_db(noise(3, *size, seed=seed), stride) == pytest.approx(
            NEUTRAL_DB, abs=1.2
        )


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("stride", [2, 4])
def test_photographs_read_neutral(name, stride):
    assert checkerboard_db(photograph(name), stride) == pytest.approx(NEUTRAL_DB, abs=2.5)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_uneven_overlap_is_seen_on_every_photograph(name):
    image = photograph(name)
    assert checkerboard_db(enlarged(image, RANDOM_3), 2) > 20
    assert checkerboard_db(enlarged(image, RANDOM_3), 2) > checkerboard_db(image, 2) + 20


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_even_overlap_leaves_no_grid(name):
    assert checkerboard_db(enlarged(photograph(name), LINEAR_4), 2) < 2.5


def test_a_grid_in_noise_reads_what_the_spectrum_says():
    """A cosine of amplitude a stands a^2 * sum(w)^2 / (s^2 * sum(w^2)) above noise of s^2."""
    amplitude, side = 0.5, 32
    columns = torch.arange(512).expand(512, 512) % 2 * 2.0 - 1
    window = torch.hann_window(side, dtype=torch.float64)
    gain = (window.sum() ** 2 / window.square().sum()).item() ** 2
    # One line of three carries it; the other two read 1.
    expected = 10 * math.log10((1 + amplitude**2 * gain + 1 + 1) / 3)
    grid = noise(3, 512, 512) + amplitude * columns
    assert checkerboard_db(grid, 2) == pytest.approx(expected, abs=0.5)


def test_the_period_is_told_apart():
    rows, columns = torch.meshgrid(torch.arange(240), torch.arange(240), indexing="ij")
    threes = noise(240, 240) + 2.0 * (rows % 3 == 0) * (columns % 3 == 0)
    assert checkerboard_db(threes, 3) > 10
    assert abs(checkerboard_db(threes, 2)) < 1.5
    assert abs(checkerboard_db(threes, 4)) < 1.5


def test_stripes_one_way_count_and_edges_do_not():
    striped = noise(128, 128)
    striped[::2] += 1
    assert checkerboard_db(striped, 2) > 10
    edges = noise(128, 128) * 0.1
    edges[:, :37] += 5
    edges[91:] -= 7
    assert abs(checkerboard_db(edges, 2)) < 1.5


def test_brightness_scale_and_turning_change_nothing():
    grid = enlarged(photograph("coffee"), RANDOM_3)
    reading = checkerboard_db(grid, 2)
    assert checkerboard_db(3 * grid + 100, 2) == pytest.approx(reading, abs=0.01)
    assert checkerboard_db(grid.mT, 2) == pytest.approx(reading, abs=0.01)
    assert checkerboard_db(grid[None], 2) == pytest.approx(reading, abs=1e-9)


def test_the_place_of_the_grid_does_not_matter():
    grid = enlarged(photograph("cat"), RANDOM_3)
    whole = checkerboard_db(grid, 2)
    for top, left in ((0, 1), (1, 0), (3, 5)):
        assert checkerboard_db(grid[:, top:, left:], 2) == pytest.approx(whole, abs=1.5)


def test_every_pixel_is_in_a_square():
    """A side that the squares do not divide is covered to its last pixel."""
    image = torch.full((101, 70), 0.5)
    assert checkerboard_db(image, 2) == pytest.approx(NEUTRAL_DB, abs=0.01)
    image[:, -4:] += noise(101, 4)
    assert checkerboard_db(image, 2) != pytest.approx(NEUTRAL_DB, abs=0.01)


def test_constant_values_read_neutral_and_a_bare_grid_the_most():
    constant = torch.full((3, 64, 64), 0.3)
    assert checkerboard_db(constant, 2) == pytest.approx(NEUTRAL_DB, abs=0.01)
    assert checkerboard_db(torch.zeros(64, 64), 2) == pytest.approx(NEUTRAL_DB, abs=0.01)
    constant[..., ::2] = 0.4
    assert checkerboard_db(constant, 2) == CEILING_DB


def test_too_small_to_tell_is_no_number():
    assert math.isnan(checkerboard_db(noise(3, 15, 64), 2))
    assert not math.isnan(checkerboard_db(noise(3, 16, 64), 2))
    assert math.isnan(checkerboard_db(noise(3, 31, 31), 4))


def test_a_stride_of_one_has_no_grid():
    with pytest.raises(ValueError, match="stride 1"):
        checkerboard_db(noise(3, 64, 64), 1)


def test_the_values_keep_their_history():
    values = noise(1, 64, 64).requires_grad_()
    before = values.detach().clone()
    checkerboard_db(values, 2)
    assert values.requires_grad
    assert torch.equal(values, before)
