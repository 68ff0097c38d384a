"""Run a network over a large picture in tiles of one size, blended without a seam.

A tile is given some pixels of context on each inner side, which are thrown away, then ``RAMP``
pixels over which it fades into its neighbour. Memory beyond the two pictures is one row of
tiles, whatever the size of the picture.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

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


def plan_tiles(
    height: int, width: int, *, most_pixels: int, multiple: int, context: int = CONTEXT
) -> tuple[Axis, Axis]:
    """Cut a picture into tiles of one size that compute as little twice as they can.

    Args:
        height, width: Pixels of the picture, at least 1 each.
        most_pixels: Largest tile allowed; more than three overlaps square.
        multiple: Tiles start and end on multiples of it, so that a network that halves the
            picture several times samples it at the same places as in one piece.
        context: Pixels of a tile that are thrown away on each inner side: as far as the
            network looks.

    Returns:
        Of the rows and of the columns.

    Raises:
        ValueError: ``most_pixels`` are too few for the overlap.

    >>> rows, columns = plan_tiles(1000, 1000, most_pixels=600_000, multiple=8)
    >>> (rows.tile, rows.starts), (columns.tile, columns.starts)
    ((536, (0, 464)), (1000, (0,)))
    """
    shortest = 3 * overlap(context)
    if most_pixels < shortest**2:
        raise ValueError(
            f"tiles of {most_pixels} pixels are too small for an overlap of {overlap(context)}"
        )
    cut = partial(_cut_axis, multiple=multiple, context=context)
    plans = []
    for count in itertools.count(1):
        rows = cut(height, count=count)
        if plans and rows.tile < shortest:
            break
        longest = most_pixels // rows.tile
        if longest >= min(shortest, cut(width, count=1).tile):
            wide = (cut(width, count=across) for across in itertools.count(1))
            plans.append((rows, next(columns for columns in wide if columns.tile <= longest)))
    # Of equal ones that with the shortest rows of tiles, which lie in memory as a whole.
    return min(plans, key=lambda plan: (_computed(*plan), plan[0].tile))


def _computed(rows: Axis, columns: Axis) -> int:
    """Pixels of all tiles."""
    return len(rows.starts) * rows.tile * len(columns.starts) * columns.tile


def _cut_axis(length: int, *, count: int, multiple: int, context: int) -> Axis:
    """Cut one side into so many tiles, all of one size and evenly spread."""
    padded, common = _round_up(length, multiple), _round_up(overlap(context), multiple)
    # Rounding the length up keeps every overlap long enough.
    tile = _round_up(math.ceil((padded + (count - 1) * common) / count), multiple)
    last = max(padded - tile, 0)
    starts = tuple(
        round(index * last / max(count - 1, 1) / multiple) * multiple for index in range(count)
    )
    return Axis(length=length, tile=tile, starts=starts)


def count_tiles(
    height: int, width: int, *, most_pixels: int, multiple: int, context: int = CONTEXT
) -> int:
    """Return how many tiles ``run_in_tiles`` will make of a picture."""
    rows, columns = plan_tiles(
        height, width, most_pixels=most_pixels, multiple=multiple, context=context
    )
    return len(rows.starts) * len(columns.starts)


def run_in_tiles(
    pixels: np.ndarray,
    network: Callable[[np.ndarray], np.ndarray],
    *,
    scale: int,
    most_pixels: int,
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
        most_pixels: Largest tile.
        multiple: What the sides of a tile must be multiples of.
        context: Pixels of a tile that are thrown away on each inner side.
        output: ``(H * scale, W * scale, 3)`` uint8, written row of tiles by row of tiles;
            complete after the last yield.
    """
    height, width = pixels.shape[:2]
    rows, columns = plan_tiles(
        height, width, most_pixels=most_pixels, multiple=multiple, context=context
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
