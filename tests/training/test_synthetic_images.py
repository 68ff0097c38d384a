"""The drawings that readers of damage are trained on."""

import numpy as np

from deconv_demo.training.synthetic_images import random_drawing


def drawings(count: int, side: int = 128) -> list[np.ndarray]:
    return [random_drawing(np.random.default_rng(seed), side) for seed in range(count)]


def test_they_are_pictures_and_repeat_with_their_seed():
    for side in (48, 128):
        first, again = drawings(12, side), drawings(12, side)
        assert all(pixels.shape == (side, side, 3) for pixels in first)
        assert all(pixels.dtype == np.uint8 for pixels in first)
        assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_there_is_no_noise_in_them():
    """Few colours in any of them, but for the smoothed rims of letters."""
    for pixels in drawings(40):
        colors = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)[1]
        assert np.sort(colors)[::-1][:64].sum() > 0.85 * pixels[..., 0].size


def test_they_differ():
    assert len({pixels.tobytes() for pixels in drawings(20)}) == 20


def test_many_are_on_white():
    white = [(pixels == 255).all(axis=-1).mean() > 0.4 for pixels in drawings(60)]
    assert 0.15 < np.mean(white) < 0.6


def test_some_are_light_on_dark():
    dark = [pixels for pixels in drawings(80) if (pixels.max(axis=-1) < 45).mean() > 0.5]
    assert 0.1 < len(dark) / 80 < 0.4
    assert np.mean([(pixels.max(axis=-1) > 80).any() for pixels in dark]) > 0.8


def test_pure_colors_are_common():
    """More of their pixels have every channel on or off than in any photograph."""
    pure = [((pixels == 0) | (pixels == 255)).all(axis=-1).mean() for pixels in drawings(60)]
    assert 0.3 < np.mean(np.array(pure) > 0.5) < 0.9


def test_some_are_large_pixels():
    """Every square of one colour, and the colours of squares side by side at random."""
    found = 0
    for pixels in drawings(120, side=120):
        for size in range(2, 11):
            squares = pixels[: 120 // size * size, : 120 // size * size]
            tiles = squares.reshape(120 // size, size, 120 // size, size, 3)
            of_one_color = (tiles == tiles[:, :1, :, :1]).all()
            differ = (tiles[:, 0, 1:, 0] != tiles[:, 0, :-1, 0]).any(axis=-1)
            if of_one_color and 0.3 < differ.mean() < 0.99 and len(np.unique(squares)) > 1:
                found += 1
                break
    assert 3 <= found <= 30
