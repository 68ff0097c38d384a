"""Feature maps as pictures: invertible colour maps, and all channels of a layer in one grid."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# Colours as (position, red, green, blue). Zero of a signed map is a gray without hue, and
# luminance falls equally towards both ends, so that only the hue shows the sign; blue and orange
# stay apart for every common kind of colour blindness.
_SIGNED_STOPS = (
    (-1.00, 8, 64, 129),
    (-0.50, 78, 146, 205),
    (0.00, 240, 240, 240),
    (0.50, 213, 114, 36),
    (1.00, 121, 37, 0),
)
# From night blue to cream, each stop placed at its own lightness, so that equal steps in value
# are equal steps in CIE lightness; blue to yellow again survives colour blindness.
_UNSIGNED_STOPS = (
    (0.000, 8, 10, 32),
    (0.205, 36, 48, 112),
    (0.412, 32, 107, 130),
    (0.606, 92, 158, 122),
    (0.798, 190, 199, 118),
    (1.000, 253, 247, 208),
)
# Odd, so that one colour is exactly zero; with the background they fill the palette of a PNG.
_COLORS = 255

# Between maps and around those that are not square: darker than zero of a signed map, lighter
# than zero of an unsigned one.
BACKGROUND = (112, 114, 118)

# The strongest half percent of a map is clipped: one bright pixel would darken all others. In a map
# with more pixels than this, every second row and column is sampled.
_LIMIT_QUANTILE, _MANY_PIXELS = 0.995, 128 * 128


def colorize(feature_map: Tensor | np.ndarray, *, signed: bool, limit: float) -> np.ndarray:
    """Colour a map: blue - gray - orange around zero, or night blue to cream from zero up.

    Args:
        feature_map: ``(h, w)``, or any other shape. Values beyond the limit take the last
            colour, and NaN takes that of zero.
        signed: Whether the colours show the sign; otherwise negative values count as zero.
        limit: Value of the last colour; 0 only for a map that is zero everywhere.

    Returns:
        ``(h, w, 3)``, uint8 RGB.

    Raises:
        ValueError: ``limit`` is negative, infinite or NaN.

    >>> colorize(np.zeros((1, 1)), signed=True, limit=1.0).tolist()
    [[[240, 240, 240]]]
    """
    return palette(signed=signed)[_palette_indices(feature_map, signed=signed, limit=limit)]


def palette(*, signed: bool) -> np.ndarray:
    """Return the colours of a map from its lowest to its highest value, then the background.

    Returns:
        ``(256, 3)``, uint8 RGB; of a signed map, entry 127 is zero.
    """
    return _SIGNED if signed else _UNSIGNED


def _palette_indices(feature_map: Tensor | np.ndarray, *, signed: bool, limit: float) -> np.ndarray:
    """Return the palette index of each value, uint8."""
    if not 0 <= limit < math.inf:
        raise ValueError(f"limit must be zero or a positive number, got {limit}")
    fraction = np.nan_to_num(np.asarray(feature_map, dtype=np.float32), posinf=limit, neginf=-limit)
    fraction = fraction / np.float32(limit) if limit > 0 else np.zeros_like(fraction)
    if signed:
        zero = _COLORS // 2
        return (np.rint(fraction.clip(-1, 1) * zero) + zero).astype(np.uint8)
    return np.rint(fraction.clip(0, 1) * (_COLORS - 1)).astype(np.uint8)


def make_feature_grid(
    maps: Tensor,
    order: Sequence[int],
    *,
    columns: int,
    tile: int,
    common_scale: bool,
    gap: int = 2,
) -> tuple[np.ndarray, list[float]]:
    """Draw feature maps side by side, row by row, as pixels.

    ``feature_grid_image`` takes the same arguments and draws the same as a picture with a
    palette, a third of the data.

    Returns:
        Pixels, ``(rows * tile + (rows - 1) * gap, columns * tile + (columns - 1) * gap, 3)``,
        uint8 RGB, and the limit of each map drawn, in the order drawn.

    >>> grid = {"columns": 3, "tile": 16, "common_scale": False}
    >>> make_feature_grid(torch.rand(5, 8, 8), range(5), **grid)[0].shape
    (34, 52, 3)
    """
    picture, limits = feature_grid_image(
        maps, order, columns=columns, tile=tile, common_scale=common_scale, gap=gap
    )
    return np.asarray(picture.convert("RGB")), limits


def feature_grid_image(
    maps: Tensor,
    order: Sequence[int],
    *,
    columns: int,
    tile: int,
    common_scale: bool,
    gap: int = 2,
) -> tuple[Image.Image, list[float]]:
    """Draw feature maps side by side, row by row.

    A map is enlarged by repeating its pixels and reduced by averaging areas, before it is
    colored, so that the picture shows the values of the network. Colours are signed if any value of
    the layer is negative. A map's limit is the 99.5 % quantile of its absolute values.

    Args:
        maps: ``(C, h, w)``.
        order: Channels to draw, in this order; any number of them.
        columns: Maps in a row.
        tile: Side of the square that holds one map, in pixels; the map keeps its shape in it.
        common_scale: One limit for all channels of the layer, drawn or not, instead of one
            for each map.
        gap: Pixels between two tiles.

    Returns:
        Picture of mode ``P``, ``columns * tile + (columns - 1) * gap`` wide and likewise high,
        and the limit of each map drawn, in the order drawn.

    Raises:
        ValueError: ``maps`` is not ``(C, h, w)``, or ``order`` is empty.

    >>> grid = {"columns": 3, "tile": 16, "common_scale": False}
    >>> feature_grid_image(torch.rand(5, 8, 8), range(5), **grid)[0].size
    (52, 34)
    """
    if maps.dim() != 3 or not len(order):
        raise ValueError(
            f"a grid needs maps (C, h, w) and a channel to draw, got {tuple(maps.shape)} and "
            f"{len(order)} channels"
        )
    signed = bool((maps < 0).any())
    shown = maps[list(order)].float()
    limits = (
        [color_limit(maps)] * len(order) if common_scale else [color_limit(one) for one in shown]
    )
    height, width = fitted_size(maps.shape[1], maps.shape[2], tile)
    resized = _resize(shown, height, width).numpy()

    rows = math.ceil(len(order) / columns)
    pitch = tile + gap
    steps = np.full((rows * pitch - gap, columns * pitch - gap), _COLORS, dtype=np.uint8)
    for index, (values, limit) in enumerate(zip(resized, limits, strict=True)):
        top = index // columns * pitch + (tile - height) // 2
        left = index % columns * pitch + (tile - width) // 2
        steps[top : top + height, left : left + width] = _palette_indices(
            values, signed=signed, limit=limit
        )
    picture = Image.fromarray(steps, mode="P")
    picture.putpalette(palette(signed=signed).tobytes())
    return picture, limits


def tile_at(x: int, y: int, *, columns: int, tile: int, count: int, gap: int = 2) -> int | None:
    """Return which of ``count`` maps of a grid lies under a pixel, None between or beyond them.

    >>> tile_at(20, 3, columns=3, tile=16, count=5)
    1
    """
    column, beside = divmod(x, tile + gap)
    row, below = divmod(y, tile + gap)
    index = row * columns + column
    on_a_tile = max(beside, below) < tile and 0 <= column < columns and 0 <= index < count
    return index if on_a_tile else None


def fitted_size(height: int, width: int, tile: int) -> tuple[int, int]:
    """Return the largest size with the aspect ratio ``height : width`` that fits a square tile.

    >>> fitted_size(64, 32, 128)
    (128, 64)
    """
    longer = max(height, width)
    return max(1, round(height * tile / longer)), max(1, round(width * tile / longer))


def color_limit(values: Tensor) -> float:
    """Return the value that takes the last colour, for one map or for all maps of a layer.

    Args:
        values: ``(..., h, w)``.

    >>> round(color_limit(torch.tensor([[0.0, -3.0]])), 3)
    2.985
    """
    many = values.shape[-2] * values.shape[-1] > _MANY_PIXELS
    magnitudes = (values[..., ::2, ::2] if many else values).abs().float().numpy()
    limit = float(np.quantile(magnitudes, _LIMIT_QUANTILE))
    return limit if limit > 0 else values.abs().max().item()  # all but a few pixels are zero


def _resize(maps: Tensor, height: int, width: int) -> Tensor:
    """Resize by nearest neighbour where a side grows, by exact area average where it shrinks."""
    before = maps.shape[-2:]
    if width < before[1]:
        maps = maps @ _area_weights(before[1], width).T.to(maps)
    elif width > before[1]:
        maps = maps.index_select(-1, _nearest(before[1], width))
    if height < before[0]:
        return _area_weights(before[0], height).to(maps) @ maps
    return maps.index_select(-2, _nearest(before[0], height)) if height > before[0] else maps


def _nearest(before: int, size: int) -> Tensor:
    return (torch.arange(size) * 2 + 1) * before // (2 * size)  # from pixel centres


def _area_weights(before: int, size: int) -> Tensor:
    """Return the fraction of each old pixel in each new one, ``(size, before)``."""
    edges = torch.arange(size + 1, dtype=torch.float64) * before / size
    cells = torch.arange(before, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], cells + 1) - torch.maximum(edges[:-1, None], cells)
    return overlap.clamp(min=0) * size / before


def _palette(stops: Sequence[tuple[float, int, int, int]]) -> np.ndarray:
    positions, *channels = zip(*stops, strict=True)
    at = np.linspace(positions[0], positions[-1], _COLORS)
    colors = np.stack([np.rint(np.interp(at, positions, c)) for c in channels], -1)
    return np.concatenate([colors, [BACKGROUND]]).astype(np.uint8)


_SIGNED = _palette(_SIGNED_STOPS)
_UNSIGNED = _palette(_UNSIGNED_STOPS)
