import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.color import rgb2lab

from deconv_demo.inspection import feature_grid as module
from deconv_demo.inspection.feature_grid import colorize, fitted_size, make_feature_grid, tile_at


def lightness(pixels):
    return rgb2lab(pixels / 255)[..., 0]


def test_zero_of_a_signed_map_is_exactly_neutral():
    red, green, blue = colorize(np.zeros((1, 1)), signed=True, limit=3.0)[0, 0]
    assert red == green == blue


def test_signed_colors_are_blue_below_and_orange_above_zero():
    below, _, above = colorize(np.array([[-2.0, 0.0, 2.0]]), signed=True, limit=4.0)[0].astype(int)
    assert below[2] > below[1] > below[0]
    assert above[0] > above[1] > above[2]


def test_signed_colors_darken_alike_towards_both_ends():
    ramp = lightness(colorize(np.linspace(-1, 1, 511)[None], signed=True, limit=1.0))[0]
    assert (np.diff(ramp[:256]) >= 0).all()
    assert (np.diff(ramp[255:]) <= 0).all()
    # One unit of L* is about what an eye can tell apart side by side.
    assert np.abs(ramp - ramp[::-1]).max() < 2


def test_unsigned_colors_rise_evenly_in_lightness():
    ramp = lightness(colorize(np.linspace(0, 1, 256)[None], signed=False, limit=1.0))[0]
    assert (np.diff(ramp) >= 0).all()
    assert np.abs(ramp - np.linspace(ramp[0], ramp[-1], 256)).max() < 3
    assert ramp[-1] - ramp[0] > 80


def test_colors_stop_at_the_limit_and_what_is_no_number_counts_as_zero():
    values = np.array([[np.nan, 0, np.inf, 9, 2, -np.inf, -9, -2]])
    colors = colorize(values, signed=True, limit=2.0)[0].tolist()
    assert colors[0] == colors[1]
    assert colors[2] == colors[3] == colors[4]
    assert colors[5] == colors[6] == colors[7] != colors[4]
    unsigned = colorize(values, signed=False, limit=2.0)[0].tolist()
    assert unsigned[1] == unsigned[5] == unsigned[7]


def test_colorize_takes_tensors_and_arrays_alike():
    values = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    of_tensor = colorize(values, signed=True, limit=1.0)
    assert of_tensor.dtype == np.uint8
    assert np.array_equal(of_tensor, colorize(values.numpy(), signed=True, limit=1.0))


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf")])
def test_colorize_refuses_a_limit_that_is_none(limit):
    with pytest.raises(ValueError, match="limit must be"):
        colorize(np.zeros((1, 1)), signed=True, limit=limit)


@pytest.mark.parametrize("columns", [1, 3, 4, 7])
def test_each_map_lies_where_the_order_puts_it(columns):
    order = [4, 0, 3, 1, 2]
    maps = torch.arange(5.0).view(5, 1, 1).expand(5, 6, 6) / 4  # channel k is k / 4 throughout
    pixels, limits = make_feature_grid(
        maps, order, columns=columns, tile=12, common_scale=True, gap=3
    )
    rows = -(-5 // columns)
    assert pixels.shape == (rows * 12 + (rows - 1) * 3, columns * 12 + (columns - 1) * 3, 3)
    assert limits == [1.0] * 5
    covered = np.zeros(pixels.shape[:2], dtype=bool)
    for position, channel in enumerate(order):
        top, left = position // columns * 15, position % columns * 15
        cell = pixels[top : top + 12, left : left + 12]
        assert (cell == colorize(np.array(channel / 4), signed=False, limit=1.0)).all()
        covered[top : top + 12, left : left + 12] = True
    assert (pixels[~covered] == module.BACKGROUND).all()


def test_tile_at_finds_the_tiles_that_atlas_drew():
    # Every channel in a colour of its own, looked up by its colour and by its place.
    maps = torch.arange(1.0, 8.0).view(7, 1, 1)
    pixels, _ = make_feature_grid(maps, range(7), columns=3, tile=5, common_scale=True, gap=2)
    limit = make_feature_grid(maps, [0], columns=1, tile=5, common_scale=True)[1][0]
    colors = [colorize(value, signed=False, limit=limit).tolist() for value in maps[:, 0, 0]]
    for y, x in np.ndindex(pixels.shape[:2]):
        color = pixels[y, x].tolist()
        expected = colors.index(color) if color in colors else None
        assert tile_at(x, y, columns=3, tile=5, count=7, gap=2) == expected


@pytest.mark.parametrize("point", [(-1, 0), (0, -1), (21, 0), (0, 14), (7, 14)])
def test_tile_at_knows_nothing_beyond_the_atlas(point):
    assert tile_at(*point, columns=3, tile=5, count=7, gap=2) in (None, 6)
    assert (tile_at(*point, columns=3, tile=5, count=7, gap=2) == 6) == (point == (0, 14))


@pytest.mark.parametrize(("height", "width"), [(4, 8), (8, 4), (32, 8), (1, 500), (64, 64)])
def test_a_map_keeps_its_shape_centered_in_its_tile(height, width):
    pixels, _ = make_feature_grid(
        torch.ones(1, height, width), [0], columns=1, tile=16, common_scale=True
    )
    drawn = (pixels != module.BACKGROUND).all(-1)
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    shape = (len(rows), len(columns))
    assert shape == fitted_size(height, width, 16)
    assert max(shape) == 16
    assert shape[0] / shape[1] == pytest.approx(height / width) or min(shape) == 1
    assert drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert abs(rows[0] - (15 - rows[-1])) <= 1
    assert abs(columns[0] - (15 - columns[-1])) <= 1


def test_enlarged_maps_repeat_their_pixels():
    maps = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(1))
    pixels, limits = make_feature_grid(maps, [1], columns=1, tile=15, common_scale=False)
    once = colorize(maps[1], signed=True, limit=limits[0])
    assert np.array_equal(pixels, once.repeat(3, axis=0).repeat(3, axis=1))


def test_enlarging_by_a_fraction_takes_the_pixel_under_each_center():
    maps = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(2))
    pixels, limits = make_feature_grid(maps, [0], columns=1, tile=16, common_scale=True)
    nearest = F.interpolate(maps[None], size=16, mode="nearest-exact")[0, 0]
    assert np.array_equal(pixels, colorize(nearest, signed=False, limit=limits[0]))


def test_shrunken_maps_average_areas():
    # Repeated 5 times and averaged over blocks of 8, 8 pixels become 5 without any weights.
    maps = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(3))
    fine = maps.repeat_interleave(5, dim=1).repeat_interleave(5, dim=2)
    expected = F.avg_pool2d(fine, 8)
    pixels, limits = make_feature_grid(maps, [2], columns=1, tile=5, common_scale=False)
    drawn = colorize(expected[2], signed=True, limit=limits[0]).astype(int)
    # One step of colour: float32 sums may round to the neighbour.
    assert np.abs(pixels - drawn).max() <= 3


def test_limits_are_quantiles_of_each_map_or_of_the_layer():
    maps = torch.randn(3, 40, 40, generator=torch.Generator().manual_seed(4))
    maps *= torch.tensor([1.0, 5.0, 0.1]).view(3, 1, 1)
    _, own = make_feature_grid(maps, [2, 0], columns=2, tile=8, common_scale=False)
    _, common = make_feature_grid(maps, [2, 0], columns=2, tile=8, common_scale=True)
    assert own == pytest.approx([np.quantile(maps[k].abs().numpy(), 0.995) for k in (2, 0)])
    assert common == pytest.approx([np.quantile(maps.abs().numpy(), 0.995)] * 2)


def test_a_sparse_map_is_scaled_by_its_maximum_and_an_empty_one_stays_dark():
    maps = torch.zeros(2, 40, 40)
    maps[0, 0, 0] = 7.0
    pixels, limits = make_feature_grid(maps, [0, 1], columns=2, tile=40, common_scale=False, gap=0)
    assert limits == [7.0, 0.0]
    dark, bright = colorize(np.array([0.0, 1.0]), signed=False, limit=1.0)
    assert (pixels[0, 0] == bright).all()
    assert (pixels[:, 40:] == dark).all()


def test_one_negative_value_anywhere_makes_the_layer_signed():
    maps = torch.ones(2, 4, 4)
    maps[1, 0, 0] = -1e-3
    pixels, _ = make_feature_grid(maps, [0], columns=1, tile=4, common_scale=False)
    assert (pixels == colorize(np.ones((4, 4)), signed=True, limit=1.0)).all()


def test_atlas_says_what_it_needs():
    with pytest.raises(ValueError, match=r"\(1, 2, 4, 4\)"):
        make_feature_grid(torch.zeros(1, 2, 4, 4), [0], columns=1, tile=4, common_scale=False)
    with pytest.raises(ValueError, match="0 channels"):
        make_feature_grid(torch.zeros(2, 4, 4), [], columns=1, tile=4, common_scale=False)
