"""Pictures that are gray but for a tint: what a network adds of colour to them is its invention."""

from dataclasses import dataclass

import numpy as np

# By how many levels the channels of a tinted gray picture may differ, and in what share of its
# pixels at least: a scan of a black-and-white print, saved in colour.
MAX_TINT, TINTED_SHARE = 6, 0.999
# Rows that are worked on at once: a picture of 200 megapixels would take gigabytes.
_BAND = 256


@dataclass(frozen=True, kw_only=True)
class Hue:
    """A picture that is gray but for a tint.

    Attributes:
        gray: Mean of its channels, ``(H, W, 3)`` uint8, three times the same.
    """

    gray: np.ndarray

    def put_back(self, output: np.ndarray, colored: np.ndarray) -> None:
        """Give what a network made of ``gray`` the tint of the picture.

        Args:
            output: ``(H, W, 3)`` uint8, what the network made; overwritten.
            colored: The picture at the size of ``output``, enlarged without a network.
        """
        for top in range(0, len(output), _BAND):
            rows = slice(top, top + _BAND)
            tint = colored[rows] - colored[rows].mean(axis=-1, keepdims=True)
            gray = output[rows].mean(axis=-1, keepdims=True)
            output[rows] = np.rint(gray + tint).clip(0, 255)


def hue_of(pixels: np.ndarray) -> Hue | None:
    """Return the gray of a picture that is gray but for a tint; None for all others.

    Args:
        pixels: ``(H, W, 3)`` uint8. Of a picture that is exactly gray there is nothing to put back.

    >>> hue_of(np.full((2, 2, 3), 9, np.uint8)) is None
    True
    >>> hue_of(np.full((2, 2, 3), (9, 8, 7), np.uint8)).gray[0, 0].tolist()
    [8, 8, 8]
    """
    gray, within, count = np.empty_like(pixels), 0, pixels.shape[0] * pixels.shape[1]
    exact = True
    for top in range(0, len(pixels), _BAND):
        band = pixels[top : top + _BAND]
        tint = band.max(axis=-1) - band.min(axis=-1)
        within += int((tint <= MAX_TINT).sum())
        exact = exact and not tint.any()
        if within + count - min(top + _BAND, len(pixels)) * pixels.shape[1] < TINTED_SHARE * count:
            return None
        gray[top : top + _BAND] = np.rint(band.mean(axis=-1, keepdims=True))
    return None if exact else Hue(gray=gray)
