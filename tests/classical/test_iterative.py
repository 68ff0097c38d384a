"""Deconvolution: operators and adjoints, iterations and closed forms, against other people's."""

import math

import numpy as np
import pytest
import pywt
import skimage.restoration
import torch
import torch.nn.functional as F
from torch import Generator

from deconv_demo.classical.iterative import (
    CircularConvolution,
    Convolution,
    conjugate_gradient,
    ista_wavelets,
    landweber,
    landweber_closed_form,
    richardson_lucy,
    soft_threshold_wavelets,
    take,
    tikhonov,
    wiener_circular,
)
from deconv_demo.classical.metrics import psnr
from deconv_demo.classical.stopping import (
    discrepancy_stop,
    logarithmic_grid,
    noise_norm,
    random_points,
)
from deconv_demo.degradations import add_gaussian_noise, gaussian_kernel, motion_kernel

COUNTING = torch.arange(1.0, 10.0, dtype=torch.float64).view(1, 3, 3)
SKEW = motion_kernel(9, 0.6, 0.5)[6:19, 6:19].double()  # no symmetry of its own


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def gray(photos):
    return photos["coffee"].mean(1).double()


@pytest.fixture
def blurred(photos):
    """A colour photograph, its blur, and what a camera with some noise made of it."""
    clean = photos["coffee"][0]
    blur = CircularConvolution(gaussian_kernel(1.6), *clean.shape[-2:])
    sigma = 2.55 / 255
    observed = add_gaussian_noise(blur.forward(clean)[None], sigma, Generator().manual_seed(0))
    return clean, blur, observed[0], sigma


def test_the_arrays_of_the_worked_example():
    operator = Convolution(COUNTING[0])
    observed = operator.forward(COUNTING)
    assert observed.tolist() == [[[94, 154, 106], [186, 285, 186], [106, 154, 94]]]
    assert operator.adjoint(observed).tolist() == [
        [[1743, 3072, 2681], [4266, 6825, 5524], [4629, 7038, 5447]]
    ]
    matrix = operator.matrix(3, 3)
    solution = torch.linalg.solve(matrix, observed.flatten())
    torch.testing.assert_close(solution, COUNTING.flatten())
    assert torch.linalg.cond(matrix).round() == 222
    assert torch.equal(matrix @ COUNTING.flatten(), observed.flatten())
    assert torch.equal(matrix.T @ observed.flatten(), operator.adjoint(observed).flatten())


@pytest.mark.parametrize("make", [Convolution, lambda k: CircularConvolution(k, 24, 31)])
def test_the_adjoint_is_one(make):
    operator, x, y = make(SKEW), normal(2, 24, 31), normal(2, 24, 31, seed=1)
    there, back = (operator.forward(x) * y).sum(), (x * operator.adjoint(y)).sum()
    torch.testing.assert_close(there, back, rtol=1e-12, atol=1e-12)


def test_the_circular_operator_is_pytorchs_convolution():
    x, radius = normal(1, 1, 24, 31), SKEW.shape[-1] // 2
    operator, kernel = CircularConvolution(SKEW, 24, 31), SKEW[None, None]
    ring = F.pad(x, (radius,) * 4, mode="circular")
    torch.testing.assert_close(operator.forward(x), F.conv2d(ring, kernel))
    # The transposed convolution paints on the continued picture too: of its full output the part
    # that a whole period away from the borders is the same.
    painted = F.conv_transpose2d(ring, kernel)[..., 2 * radius : -2 * radius, :]
    painted = painted[..., 2 * radius : -2 * radius]
    torch.testing.assert_close(operator.adjoint(x), painted)
    assert not torch.allclose(operator.adjoint(x), operator.forward(x), atol=0.05)
    norm = torch.linalg.matrix_norm(
        torch.stack(
            [
                CircularConvolution(SKEW, 13, 14).forward(pixel.view(13, 14)).flatten()
                for pixel in torch.eye(182, dtype=torch.float64)
            ]
        ),
        2,
    )
    assert CircularConvolution(SKEW, 13, 14).squared_norm == pytest.approx(norm.item() ** 2)


def test_the_residual_of_landweber_falls_below_its_bound_and_not_above(gray):
    operator = CircularConvolution(SKEW, 128, 128)
    observed = operator.forward(gray) + 0.02 * normal(1, 128, 128)

    def residuals(step):
        iterates = take(landweber(operator, observed, step=step), 30)
        return [(operator.forward(x) - observed).norm().item() for x in iterates]

    bound = 2 / operator.squared_norm
    falling = residuals(0.99 * bound)
    assert all(later < earlier for earlier, later in zip(falling, falling[1:], strict=False))
    rising = residuals(1.3 * bound)
    assert rising[-1] > rising[0]


def test_the_first_step_of_landweber_is_one_transposed_convolution(gray):
    operator = Convolution(SKEW)
    iterate = next(landweber(operator, gray, step=0.7))
    expected = F.conv_transpose2d(gray[None], SKEW[None, None], padding=SKEW.shape[-1] // 2)
    torch.testing.assert_close(iterate, 0.7 * expected[0])


@pytest.mark.parametrize("lam", [0.0, 0.003])
@pytest.mark.parametrize("iterations", [1, 2, 17])
@pytest.mark.parametrize("step", [0.9, 1.6])
def test_an_iterate_of_landweber_without_the_ones_before(gray, lam, iterations, step):
    operator = CircularConvolution(SKEW, 128, 128)
    assert operator.squared_norm == pytest.approx(1), "so that the larger step overshoots"
    options = {"step": step, "lam": lam}
    expected = take(landweber(operator, gray, **options), iterations)[-1]
    found = landweber_closed_form(operator, gray, iterations=iterations, **options)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("iterations", [1, 5, 20])
def test_richardson_lucy_is_scikit_images(gray, iterations):
    # scikit-image convolves, conv2d correlates: its point spread function is our kernel flipped.
    expected = skimage.restoration.richardson_lucy(
        gray[0].numpy(), SKEW.flip(0, 1).numpy(), num_iter=iterations, clip=False
    )
    found = take(richardson_lucy(Convolution(SKEW), gray), iterations)[-1]
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("balance", [1e-4, 0.1])
def test_wiener_is_scikit_images(gray, balance):
    expected = skimage.restoration.wiener(
        gray[0].numpy(), SKEW.flip(0, 1).numpy(), balance, clip=False
    )
    found = wiener_circular(CircularConvolution(SKEW, 128, 128), gray, balance)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.5])
def test_conjugate_gradients_solve_the_normal_equations(lam):
    operator, observed = Convolution(normal(5, 5)), normal(1, 6, 7, seed=1)
    matrix = operator.matrix(6, 7)
    normal_matrix = matrix.T @ matrix + lam * torch.eye(42, dtype=torch.float64)
    expected = torch.linalg.solve(normal_matrix, matrix.T @ observed.flatten())
    found = take(conjugate_gradient(operator, observed, lam=lam), 400)[-1]
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_conjugate_gradients_end_at_tikhonov(gray):
    operator = CircularConvolution(SKEW, 128, 128)
    closed = tikhonov(operator, gray, 0.01)
    iterated = take(conjugate_gradient(operator, gray, lam=0.01), 200)[-1]
    torch.testing.assert_close(iterated, closed, rtol=1e-6, atol=1e-7)
    gradient = operator.adjoint(operator.forward(closed) - gray) + 0.01 * closed
    assert gradient.abs().max() < 1e-12


def test_nothing_to_do_ends_at_once():
    assert take(conjugate_gradient(Convolution(SKEW), torch.zeros(1, 9, 9)), 5) == []


@pytest.mark.slow
def test_quality_rises_and_falls_again_under_noise(blurred):
    clean, blur, observed, sigma = blurred
    iterates = take(richardson_lucy(blur, observed), 150)
    quality = [psnr(x.clamp(0, 1), clean) for x in iterates]
    best = max(range(150), key=quality.__getitem__)
    assert 5 < best < 100
    assert quality[best] > psnr(observed, clean) + 0.8
    assert quality[-1] < quality[best] - 0.4
    residuals = [(blur.forward(x) - observed).norm().item() for x in iterates]
    stop = discrepancy_stop(residuals, noise_norm(observed, sigma))
    assert quality[stop - 1] > quality[best] - 0.6


def test_soft_thresholds_make_their_sum_smaller_at_every_step(gray, monkeypatch):
    operator, threshold, step = CircularConvolution(SKEW, 128, 128), 0.004, 0.9
    observed = operator.forward(gray) + 0.02 * normal(1, 128, 128)
    monkeypatch.setattr(torch, "randint", lambda *_args, **_options: torch.zeros(2, dtype=int))
    iterates = take(
        ista_wavelets(operator, observed, step=step, threshold=threshold, generator=Generator()),
        25,
    )

    def penalty(x):
        _, *details = pywt.wavedec2(x[0].numpy(), "db4", "periodization", level=3)
        magnitudes = sum(np.abs(part).sum() for level in details for part in level)
        misfit = (operator.forward(x) - observed).square().sum().item() / 2
        return misfit + threshold / step * magnitudes

    values = [penalty(x) for x in iterates]
    assert all(later < earlier for earlier, later in zip(values, values[1:], strict=False))


def test_a_threshold_of_zero_changes_nothing(gray):
    torch.testing.assert_close(soft_threshold_wavelets(gray, 0.0), gray)
    flat = soft_threshold_wavelets(gray, 100.0)  # all detail gone
    assert flat.std() < gray.std()
    assert flat.mean() == pytest.approx(gray.mean().item())


def test_the_norm_of_noise(blurred):
    clean, blur, observed, sigma = blurred
    truth = (observed - blur.forward(clean)).norm().item()
    assert noise_norm(observed, sigma) == pytest.approx(truth, rel=0.03)  # some was clipped
    rounded = blur.forward(clean).mul(255).round().div(255) - blur.forward(clean)
    assert noise_norm(observed, 0) == pytest.approx(rounded.norm().item(), rel=0.01)


def test_no_iterate_close_enough():
    assert discrepancy_stop([5.0, 4.0], noise_norm=1.0) is None


def test_regularized_inverses_help_and_a_bare_one_does_not(blurred):
    clean, blur, observed, _ = blurred
    before = psnr(observed, clean)
    assert psnr(tikhonov(blur, observed, 0.01).clamp(0, 1), clean) > before + 0.5
    assert psnr(wiener_circular(blur, observed, 0.02).clamp(0, 1), clean) > before + 0.8
    assert psnr(tikhonov(blur, observed, 1e-9).clamp(0, 1), clean) < before - 5


def test_grids_and_draws():
    grid = logarithmic_grid(1e-4, 1.0, 9)
    np.testing.assert_allclose(grid, np.geomspace(1e-4, 1, 9))
    points = random_points(400, (1e-4, 1.0), (1, 100), Generator().manual_seed(0))
    logs = np.log10(np.array(points))
    assert logs.min(0) == pytest.approx([-4, 0], abs=0.1)
    assert logs.max(0) == pytest.approx([0, 2], abs=0.1)
    assert logs.mean(0) == pytest.approx([-2, 1], abs=0.15)
    assert math.isclose(np.corrcoef(logs.T)[0, 1], 0, abs_tol=0.15)
