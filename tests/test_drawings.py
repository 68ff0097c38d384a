"""The drawings that readers of damage are trained on."""

import numpy as np

from deconv_demo.training.drawings import random_drawing


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
        colours = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)[1]
        assert np.sort(colours)[::-1][:64].sum() > 0.85 * pixels[..., 0].size


def test_they_differ():
    assert len({pixels.tobytes() for pixels in drawings(20)}) == 20


def test_many_are_on_white():
    white = [(pixels == 255).all(axis=-1).mean() > 0.4 for pixels in drawings(60)]
    assert 0.25 < np.mean(white) < 0.7
