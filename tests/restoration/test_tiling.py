"""Tiles: they cover the picture evenly, and a picture in tiles is the picture in one piece."""

import itertools
import math
import time

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.restoration.guide import wiener_guide_crop
from deconv_demo.restoration.tiling import (
    COST_OF_A_ROW,
    RAMP,
    count_tiles,
    overlap,
    plan_tiles,
    run_in_tiles,
)
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import CONTEXT, TASKS

OVERLAP = overlap()
LENGTHS = st.integers(1, 3000)
SIDES = st.integers(3 * OVERLAP, 700)
MIN_TILE_SIDE = 3 * OVERLAP
MULTIPLES = st.sampled_from([1, 2, 4, 8, 16])
CONTEXTS = st.integers(0, 72)


def random_pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_tile_function(network: nn.Module, *conditions: torch.Tensor):
    """Wrap a network as ``run_in_tiles`` calls it, in the precision of its parameters."""
    dtype = next(network.parameters()).dtype

    def run(tile: np.ndarray) -> np.ndarray:
        image, *guide = (torch.from_numpy(tile).permute(2, 0, 1)[None].to(dtype) / 255).split(3, 1)
        with torch.inference_mode():
            return network(image, *guide, *conditions)[0].permute(1, 2, 0).mul(255).numpy()

    return run


def in_tiles(
    pixels: np.ndarray,
    network,
    *,
    scale=1,
    max_pixels=MIN_TILE_SIDE**2,
    multiple=1,
    context=CONTEXT,
) -> np.ndarray:
    height, width = pixels.shape[:2]
    output = np.full((height * scale, width * scale, 3), 77, np.uint8)
    cut = {"max_pixels": max_pixels, "multiple": multiple, "context": context}
    for _ in run_in_tiles(pixels, network, scale=scale, output=output, **cut):
        pass
    return output


def in_one_piece(pixels: np.ndarray, network) -> np.ndarray:
    return np.rint(network(pixels)).clip(0, 255).astype(np.uint8)


def largest_difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


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


@pytest.mark.parametrize("scale", [2, 4])
def test_small_upscaler_equals_the_untiled_result(scale):
    # It sees 6 pixels to each side, less than CONTEXT, so that not a bit is lost; in float64,
    # where sums in another order do not reach the rounding.
    network = as_tile_function(DeconvUpscaler(channels=3, blocks=1, scale=scale).double())
    pixels = random_pixels(199, 196)
    assert np.array_equal(in_tiles(pixels, network, scale=scale), in_one_piece(pixels, network))


@pytest.mark.parametrize("task_id", ["upscale_x2", "upscale_x4"])
def test_upscalers_of_the_table_equal_the_untiled_result(task_id):
    # Their receptive field, 1 + 2 * blocks + 1 + 2 pixels to each side, stays inside CONTEXT.
    task = TASKS[task_id]
    network = as_tile_function(task.build())
    pixels = random_pixels(200, 196)
    assert len(pixels) * pixels.shape[1] > MIN_TILE_SIDE**2
    tiled, whole = in_tiles(pixels, network, scale=task.scale), in_one_piece(pixels, network)
    # float32 sums depend on the shape; a value that falls on .5 may round either way.
    assert largest_difference(tiled, whole) <= 1
    assert (tiled != whole).mean() < 1e-3


def test_the_comparison_sees_a_network_that_looks_too_far():
    def shift(tile):
        reach = CONTEXT + RAMP + 1
        return np.pad(tile, ((0, 0), (reach, 0), (0, 0)), mode="edge")[:, :-reach].astype(float)

    pixels = random_pixels(180, 215)
    assert largest_difference(in_tiles(pixels, shift), in_one_piece(pixels, shift)) > 100


def test_unet_samples_the_same_places_in_tiles():
    # One level: it sees about 14 pixels, inside CONTEXT, so only the 2 x 2 grid can go wrong.
    network = DeconvUNet(widths=(4, 6), blocks=(1, 1)).double()
    with torch.no_grad():
        network.tail.weight.mul_(50)  # untrained it changes less than a level
    run = as_tile_function(network)
    pixels = random_pixels(180, 231)
    whole = in_one_piece(pixels, run)
    assert largest_difference(whole, pixels) > 10
    tiled = in_tiles(pixels, run, multiple=network.size_multiple)
    assert np.array_equal(tiled, whole)
    # A start on an odd pixel puts the strided convolution on other pixels: visible.
    _, columns = plan_tiles(180, 231, max_pixels=MIN_TILE_SIDE**2, multiple=1)
    assert columns.starts[1] % 2 == 1
    assert largest_difference(in_tiles(pixels, run, max_pixels=MIN_TILE_SIDE**2), whole) > 1


@pytest.mark.parametrize("task_id", ["denoise", "deblur"])
@pytest.mark.parametrize("picture", ["astronaut", "chelsea"])
def test_shipped_unets_do_not_show_their_tiles(task_id, picture):
    # Their four levels see further than the context, but what lies beyond hardly counts: in
    # float32 it moves fewer than 1 in 10,000 values by more than one of 255 levels, none by three.
    task, model = TASKS[task_id], load_model(task_id)
    sigma = torch.tensor([25 / 255])
    clean = getattr(skimage.data, picture)()[20:284, 0:448].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 25 if model.noise_level_map else 2.55, clean.shape)
    pixels = np.rint(clean + noise).clip(0, 255).astype(np.uint8)
    cut = {"max_pixels": 336**2, "multiple": model.size_multiple, "context": task.tile_context}
    assert count_tiles(*pixels.shape[:2], **cut) == 2
    if model.guided:
        guide = wiener_guide_crop(pixels, (0, 0, pixels.shape[1], pixels.shape[0]))
        pixels = np.concatenate([pixels, guide], axis=2)
    run = as_tile_function(model, *([sigma] if model.noise_level_map else []))
    tiled, whole = in_tiles(pixels, run, **cut), in_one_piece(pixels, run)
    assert largest_difference(tiled, whole) <= 2
    assert (np.abs(tiled.astype(int) - whole) > 1).mean() < 1e-4
