"""What the blur reader is trained on, its loss, and what its shipped file reads."""

import numpy as np
import pytest
import torch
from torch import Generator

from deconv_demo.degradations import defocus_kernel, gaussian_kernel, motion_kernel
from deconv_demo.restoration.weights import load_estimator
from deconv_demo.training import blur_estimator as training


def test_the_error_is_a_weighted_mean_of_distances_of_transfer_functions():
    kernels, told = motion_kernel(9, 0.5), defocus_kernel(2.0)
    distance = np.abs(np.fft.rfft2((kernels - told).numpy(), s=(32, 32)))
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.rfftfreq(32)[None])
    expected = np.average(distance, weights=1 / (frequency + 0.03))
    found = training.spectral_error(kernels[None], told[None]).item()
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_nearer_of_two_guesses_has_the_smaller_error():
    told = gaussian_kernel(2.0)[None]
    near, far = gaussian_kernel(1.8)[None], gaussian_kernel(0.5)[None]
    assert training.spectral_error(near, told) < training.spectral_error(far, told) / 3


def test_crops_are_gray_blurred_and_come_with_their_blur(photos):
    clean = photos["astronaut"].expand(6, -1, -1, -1)
    blurred, kernels = training.with_its_blur(clean, Generator().manual_seed(0))[:2]
    assert blurred.shape == clean.shape
    assert kernels.shape == (6, 25, 25)
    assert kernels.sum(dim=(1, 2)).tolist() == pytest.approx([1] * 6, abs=1e-5)
    # JPEG of equal channels keeps them equal but for rounding.
    assert (blurred - blurred[:, :1]).abs().max() < 3 / 255
    again, same = training.with_its_blur(clean, Generator().manual_seed(0))[:2]
    assert torch.equal(again, blurred)
    assert torch.equal(same, kernels)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_shipped_reader_reads_better_than_any_one_guess(photos, seed):
    clean = photos["coffee"].repeat(12, 1, 1, 1)
    blurred, kernels = training.with_its_blur(clean, Generator().manual_seed(seed))[:2]
    error = training.validate_kernels(load_estimator("blur_reader"), [(blurred, kernels)])["error"]
    guesses = [gaussian_kernel(sigma)[None] for sigma in (0.5, 1.0, 1.5, 2.0, 3.0)]
    assert error < 0.8 * min(training.spectral_error(guess, kernels).item() for guess in guesses)
