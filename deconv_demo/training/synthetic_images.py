"""Random images of print, diagrams, patterns and pixel art, which photographs do not cover."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_Color = tuple[int, ...]
_LETTER_SIZES = (9, 11, 13, 16, 20, 28, 40)
_TEXT = (
    "a transposed convolution paints every input value into the output; with stride 2 its "
    "stamps overlap. WHERE = 0123456789 (x, y) + k? "
) * 2
_LINE, _WORD = 100, 6
_KINDS = (("print", 0.42), ("shapes", 0.25), ("pattern", 0.08), ("pixels", 0.08))
# And those that are made of a photograph: by dots of a screen, or as pixel art.
_KINDS_OF_PHOTO = (("screen", 0.08), ("art", 0.09))
# Print is often black on white, on many screens light on dark, and mostly antialiased.
_WHITE_PROB, _DARK_PROB, _BLACK_PROB, _SMOOTHED_PROB = 0.4, 0.3, 0.7, 0.8
_MAX_DARK_LEVEL = 40
# Screens often have pure colours: every channel on or off.
_PURE_PROB = 0.4
_MAX_PERIOD = 8
_LARGE_PROB, _SMALL = 0.4, 14
_MAX_PALETTE, _MAX_PIXEL = 16, 10


def random_drawing(
    generator: np.random.Generator, side: int, photo: np.ndarray | None = None
) -> np.ndarray:
    """Draw a page of print, a heap of shapes and words, stripes, a chessboard or large pixels.

    Args:
        generator: Source of all choices.
        side: Number of rows and of columns.
        photo: A photograph, ``(side, side, 3)`` uint8, that may be printed in dots of a screen, or
            made into pixel art; None draws neither.

    Returns:
        ``(side, side, 3)`` uint8, without any noise.

    >>> random_drawing(np.random.default_rng(0), 96).shape
    (96, 96, 3)
    """
    kinds = _KINDS if photo is None else _KINDS + _KINDS_OF_PHOTO
    shares = np.array([share for _, share in kinds])
    kind = generator.choice([name for name, _ in kinds], p=shares / shares.sum())
    if kind == "screen" and photo is not None:
        return _screened(generator, photo)
    if kind == "art" and photo is not None:
        return _pixel_art(generator, photo)
    if kind == "pattern":
        return _pattern(generator, side)
    if kind == "pixels":
        return _large_pixels(generator, side)
    ground, ink = _ground_and_ink(generator)
    picture = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(picture)
    draw.fontmode = "L" if generator.random() < _SMOOTHED_PROB else "1"
    if kind == "print":
        _print(draw, generator, side, ink)
    else:
        for _ in range(generator.integers(3, 60)):
            _shape(draw, generator, side)
    return np.asarray(picture)


def _ground_and_ink(generator: np.random.Generator) -> tuple[_Color, _Color]:
    """Return the colours of paper and letters: black on white, light on dark, or any on any."""
    drawn = generator.random()
    if drawn < _WHITE_PROB:
        is_black = generator.random() < _BLACK_PROB
        return (255,) * 3, (0,) * 3 if is_black else _color(generator)
    if drawn < _WHITE_PROB + _DARK_PROB:
        darkest = generator.random() < _PURE_PROB
        dark = (0,) * 3 if darkest else tuple(generator.integers(0, _MAX_DARK_LEVEL, 3).tolist())
        light = _color(generator)
        return dark, light if max(light) > 2 * _MAX_DARK_LEVEL else (255,) * 3
    return _color(generator), _color(generator)


def _print(
    draw: ImageDraw.ImageDraw, generator: np.random.Generator, side: int, ink: _Color
) -> None:
    size = int(generator.choice(_LETTER_SIZES))
    spacing, left = int(size * generator.uniform(1.05, 1.6)), int(generator.integers(-20, 30))
    for top in range(int(generator.integers(-10, 20)), side, spacing):
        draw.text((left, top), _letters(generator, _LINE), ink, ImageFont.load_default(size))


def _shape(draw: ImageDraw.ImageDraw, generator: np.random.Generator, side: int) -> None:
    kind = generator.choice(["rectangle", "ellipse", "line", "word"])
    left, top = generator.integers(-20, side, 2).tolist()
    # Most shapes are small: these look like noise.
    largest = side // 2 if generator.random() < _LARGE_PROB else _SMALL
    width, height = generator.integers(2, largest, 2).tolist()
    color = _color(generator)
    if kind == "line":
        slant = int(generator.choice([-1, 1]))
        ends = (left, top, left + width, top + slant * height)
        draw.line(ends, color, int(generator.integers(1, 4)))
    elif kind == "word":
        font = ImageFont.load_default(int(generator.choice(_LETTER_SIZES)))
        draw.text((left, top), _letters(generator, _WORD), color, font)
    else:
        getattr(draw, kind)((left, top, left + width, top + height), color)


def _pattern(generator: np.random.Generator, side: int) -> np.ndarray:
    """Draw stripes along, across or both, as a chessboard."""
    period = int(generator.integers(1, _MAX_PERIOD + 1))
    rows, columns = np.indices((side, side)) // period
    phase = (rows, columns, rows + columns)[generator.integers(3)] % 2
    return np.array([_color(generator), _color(generator)], np.uint8)[phase]


def _large_pixels(generator: np.random.Generator, side: int) -> np.ndarray:
    """Draw squares in the colours of a palette, as in pixel art or a QR code."""
    palette = [_color(generator) for _ in range(generator.integers(2, _MAX_PALETTE + 1))]
    size = int(generator.integers(2, _MAX_PIXEL + 1))
    count = -(-side // size)
    squares = generator.integers(0, len(palette), (count, count))
    pixels = np.array(palette, np.uint8)[squares].repeat(size, axis=0).repeat(size, axis=1)
    return np.ascontiguousarray(pixels[:side, :side])


def _screened(generator: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    """Print a photo in dots, black or of one colour a channel, whose size tells its brightness."""
    rows, columns = np.indices(photo.shape[:2])
    period, soft = generator.uniform(2.5, 9), generator.uniform(0.02, 0.5)
    one_ink = generator.random() < _PURE_PROB
    value = photo.mean(axis=-1, keepdims=True) / 255 if one_ink else photo / 255
    dots = np.empty(value.shape)
    for channel in range(value.shape[-1]):
        angle = generator.uniform(0, np.pi / 2)
        along = rows * np.cos(angle) + columns * np.sin(angle)
        across = columns * np.cos(angle) - rows * np.sin(angle)
        wave = np.cos(2 * np.pi * along / period) * np.cos(2 * np.pi * across / period)
        dots[..., channel] = (value[..., channel] - (wave + 1) / 2) / soft + 0.5
    dots = np.broadcast_to(dots.clip(0, 1), photo.shape)
    paper, ink = (255, 255, 255), _color(generator) if one_ink else (0, 0, 0)
    return np.rint(ink + dots * (np.subtract(paper, ink))).astype(np.uint8)


def _pixel_art(generator: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    """Show a photo in few colours and large pixels, a pixel each at the least."""
    size = int(generator.integers(1, _MAX_PIXEL // 2 + 1))
    side = len(photo)
    count = -(-side // size)
    small = Image.fromarray(photo).resize((count, count), Image.Resampling.BOX)
    colors = int(generator.integers(4, 4 * _MAX_PALETTE))
    few = small.quantize(colors, dither=Image.Dither.NONE).convert("RGB")
    pixels = np.asarray(few).repeat(size, axis=0).repeat(size, axis=1)
    return np.ascontiguousarray(pixels[:side, :side])


def _letters(generator: np.random.Generator, count: int) -> str:
    first = int(generator.integers(len(_TEXT) // 2))
    return _TEXT[first : first + count]


def _color(generator: np.random.Generator) -> tuple[int, int, int]:
    if generator.random() < _PURE_PROB:
        return tuple((255 * generator.integers(0, 2, 3)).tolist())
    return tuple(generator.integers(0, 256, 3).tolist())
