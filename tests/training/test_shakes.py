"""Shakes for training: pairs of a true kernel and an estimate."""

import numpy as np
import pytest
import skimage.data
import torch
from torch import Generator

from deconv_demo.classical import psnr, wiener_deconvolve
from deconv_demo.degradations import blur, random_shake_kernel
from deconv_demo.estimation import kernel_similarity
from deconv_demo.training import shakes
from deconv_demo.training.shakes import ShakePairs, _beside


def seeded(seed=0):
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(6))
def test_shakes_are_paths_of_a_few_pixels_to_the_whole_kernel(seed):
    kernel = random_shake_kernel(seeded(seed))
    assert kernel.shape == (31, 31)
    assert kernel.min() >= 0
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    rows, columns = (kernel > 0.02 * kernel.max()).nonzero().unbind(1)
    extent = max((places.max() - places.min() + 1).item() for places in (rows, columns))
    assert 5 <= extent <= 31
    assert len(rows) < 200, "a path, and no patch"


def test_shakes_differ():
    extents = []
    for seed in range(60):
        kernel = random_shake_kernel(seeded(seed))
        rows, columns = (kernel > 0.02 * kernel.max()).nonzero().unbind(1)
        extents.append(max((p.max() - p.min() + 1).item() for p in (rows, columns)))
    assert min(extents) <= 9
    assert max(extents) >= 27
    assert len(set(extents)) > 12


def test_the_true_kernel_is_laid_where_the_estimate_lies():
    kernel = random_shake_kernel(seeded(3))
    moved = torch.roll(kernel, (2, -3), (0, 1))
    torch.testing.assert_close(_beside(kernel, moved), moved, atol=1e-4, rtol=0)


def test_pairs_are_estimates_of_their_kernels(monkeypatch):
    monkeypatch.setattr(shakes, "SHOWN", 256)
    pictures = [skimage.data.astronaut(), skimage.data.coffee()]
    pairs = ShakePairs.estimate(pictures, 4, seeded(1))
    assert pairs.pairs
    for true, found in pairs.pairs:
        assert kernel_similarity(true, found) > shakes.ALIKE
    clean = torch.from_numpy(np.ascontiguousarray(pictures[0][:160, :160])).permute(2, 0, 1)
    clean = clean[None].float().div(255).repeat(6, 1, 1, 1)
    degraded, kernels = pairs.degrade(clean, seeded(2))
    assert degraded.shape == clean.shape
    assert kernels.shape == (6, 31, 31)
    undone = wiener_deconvolve(degraded, kernels, balance=0.02)
    inside = (..., slice(20, -20), slice(20, -20))
    gained = [
        psnr(undone[i : i + 1][inside], clean[:1][inside])
        - psnr(degraded[i : i + 1][inside], clean[:1][inside])
        for i in range(6)
    ]
    assert np.mean(gained) > 1, "undone with what was estimated, they are sharper"


def test_turns_of_a_pair_go_together():
    kernel = random_shake_kernel(seeded(5))
    pairs = ShakePairs([(kernel, kernel)])
    drawn = [pairs._draw(seeded(seed)) for seed in range(30)]
    assert all(torch.equal(true, found) for true, found in drawn)
    assert len({true.argmax().item() for true, _ in drawn}) > 4
    image = torch.rand(1, 3, 40, 40)
    assert blur(image, drawn[0][0]).shape == image.shape
