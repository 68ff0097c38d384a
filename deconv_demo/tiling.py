"""Run a network over a large picture in tiles of one size, blended without a seam.

A tile is given some pixels of context on each inner side, which are thrown away, then ``RAMP``
pixels over which it fades into its neighbour. Memory beyond the two pictures is one row of
tiles, whatever the size of the picture.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

CONTEXT = 24
RAMP = 16


def overlap(context: int = CONTEXT) -> int:
    """Return how many pixels two neighbouring tiles have in common, at least."""
    return 2 * context + RAMP


@dataclass(frozen=True, kw_only=True)
class Axis:
    """How one side of a picture is cut.

    Attributes:
        length: Pixels of the picture along this side.
        tile: Pixels of every tile.
        starts: First pixel of each tile; the last tile may reach past the picture, over
            pixels that repeat its border.
    """

    length: int
    tile: int
    starts: tuple[int, ...]

    def weights(self, index: int, scale: int) -> np.ndarray:
        """Return how much each output pixel of tile ``index`` counts, ``(tile * scale,)``.

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
        """Rise from 0 to 1 over ``RAMP`` pixels in the middle of two tiles' common part."""
        middle = (self.starts[left] + self.tile + self.starts[left + 1]) / 2
        return np.clip((position - middle) / RAMP + 0.5, 0, 1)


def plan_axis(length: int, *, tile_limit: int, multiple: int, context: int = CONTEXT) -> Axis:
    """Cut one side into the fewest tiles, all of one size and evenly spread.

    Args:
        length: Pixels of that side, at least 1.
        tile_limit: Longest tile allowed; more than three overlaps.
        multiple: Tiles start and end on multiples of it, so that a network that halves the
            picture several times samples it at the same places as in one piece.
        context: Pixels of a tile that are thrown away on each inner side: as far as the
            network looks.

    Raises:
        ValueError: ``tile_limit`` is too short for the overlap.

    >>> plan_axis(1000, tile_limit=576, multiple=8)
    Axis(length=1000, tile=536, starts=(0, 464))
    """
    if tile_limit < 3 * overlap(context):
        raise ValueError(
            f"tiles of {tile_limit} are too short for an overlap of {overlap(context)}"
        )
    padded = _round_up(length, multiple)
    if padded <= tile_limit:
        return Axis(length=length, tile=padded, starts=(0,))
    longest, common = tile_limit - tile_limit % multiple, _round_up(overlap(context), multiple)
    count = math.ceil((padded - common) / (longest - common))
    # Rounding the length up keeps every overlap long enough.
    tile = min(_round_up(math.ceil((padded + (count - 1) * common) / count), multiple), longest)
    last = padded - tile
    starts = tuple(
        round(index * last / (count - 1) / multiple) * multiple for index in range(count)
    )
    return Axis(length=length, tile=tile, starts=starts)


def count_tiles(
    height: int, width: int, *, tile_limit: int, multiple: int, context: int = CONTEXT
) -> int:
    """Return how many tiles ``run_in_tiles`` will make of a picture."""
    rows = plan_axis(height, tile_limit=tile_limit, multiple=multiple, context=context)
    columns = plan_axis(width, tile_limit=tile_limit, multiple=multiple, context=context)
    return len(rows.starts) * len(columns.starts)


def run_in_tiles(
    pixels: np.ndarray,
    network: Callable[[np.ndarray], np.ndarray],
    *,
    scale: int,
    tile_limit: int,
    multiple: int,
    context: int = CONTEXT,
    output: np.ndarray,
) -> Iterator[int]:
    """Fill ``output`` tile by tile; yields how many tiles are done after each.

    Args:
        pixels: ``(H, W, C)`` uint8; three channels, or six with a guide.
        network: Takes a ``(h, w, C)`` uint8 tile, returns ``(h * scale, w * scale, 3)``
            float32 on ``[0, 255]``, not rounded.
        scale: Output side / input side.
        tile_limit: Longest side of a tile.
        multiple: What the sides of a tile must be multiples of.
        context: Pixels of a tile that are thrown away on each inner side.
        output: ``(H * scale, W * scale, 3)`` uint8, written row of tiles by row of tiles;
            complete after the last yield.
    """
    height, width = pixels.shape[:2]
    rows = plan_axis(height, tile_limit=tile_limit, multiple=multiple, context=context)
    columns = plan_axis(width, tile_limit=tile_limit, multiple=multiple, context=context)
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
        # Rows above the next row of tiles are final; the rest waits for its second half.
        following = rows.starts[row + 1] if row + 1 < len(rows.starts) else top + rows.tile
        finished = (following - top) * scale
        target = output[top * scale : top * scale + finished]
        target[...] = np.rint(band[: len(target), : target.shape[1]]).clip(0, 255)
        kept = band[finished:].copy()
        band[: len(kept)] = kept
        band[len(kept) :] = 0
        yield done


def _cut(pixels: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Cut a tile; past the picture its last row and column are repeated."""
    tile = pixels[top : top + height, left : left + width]
    below, right = height - tile.shape[0], width - tile.shape[1]
    return np.pad(tile, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else tile


def _round_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
