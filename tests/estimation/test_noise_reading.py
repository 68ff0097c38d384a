"""What is read of noise beside its strength: where, in which channels, how coarse."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.data
import torch

from deconv_demo.estimation.noise import LocalEstimates, summarize
from deconv_demo.estimation.noise_reading import NoiseReading, estimate_sigma, read_noise
from deconv_demo.restoration.weights import load_estimator


def level_of(pixels: np.ndarray) -> float:
    return estimate_sigma(load_estimator("noise_reader"), pixels) * 255


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {
        "coffee": skimage.data.coffee()[100:356, 200:456],
        "cat": skimage.data.cat()[20:276, 80:336],
    }


def flat_estimates(levels: list, log_weights: list, brightness: list) -> LocalEstimates:
    level, weight, bright = (
        torch.tensor(values).view(1, 1, 1, -1) for values in (levels, log_weights, brightness)
    )
    return LocalEstimates(level, weight, torch.zeros_like(level), bright)


def test_places_count_as_much_as_they_are_certain():
    found = summarize(flat_estimates([1.0, 5.0, 9.0], [0.0, 0.0, -40.0], [0.5, 0.5, 0.5]))
    assert found.channels[0].tolist() == pytest.approx([3, 3, 3])


def test_levels_are_told_by_brightness():
    """Each as the places of that brightness have it; one that does not occur, as the whole has."""
    found = summarize(flat_estimates([0.02, 0.02, 0.10, 0.10], [0.0] * 4, [0.1, 0.1, 0.5, 0.5]))
    dark, _, middle, _, light = found.by_brightness[0].tolist()
    assert dark == pytest.approx(0.02, abs=0.002)
    assert middle == pytest.approx(0.10, abs=0.004)
    assert light == pytest.approx(0.06, abs=0.004)


def test_noise_that_grows_with_light_is_read_so(pictures):
    """Shot noise: its variance is proportional to the light."""
    clean = pictures["coffee"].astype(float)
    noise = np.random.default_rng(0).normal(size=clean.shape) * 20 * np.sqrt(clean / 255)
    noisy = np.rint(clean + noise).clip(0, 255).astype(np.uint8)
    reading = read_noise(load_estimator("noise_reader"), noisy)
    dark, bright = reading.level_at(np.array([0.15, 0.8])) * 255
    assert bright > 1.4 * dark
    assert dark == pytest.approx(20 * np.sqrt(0.15), rel=0.5)
    assert bright == pytest.approx(20 * np.sqrt(0.8), rel=0.35)


def test_channels_are_told_apart(pictures):
    """As in lamp light, where blue is amplified most."""
    levels = np.array([8, 6, 30])
    noise = np.random.default_rng(0).normal(size=pictures["coffee"].shape) * levels
    noisy = np.rint(pictures["coffee"] + noise).clip(0, 255).astype(np.uint8)
    reading = read_noise(load_estimator("noise_reader"), noisy)
    assert np.multiply(reading.channels, 255) == pytest.approx(levels, rel=0.4)
    assert reading.sigma * 255 == pytest.approx(np.sqrt(np.mean(levels**2)), rel=0.35)


@pytest.mark.parametrize("level", [15, 25])
def test_noise_common_to_the_channels_is_read(level, pictures):
    """As the grain of film; that of each channel alone would be read a third too high."""
    clean = pictures["coffee"]
    noise = np.random.default_rng(0).normal(0, level, (*clean.shape[:2], 1))
    noisy = np.rint(clean + noise).clip(0, 255).astype(np.uint8)
    assert level_of(noisy) == pytest.approx(level, rel=0.25)


def test_coarse_grain_is_told_from_white_noise(pictures):
    white = np.random.default_rng(0).normal(size=pictures["cat"].shape)
    grains = []
    for spread in (0.0, 0.6, 1.0):
        noise = scipy.ndimage.gaussian_filter(white, (spread, spread, 0)) if spread else white
        noisy = np.rint(pictures["cat"] + 15 * noise / noise.std()).clip(0, 255).astype(np.uint8)
        grains.append(read_noise(load_estimator("noise_reader"), noisy).grain)
    assert grains[0] < 1.1 < grains[1] < grains[2]


def test_the_width_of_a_grain_is_that_of_its_gaussian():
    """White noise blurred by a Gaussian: its correlation is measured, not computed."""
    noise = np.random.default_rng(0).normal(size=(600, 600))
    for spread in (0.8, 1.5):
        soft = scipy.ndimage.gaussian_filter(noise, spread, mode="wrap")
        correlation = (soft * np.roll(soft, 1, axis=0)).mean() / (soft**2).mean()
        reading = NoiseReading(
            sigma=0.1, channels=(0.1,) * 3, by_brightness=(0.1,) * 5, correlation=correlation
        )
        assert reading.grain == pytest.approx(2.355 * spread, rel=0.05)


@pytest.mark.parametrize("grain", [0.4, 0.7])
def test_coarse_grain_is_found(grain, pictures):
    noise = np.random.default_rng(0).normal(size=pictures["cat"].shape)
    noise = scipy.ndimage.gaussian_filter(noise, (grain, grain, 0))
    noisy = np.rint(pictures["cat"] + 15 * noise / noise.std()).clip(0, 255).astype(np.uint8)
    assert level_of(noisy) == pytest.approx(15, rel=0.35)
