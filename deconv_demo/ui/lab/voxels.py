"""A block of numbers drawn as small cubes, its front corner cut away to show the inside."""

import numpy as np

from deconv_demo.inspection import colorize

_COS, _SIN = 0.866, 0.5  # cosine and sine of 30 degrees, the angle of an isometric drawing
_SHADES = {"top": 1.0, "left": 0.86, "right": 0.7}


def block(values: np.ndarray, *, name: str, edge: float = 22.0) -> str:
    """Draw ``(D, H, W)`` counts: night blue is none, cream the most.

    Args:
        values: Not negative; axis 0 points down, 1 to the lower left, 2 to the lower right.
        name: Description of the block for screen readers.
        edge: Edge of a cube, in units of the drawing.

    Returns:
        An SVG.
    """
    depth, height, width = values.shape
    kept = np.ones(values.shape, bool)
    if min(values.shape) > 1:
        kept[: depth // 2, height // 2 :, width // 2 :] = False
    colors = colorize(values, signed=False, limit=float(values.max()) or 1.0)
    left, top = height * _COS * edge, edge
    polygons = []
    for z in range(depth - 1, -1, -1):  # from below upwards, from back to front
        for y in range(height):
            for x in range(width):
                if not kept[z, y, x]:
                    continue
                corner = left + (x - y) * _COS * edge, top + ((x + y) * _SIN + z) * edge
                for face, hidden in (
                    ("top", z > 0 and kept[z - 1, y, x]),
                    ("left", y + 1 < height and kept[z, y + 1, x]),
                    ("right", x + 1 < width and kept[z, y, x + 1]),
                ):
                    if not hidden:
                        polygons.append(_face(face, *corner, edge, colors[z, y, x]))
    full_width = (width + height) * _COS * edge
    full_height = ((width + height) * _SIN + depth) * edge + edge
    return (
        f'<svg class="lab-block" viewBox="0 0 {full_width:.0f} {full_height + 4:.0f}" role="img" '
        f'aria-label="{name}">{"".join(polygons)}</svg>'
    )


def _face(face: str, x: float, y: float, edge: float, color: np.ndarray) -> str:
    """Return one side of a cube whose upper back corner lies at ``(x, y)``."""
    right, down = _COS * edge, _SIN * edge
    points = {
        "top": [(0, 0), (right, down), (0, 2 * down), (-right, down)],
        "left": [(-right, down), (0, 2 * down), (0, 2 * down + edge), (-right, down + edge)],
        "right": [(right, down), (0, 2 * down), (0, 2 * down + edge), (right, down + edge)],
    }[face]
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in points)
    red, green, blue = (round(int(value) * _SHADES[face]) for value in color)
    return f'<polygon points="{path}" fill="rgb({red},{green},{blue})"/>'
