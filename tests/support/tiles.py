"""Pictures in tiles and in one piece, for tests of either."""

import numpy as np
import torch
from torch import nn

from deconv_demo.restoration.tiling import (
    overlap,
    run_in_tiles,
)
from deconv_demo.tasks import CONTEXT

OVERLAP = overlap()


MIN_TILE_SIDE = 3 * OVERLAP


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
