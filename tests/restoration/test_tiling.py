"""Tiles: they cover the picture evenly, and a picture in tiles is the picture in one piece."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiles import (
    MIN_TILE_SIDE,
    OVERLAP,
    in_one_piece,
    in_tiles,
    random_pixels,
)

from deconv_demo.restoration.tiling import (
    COST_OF_A_ROW,
    RAMP,
    count_tiles,
    overlap,
    plan_tiles,
    run_in_tiles,
)
from deconv_demo.tasks import CONTEXT

LENGTHS = st.integers(1, 3000)
SIDES = st.integers(3 * OVERLAP, 700)
MULTIPLES = st.sampled_from([1, 2, 4, 8, 16])
CONTEXTS = st.integers(0, 72)


@st.composite
def plans(draw, contexts=CONTEXTS):
    """A picture's sides, how it may be cut, and how it is."""
    context = draw(contexts)
    side = max(draw(SIDES), 3 * overlap(context))
    sides = draw(LENGTHS), draw(LENGTHS)
    cut = {"max_pixels": side**2, "multiple": draw(MULTIPLES), "context": context}
    return sides, cut, plan_tiles(*sides, **cut)


@given(plan=plans(contexts=st.just(CONTEXT)), scale=st.sampled_from([1, 2, 4]))
def test_weights_add_up_to_one(plan, scale):
    for axis in plan[2]:
        total = np.zeros((axis.starts[-1] + axis.tile) * scale)
        for index, start in enumerate(axis.starts):
            weights = axis.weights(index, scale)
            assert weights.shape == (axis.tile * scale,)
            assert weights.min() >= 0
            total[start * scale : (start + axis.tile) * scale] += weights
        np.testing.assert_allclose(total, 1, atol=1e-6)


@given(plan=plans())
def test_tiles_fit_and_overlap(plan):
    sides, cut, axes = plan
    assert axes[0].tile * axes[1].tile <= cut["max_pixels"]
    for length, axis in zip(sides, axes, strict=True):
        starts = np.array(axis.starts)
        assert axis.length == length
        assert axis.tile % cut["multiple"] == 0
        assert (starts % cut["multiple"] == 0).all()
        assert starts[0] == 0
        assert length <= starts[-1] + axis.tile < length + cut["multiple"]
        spacing = np.diff(starts)
        assert (spacing > 0).all()
        assert (axis.tile - spacing >= 2 * cut["context"] + RAMP).all()


@given(plan=plans())
def test_context_is_thrown_away(plan):
    _, cut, axes = plan
    for axis in axes:
        last = len(axis.starts) - 1
        for index in range(last + 1):
            weights = axis.weights(index, 1)
            if index > 0:
                assert not weights[: max(cut["context"] - 1, 0)].any()
            if index < last:
                assert not weights[axis.tile - max(cut["context"] - 1, 0) :].any()


@given(height=LENGTHS, width=LENGTHS, side=SIDES)
def test_no_other_cut_computes_less(height, width, side):
    axes = plan_tiles(height, width, max_pixels=side**2, multiple=1)
    computed = math.prod(len(axis.starts) * axis.tile for axis in axes)
    for down, across in itertools.product(range(1, 25), repeat=2):
        tile = [
            math.ceil((length + (count - 1) * OVERLAP) / count)
            for length, count in ((height, down), (width, across))
        ]
        long_enough = all(
            count == 1 or short >= MIN_TILE_SIDE
            for short, count in zip(tile, (down, across), strict=True)
        )
        if long_enough and math.prod(tile) <= side**2:
            assert computed <= math.prod(tile) * down * across + COST_OF_A_ROW * tile[0] * width


@pytest.mark.parametrize("shape", [(50_000_000, 1), (1, 50_000_000), (2_000_000, 3), (7071, 7071)])
@pytest.mark.parametrize("context", [16, 48])
def test_pictures_of_any_shape_are_cut_at_once(shape, context):
    # By trying all numbers of rows the first took hours.
    cut = {"max_pixels": 600_000, "multiple": 8, "context": context}
    started = time.process_time()
    rows, columns = plan_tiles(*shape, **cut)
    assert time.process_time() - started < 5
    assert rows.tile * columns.tile <= 600_000
    for length, axis in zip(shape, (rows, columns), strict=True):
        assert axis.starts[-1] + axis.tile >= length


def test_rows_of_tiles_are_short_where_that_costs_little():
    """A row of tiles lies in memory as a whole: of a panorama, hundreds of megabytes."""
    rows, _ = plan_tiles(1000, 50_000, max_pixels=600_000, multiple=8)
    assert rows.tile < 600


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_two_tiles_count_alike(scale):
    axis, _ = plan_tiles(300, 180, max_pixels=MIN_TILE_SIDE**2, multiple=2)
    assert len(axis.starts) == 2
    first, second = axis.weights(0, scale), axis.weights(1, scale)
    np.testing.assert_allclose(first, second[::-1], atol=1e-6)


def test_no_more_tiles_than_needed():
    cut = {"max_pixels": 1000 * 576, "multiple": 8}
    assert count_tiles(1000, 576, **cut) == 1
    assert count_tiles(1000, 577, **cut) == 2
    # Two tiles of 576 reach 2 * 576 - OVERLAP pixels.
    assert count_tiles(1000, 2 * 576 - OVERLAP, **cut) == 2
    assert count_tiles(1000, 2 * 576 - OVERLAP + 1, **cut) == 3


def test_a_megapixel_is_cut_once():
    """Into halves, not quarters: those would compute a quarter more."""
    rows, columns = plan_tiles(1024, 1024, max_pixels=600_000, multiple=8)
    assert (rows.tile, rows.starts) == (512 + OVERLAP // 2, (0, 512 - OVERLAP // 2))
    assert (columns.tile, columns.starts) == (1024, (0,))


def test_too_small_tiles_are_refused():
    assert OVERLAP == 2 * CONTEXT + RAMP
    with pytest.raises(ValueError, match=rf"{MIN_TILE_SIDE**2 - 1}.*{OVERLAP}"):
        plan_tiles(1000, 1000, max_pixels=MIN_TILE_SIDE**2 - 1, multiple=1)


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (191, 193), (333, 257)])
@pytest.mark.parametrize("multiple", [1, 8])
def test_identity_gives_every_pixel_back(size, multiple):
    pixels = random_pixels(*size)
    restored = in_tiles(pixels, lambda tile: tile.astype(np.float32), multiple=multiple)
    assert np.array_equal(restored, pixels)


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (205, 193)])
def test_nearest_enlargement_is_exact(size):
    def nearest(tile):
        return tile.repeat(2, axis=0).repeat(2, axis=1).astype(np.float32)

    pixels = random_pixels(*size)
    assert np.array_equal(
        in_tiles(pixels, nearest, scale=2, multiple=8), in_one_piece(pixels, nearest)
    )


def test_values_are_rounded_and_clipped():
    pixels = np.full((200, 3, 3), 100, np.uint8)
    for value, expected in [(-40.0, 0), (99.6, 100), (100.4, 100), (300.0, 255)]:
        made = in_tiles(pixels, lambda tile, v=value: np.full(tile.shape, v, np.float32))
        assert (made == expected).all(), value


def test_every_tile_has_one_shape_and_is_counted():
    shapes, progress = [], []

    def network(tile):
        shapes.append(tile.shape)
        return tile.astype(np.float32)

    pixels = random_pixels(413, 301)
    options = {"max_pixels": MIN_TILE_SIDE**2, "multiple": 8}
    output = np.empty_like(pixels)
    for done in run_in_tiles(pixels, network, scale=1, output=output, **options):
        progress.append(done)
        assert len(shapes) == done
    total = count_tiles(413, 301, **options)
    assert total == 3 * 2
    assert progress == list(range(1, total + 1))
    assert len(set(shapes)) == 1, "a transposed convolution is slow for each new shape"
    assert np.array_equal(output, pixels)


def test_rows_are_written_while_the_rest_is_to_come():
    pixels = random_pixels(500, 100)
    output = np.zeros_like(pixels)
    run = run_in_tiles(
        pixels,
        lambda tile: tile.astype(np.float32),
        scale=1,
        max_pixels=MIN_TILE_SIDE**2,
        multiple=1,
        output=output,
    )
    next(run)
    assert np.array_equal(output[:100], pixels[:100])
    assert not output[250:].any()
