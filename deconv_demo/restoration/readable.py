"""The part of a picture from which noise, blur and files are read: nothing but the picture."""

import numpy as np
from PIL import Image

# Alpha from which on a pixel is the picture's own, and the shortest side worth reading.
OPAQUE, MIN_SIDE = 250, 48
# The mask is searched in cells, so many along its longer side at most.
_CELLS = 256


def readable_pixels(picture: Image.Image, pixels: np.ndarray) -> np.ndarray:
    """Return the largest rectangle of a picture without transparent pixels.

    What fills the ground of a cut-out is smooth: read as part of the picture, it would say that the
    picture is blurred and clean.

    Args:
        picture: As ``pictures.normalize`` returns it.
        pixels: Its ``visible_pixels``, ``(H, W, 3)`` uint8.

    Returns:
        A view of ``pixels``: all of it where it is opaque, or where too little is.
    """
    if picture.mode not in ("LA", "RGBA"):
        return pixels
    opaque = np.asarray(picture.getchannel("A")) >= OPAQUE
    if opaque.all():
        return pixels
    cell = max(1, -(-max(opaque.shape) // _CELLS))
    rows, columns = (side // cell for side in opaque.shape)
    cells = opaque[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    top, left, bottom, right = (
        cell * edge for edge in largest_rectangle(np.asarray(cells.all(axis=(1, 3))))
    )
    if min(bottom - top, right - left) < MIN_SIDE:
        return pixels
    return pixels[top:bottom, left:right]


def largest_rectangle(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of the largest rectangle that is True all over.

    Row by row, each column counts how far it is True upwards; a stack of rising heights finds the
    widest rectangle under each (as in the largest rectangle of a histogram).

    >>> largest_rectangle(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], bool))
    (0, 0, 2, 2)
    """
    best, found = 0, (0, 0, 0, 0)
    heights = np.zeros(mask.shape[1], int)
    for row, line in enumerate(mask):
        heights = (heights + 1) * line
        stack: list[tuple[int, int]] = []  # first column and height
        for column, height in enumerate([*heights.tolist(), 0]):
            start = column
            while stack and stack[-1][1] >= height:
                start, tall = stack.pop()
                if tall * (column - start) > best:
                    best = tall * (column - start)
                    found = (row + 1 - tall, start, row + 1, column)
            stack.append((start, height))
    return found
