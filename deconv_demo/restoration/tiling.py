"""Run a network over a large picture in tiles of one size, blended without a seam.

On each inner side a tile has some pixels of context, which are discarded, then ``RAMP`` pixels over
which it fades into its neighbour. Besides input and output only one row of tiles is in memory,
whatever the size of the picture.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

import numpy as np

from deconv_demo.tasks import CONTEXT

RAMP = 16
# Weight of memory against computation when a tiling is chosen: each buffered pixel of a tile row
# costs 5 % of a computed one.
COST_OF_A_ROW = 0.05


class TileLimits(TypedDict):
    """What ``plan_tiles`` is told of a network, by its keywords."""

    max_pixels: int
    multiple: int
    context: int


def overlap(context: int = CONTEXT) -> int:
    """Return the number of pixels that two neighbouring tiles share, at least."""
    return 2 * context + RAMP


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The tiles along one side of a picture.

    Attributes:
        length: Pixels of the picture along this side.
        tile: Pixels of every tile.
        starts: First pixel of each tile; the last tile may extend past the picture, over
            pixels that repeat its border.
    """

    length: int
    tile: int
    starts: tuple[int, ...]

    def weights(self, index: int, scale: int) -> np.ndarray:
        """Return the blending weight of each output pixel of tile ``index``, ``(tile * scale,)``.

        The weights of all tiles add up to exactly 1 at every pixel of the picture.
        """
        position = np.arange(self.tile * scale, dtype=np.float64) / scale + self.starts[index]
        position += 0.5 / scale
        weights = np.ones_like(position)
        if index > 0:
            weights = self._fade(position, index - 1)
        if index + 1 < len(self.starts):
            weights = np.minimum(weights, 1 - self._fade(position, index))
        return weights.astype(np.float32)

    def _fade(self, position: np.ndarray, left: int) -> np.ndarray:
        """Return a ramp from 0 to 1 over ``RAMP`` pixels in the middle of two tiles' overlap."""
        middle = (self.starts[left] + self.tile + self.starts[left + 1]) / 2
        return np.clip((position - middle) / RAMP + 0.5, 0, 1)


def plan_tiles(
    height: int, width: int, *, max_pixels: int, multiple: int, context: int = CONTEXT
) -> tuple[Axis, Axis]:
    """Choose the grid of equal tiles that recomputes the fewest pixels.

    Args:
        height, width: Pixels of the picture, at least 1 each.
        max_pixels: Largest tile allowed; more than three overlaps square.
        multiple: Tiles start and end on multiples of it, so that a network that halves the
            picture several times samples it at the same places as in one piece.
        context: Pixels discarded at each inner edge of a tile, at least the radius of the
            effective receptive field.

    Returns:
        Cut of the height and cut of the width.

    Raises:
        ValueError: ``max_pixels`` is too small for the overlap.

    >>> rows, columns = plan_tiles(1000, 1000, max_pixels=600_000, multiple=8)
    >>> (rows.tile, rows.starts), (columns.tile, columns.starts)
    ((536, (0, 464)), (1000, (0,)))
    """
    shortest = 3 * overlap(context)
    if max_pixels < shortest**2:
        raise ValueError(
            f"tiles of {max_pixels} pixels are too small for an overlap of {overlap(context)}"
        )
    tile_of = partial(_tile_length, multiple=multiple, context=context)
    whole_width = tile_of(width, 1)
    plans: list[tuple[float, int, int]] = []
    for down in itertools.count(1):
        tall = tile_of(height, down)
        if plans and tall < shortest:
            break
        longest = max_pixels // tall
        if longest < min(shortest, whole_width):
            continue  # these tiles are too tall
        across = _fewest(width, longest, multiple=multiple, context=context)
        wide = tile_of(width, across)
        plans.append((down * tall * across * wide + COST_OF_A_ROW * tall * width, down, across))
        if across == 1:
            break  # further rows of tiles would only add overlap
    _, down, across = min(plans)
    cut = partial(_cut_axis, multiple=multiple, context=context)
    return cut(height, count=down), cut(width, count=across)


def _tile_length(length: int, count: int, *, multiple: int, context: int) -> int:
    """Return the side of ``count`` tiles of one size that cover a length and overlap."""
    padded, common = _round_up(length, multiple), _round_up(overlap(context), multiple)
    # Rounding the length up keeps every overlap long enough.
    return _round_up(-(-(padded + (count - 1) * common) // count), multiple)


def _fewest(length: int, longest: int, *, multiple: int, context: int) -> int:
    """Return the smallest number of tiles that are no longer than ``longest``."""
    padded, common = _round_up(length, multiple), _round_up(overlap(context), multiple)
    longest -= longest % multiple
    return 1 if padded <= longest else -(-(padded - common) // (longest - common))


def _cut_axis(length: int, *, count: int, multiple: int, context: int) -> Axis:
    """Cut one side into ``count`` tiles, evenly spread."""
    tile = _tile_length(length, count, multiple=multiple, context=context)
    last = max(_round_up(length, multiple) - tile, 0)
    starts = tuple(
        round(index * last / max(count - 1, 1) / multiple) * multiple for index in range(count)
    )
    return Axis(length=length, tile=tile, starts=starts)


def count_tiles(
    height: int, width: int, *, max_pixels: int, multiple: int, context: int = CONTEXT
) -> int:
    """Return the number of tiles into which ``run_in_tiles`` cuts a picture."""
    rows, columns = plan_tiles(
        height, width, max_pixels=max_pixels, multiple=multiple, context=context
    )
    return len(rows.starts) * len(columns.starts)


def run_in_tiles(
    pixels: np.ndarray,
    network: Callable[[np.ndarray], np.ndarray],
    *,
    scale: int,
    max_pixels: int,
    multiple: int,
    context: int = CONTEXT,
    output: np.ndarray,
) -> Iterator[int]:
    """Fill ``output`` tile by tile, and yield the number of finished tiles after each.

    Args:
        pixels: ``(H, W, C)`` uint8; three channels, or six with a guide.
        network: Function from a ``(h, w, C)`` uint8 tile to ``(h * scale, w * scale, 3)`` float32
            on ``[0, 255]``, not rounded.
        scale: Output side / input side.
        max_pixels: Largest tile.
        multiple: Number that divides the sides of a tile.
        context: Pixels discarded at each inner edge of a tile.
        output: ``(H * scale, W * scale, 3)`` uint8, written row of tiles by row of tiles;
            complete after the last yield.
    """
    height, width = pixels.shape[:2]
    rows, columns = plan_tiles(
        height, width, max_pixels=max_pixels, multiple=multiple, context=context
    )
    band = np.zeros((rows.tile * scale, (columns.starts[-1] + columns.tile) * scale, 3), np.float32)
    done = 0
    for row, top in enumerate(rows.starts):
        for column, left in enumerate(columns.starts):
            tile = _cut(pixels, top, left, rows.tile, columns.tile)
            weights = rows.weights(row, scale)[:, None] * columns.weights(column, scale)[None, :]
            where = slice(left * scale, (left + columns.tile) * scale)
            band[:, where] += network(tile) * weights[..., None]
            done += 1
            if column + 1 < len(columns.starts):
                yield done
        # Output above the next row of tiles is final; the rest waits for that row's share.
        following = rows.starts[row + 1] if row + 1 < len(rows.starts) else top + rows.tile
        finished = (following - top) * scale
        target = output[top * scale : top * scale + finished]
        target[...] = np.rint(band[: len(target), : target.shape[1]]).clip(0, 255)
        kept = band[finished:].copy()
        band[: len(kept)] = kept
        band[len(kept) :] = 0
        yield done


def _cut(pixels: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Cut a tile; beyond the picture its last row and column are repeated."""
    tile = pixels[top : top + height, left : left + width]
    below, right = height - tile.shape[0], width - tile.shape[1]
    return np.pad(tile, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else tile


def _round_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
