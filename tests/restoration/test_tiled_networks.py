"""Networks in tiles give what they give in one piece."""

import numpy as np
import pytest
import skimage.data
import torch
from support.tiles import (
    MIN_TILE_SIDE,
    as_tile_function,
    in_one_piece,
    in_tiles,
    largest_difference,
    random_pixels,
)

from deconv_demo.networks.restorers import DeconvUNet, DeconvUpscaler
from deconv_demo.restoration.guide import wiener_guide_crop
from deconv_demo.restoration.tiling import (
    RAMP,
    count_tiles,
    plan_tiles,
)
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import CONTEXT, TASKS


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
