"""Blur kernels that are told: by shape, path or weights."""

import json
import math

import numpy as np
import pytest
import scipy.ndimage
import skimage.data
import torch
from PIL import Image

from deconv_demo.restoration.enhancement import enhance
from deconv_demo.restoration.known_blur import (
    KernelError,
    known_kernel,
    parse_blur,
    path_kernel,
    shaped_kernel,
)


def center_of(kernel):
    return scipy.ndimage.center_of_mass(kernel.numpy())


@pytest.mark.parametrize(
    "kernel",
    [
        shaped_kernel("straight", 13, 30),
        shaped_kernel("disc", 4),
        shaped_kernel("gaussian", 2),
        path_kernel([(0, 0), (8, 3), (4, 12)]),
        known_kernel(torch.arange(35.0).view(5, 7)),
        known_kernel([[0, 0, 0, 1]]),
    ],
)
def test_kernels_sum_to_one_about_their_middle(kernel):
    assert kernel.shape == (31, 31)
    assert kernel.min() >= 0
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    assert center_of(kernel) == pytest.approx((15, 15), abs=0.51)


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
@pytest.mark.parametrize("length", [5, 13, 29])
def test_a_straight_path_has_its_length_and_its_angle(length, angle):
    """By the covariance of its weights: of a line, length^2 / 12 along and nothing across."""
    kernel = shaped_kernel("straight", length, angle).double().numpy()
    rows, columns = np.indices(kernel.shape) - 15
    covariance = np.cov(np.stack([columns.ravel(), -rows.ravel()]), aweights=kernel.ravel(), ddof=0)
    values, vectors = np.linalg.eigh(covariance)
    assert math.sqrt(12 * values[1]) == pytest.approx(length, abs=1.5)
    assert values[0] < 0.3
    found = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180
    assert min(abs(found - angle), 180 - abs(found - angle)) < 2


@pytest.mark.parametrize(
    "kernel",
    [path_kernel([(0, 0), (29, 0), (29, 29)]), known_kernel(torch.eye(31) * torch.arange(31.0))],
)
def test_nothing_of_a_large_kernel_is_cut_off(kernel):
    """Although its centre of mass cannot lie in the middle then."""
    rows, columns = kernel.nonzero().unbind(1)
    assert (rows.max() - rows.min()).item() >= 29
    assert (columns.max() - columns.min()).item() >= 29
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)


def test_a_path_lies_where_it_was_drawn():
    """Mirrored from left to right and from top to bottom, the kernel is too."""
    points = np.array([(0, 0), (9, 0), (9, 5)])
    kernel = path_kernel(points)
    for axis, mirror in ((1, (-1, 1)), (0, (1, -1))):
        torch.testing.assert_close(
            path_kernel(points * mirror), kernel.flip(axis), atol=0.02, rtol=0
        )
    assert kernel.sum(dim=0).argmax() > 15, "most of the path lies to the right"


def test_a_kernel_told_as_text_is_the_one_told_as_weights():
    kernel = shaped_kernel("disc", 3)
    torch.testing.assert_close(parse_blur(json.dumps(kernel.tolist())), kernel)
    torch.testing.assert_close(parse_blur("disc:3"), kernel)
    torch.testing.assert_close(parse_blur("path:[[0, 0], [6, 2]]"), path_kernel([(0, 0), (6, 2)]))
    assert parse_blur("  ") is None


@pytest.mark.parametrize(
    "told",
    [
        "round",
        "disc",
        "disc:big",
        "disc:nan",
        "disc:99",
        "straight:10:inf",
        "gaussian:1:2:3",
        "[]",
        "[[]]",
        "[[0]]",
        "[[-1, 2]]",
        "[[1], [1, 2]]",
        "[[1e400]]",
        '[["a"]]',
        "[1, 2]",
        "path:[]",
        "path:[[0, 0], [99, 0]]",
        "path:[[0]]",
        "path:{}",
        "[" * 20000,
        "x" * 50000,
        json.dumps([[1] * 32] * 32),
        None,
        5,
    ],
)
def test_what_is_no_kernel_gets_a_sentence(told):
    with pytest.raises(KernelError) as error:
        parse_blur(told)
    assert 20 < len(str(error.value)) < 400


def test_only_deblurring_takes_a_kernel():
    with pytest.raises(TypeError, match="denoise takes no blur kernel"):
        enhance(Image.new("RGB", (20, 20)), "denoise", kernel=shaped_kernel("disc", 2))


@pytest.mark.parametrize("told", ["straight:15:20", "disc:4", "gaussian:2"])
def test_told_the_blur_it_is_undone_better_than_blind(told):
    """Blurred by scipy, whose convolution knows nothing of ours; what is read is nearly as good."""
    clean = skimage.data.astronaut()[:320, 60:380].astype(float)
    kernel = parse_blur(told).numpy()
    blurred = np.stack(
        [scipy.ndimage.convolve(clean[..., c], kernel, mode="nearest") for c in range(3)], axis=-1
    )
    noisy = blurred + np.random.default_rng(0).normal(0, 2, clean.shape)
    picture = Image.fromarray(np.rint(noisy).clip(0, 255).astype(np.uint8))

    def error(result):
        off = np.asarray(result, float)[24:-24, 24:-24] - clean[24:-24, 24:-24]
        return np.sqrt((off**2).mean())

    told_result = enhance(picture, "deblur", kernel=parse_blur(told))
    assert told_result.facts["left_alone"] is None
    np.testing.assert_allclose(told_result.facts["blur_kernel"], kernel, atol=1e-5)
    assert error(told_result.after) < 0.75 * error(picture)
    assert error(told_result.after) < error(enhance(picture, "deblur").after) + 0.3
