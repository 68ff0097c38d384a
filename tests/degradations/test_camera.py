"""Noise of cameras: colours survive the sensor, and noise is what physics and mosaic make it."""

import numpy as np
import pytest
import torch
from torch import Generator

from deconv_demo.degradations import photograph, random_grain, random_photograph
from deconv_demo.degradations.camera import (
    Development,
    bayer_masks,
    camera_noise,
    demosaic,
    develop,
    random_development,
    random_exposure,
    to_sensor,
    usual_read_noise,
)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(5))
def test_what_a_sensor_saw_develops_to_the_photograph(seed, photos):
    development = random_development(seeded(seed))
    image = photos["coffee"][0]
    back = develop(to_sensor(image, development), development)
    # What a strong colour matrix pushes out of the range of the sensor is cut off.
    assert (back - image).abs().mean() < 0.2 / 255
    assert (back - image).abs().quantile(0.99) < 1 / 255


def test_a_white_wall_stays_white():
    """Rows of the matrix sum to 1, and gains are undone: no colour lies over grey."""
    for seed in range(5):
        development = random_development(seeded(seed))
        gray = torch.full((3, 6, 6), 0.5)
        sensor = to_sensor(gray, development)
        assert sensor[1, 0, 0] > sensor[0, 0, 0]  # a sensor sees green best
        torch.testing.assert_close(develop(sensor, development), gray, atol=1e-4, rtol=0)


@pytest.mark.parametrize("bilinear", [False, True])
@pytest.mark.parametrize("phase", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_demosaiced_ramp_is_the_ramp(phase, bilinear):
    """Both ways to fill in colours are exact where brightness rises evenly, as the paper says."""
    ramp = torch.linspace(0.1, 0.9, 20).expand(3, 16, 20).clone()
    mosaic = (ramp * bayer_masks(16, 20, phase)).sum(dim=0)
    found = demosaic(mosaic[None], phase, bilinear=bilinear)[0]
    inside = (slice(None), slice(3, -3), slice(3, -3))
    torch.testing.assert_close(found[inside], ramp[inside], atol=1e-6, rtol=0)


def test_gradients_beat_means_of_neighbors_on_photographs(photos):
    for image in (photo[0] for photo in photos.values()):
        mosaic = (image * bayer_masks(128, 128, (0, 1))).sum(dim=0)[None]
        errors = [
            (demosaic(mosaic, (0, 1), bilinear=way)[0] - image).square().mean()
            for way in (False, True)
        ]
        assert errors[0] < 0.7 * errors[1]


def test_every_site_sees_one_color_and_green_twice():
    masks = bayer_masks(8, 10, (1, 0))
    assert (masks.sum(dim=0) == 1).all()
    assert masks.sum(dim=(1, 2)).tolist() == [20, 40, 20]


def test_noise_on_the_sensor_has_the_variance_of_light_and_readout(monkeypatch):
    """Without development the variance at the sites is shot times light plus read."""
    plain = Development(
        gains=(1.0, 1.0, 1.0), matrix=torch.eye(3), phase=(0, 0), bilinear=False, curve=0.0
    )
    monkeypatch.setattr("deconv_demo.degradations.camera.random_development", lambda _: plain)
    monkeypatch.setattr("deconv_demo.degradations.camera.develop", lambda sensor, _: sensor)
    shot, read = 0.004, 2e-4
    masks = bayer_masks(256, 256, (0, 0))
    for level in (0.3, 0.6, 0.8):
        light = level**2.2
        image = torch.full((3, 256, 256), level)
        noisy, clean = camera_noise(image, seeded(), shot=shot, read=read)
        torch.testing.assert_close(clean, torch.full_like(clean, light), atol=1e-4, rtol=0)
        # At a site that saw its colour, nothing is mixed in.
        at_sites = ((noisy - clean) * masks).sum(dim=0)
        assert at_sites.var().item() == pytest.approx(shot * light + read, rel=0.05)


def test_exposures_lie_around_the_line_of_the_paper():
    drawn = np.log([random_exposure(seeded(seed)) for seed in range(400)])
    assert np.log(1e-4) <= drawn[:, 0].min() < drawn[:, 0].max() <= np.log(1.2e-2)
    off = drawn[:, 1] - np.log([usual_read_noise(shot) for shot in np.exp(drawn[:, 0])])
    assert off.mean() == pytest.approx(0, abs=0.05)
    assert off.std() == pytest.approx(0.26, abs=0.03)


def test_a_photograph_has_more_noise_with_less_light_and_a_file_takes_some_away(photos):
    image = photos["cat"][0]
    rms = {}
    for name, shot, quality in (("weak", 1e-3, None), ("strong", 6e-3, None), ("file", 1e-3, 80)):
        noisy, clean = photograph(image, seeded(), shot=shot, quality=quality)
        assert noisy.shape == clean.shape == image.shape
        rms[name] = (noisy - clean).square().mean().sqrt()
    assert rms["strong"] > 1.8 * rms["weak"]
    assert rms["file"] < rms["weak"]


def test_camera_noise_is_not_white(photos):
    """Neighbours share it, for the mosaic leaves gaps: what tells it from Gaussian noise."""
    noisy, clean = photograph(photos["coffee"][0], seeded(), shot=3e-3)
    noise = noisy - clean
    shared = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
    assert shared > 0.2


@pytest.mark.parametrize("make", [random_photograph, random_grain])
def test_pairs_have_the_size_and_range_of_the_picture_and_repeat_with_the_seed(make, photos):
    image = photos["astronaut"][0, :, :96, :80]
    kinds = set()
    for seed in range(40):
        noisy, clean = make(image, seeded(seed))
        assert noisy.shape == clean.shape == image.shape
        assert 0 <= min(noisy.min(), clean.min()) <= max(noisy.max(), clean.max()) <= 1
        assert torch.equal(noisy, make(image, seeded(seed))[0])
        kinds.add(bool((noisy == noisy[:1]).all()))
        assert (noisy - clean).abs().mean() < 0.25
    assert kinds == ({False, True} if make is random_photograph else {False})
