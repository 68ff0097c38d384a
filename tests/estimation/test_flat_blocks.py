"""Noise measured in flat blocks, against the noise that was added."""

import numpy as np
import pytest
import scipy.ndimage

from deconv_demo.estimation.flat_blocks import flat_block_noise


def shaded(side=256):
    """Flat but for shading, which is no noise."""
    rows, columns = np.indices((side, side))
    return np.repeat((80 + 0.2 * rows + 0.1 * columns)[..., None], 3, axis=-1)


def noisy(noise):
    return np.rint(shaded() + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("levels", [(5, 5, 5), (8, 6, 30), (20, 10, 4)])
def test_each_channel_has_its_noise(levels):
    """Of the flattest tenth of the blocks a little less; in proportion to each other."""
    noise = np.random.default_rng(0).normal(size=(256, 256, 3)) * levels
    found, _ = flat_block_noise(noisy(noise))
    assert found / found.mean() == pytest.approx(np.array(levels) / np.mean(levels), rel=0.2)
    assert found.mean() == pytest.approx(np.mean(levels), rel=0.3)


def test_white_noise_is_not_correlated():
    """Although taking planes off makes neighbours a little alike."""
    noise = np.random.default_rng(1).normal(0, 10, (256, 256, 3))
    assert flat_block_noise(noisy(noise))[1] == pytest.approx(0, abs=0.06)


def test_coarse_noise_is_correlated():
    noise = np.random.default_rng(1).normal(size=(256, 256, 3))
    found = []
    for spread in (0.5, 0.8):
        soft = scipy.ndimage.gaussian_filter(noise, (spread, spread, 0))
        found.append(flat_block_noise(noisy(10 * soft / soft.std()))[1])
    assert 0.1 < found[0] < found[1] < 0.9


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (16, 16), (64, 64)])
def test_little_that_is_neither_black_nor_white_says_nothing(size):
    assert flat_block_noise(np.full((*size, 3), 255, np.uint8)) is None
