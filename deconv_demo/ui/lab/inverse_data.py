"""Data of the deconvolution lab: one blur, undone in eight ways, and the quality of each."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

from deconv_demo.classical import (
    CircularConvolution,
    Convolution,
    conjugate_gradient,
    cycle_spun_wavelet,
    discrepancy_stop,
    gaussian_filter,
    ista_wavelets,
    landweber,
    landweber_closed_form,
    logarithmic_grid,
    noise_norm,
    psnr,
    random_points,
    richardson_lucy,
    take,
    tikhonov,
    wiener_circular,
)
from deconv_demo.degradations import add_gaussian_noise
from deconv_demo.pictures import from_pixels, to_image, to_uint8
from deconv_demo.restoration import BLURS, enhance
from deconv_demo.ui.lab.picture import lab_image

ITERATIONS = 80
# Threshold of wavelet coefficients at every step, as a fraction of the noise; more smooths away
# texture, less lets noise in. Without noise, rounding to 8 bits takes its place.
THRESHOLD_FRACTION, MIN_NOISE = 0.3, 0.3 / 255
REGULARIZERS = logarithmic_grid(1e-4, 1.0, 13)
STOPS = logarithmic_grid(1, 1000, 13)
DRAWS = 25
# PSNR of equal pictures, which is infinite: a chart must end somewhere.
MAX_DB = 99.0
# Radius of the network's effective receptive field; the smallest picture of the lab is as large.
SURROUNDINGS = 48
GAUSSIAN_RADII = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)

ARRAYS = {
    "counting": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    "edge": [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
    "bilinear": [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]],
    "mean": [[1 / 9] * 3] * 3,
}


@dataclass(frozen=True, kw_only=True)
class NineNumbers:
    """A 3 x 3 array, its convolution, and two ways back; each ``(3, 3)`` float64."""

    array: Tensor
    kernel: Tensor
    convolved: Tensor
    transposed: Tensor
    solved: Tensor | None  # None where the matrix has no inverse
    condition: float


@dataclass(frozen=True, kw_only=True)
class Course:
    """One iterative method from its first step to its last.

    Attributes:
        pixels: Every iterate, clipped, ``(n, 3, H, W)`` uint8.
        psnr_db: PSNR of each iterate.
        stop: Index where the discrepancy principle stops it, None where it never does.
    """

    pixels: Tensor
    psnr_db: list[float]
    stop: int | None

    @property
    def peak(self) -> int:
        """Index of the iterate closest to the ground truth."""
        return max(range(len(self.psnr_db)), key=self.psnr_db.__getitem__)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A picture, its blur, and all results that do not depend on a choice of the visitor."""

    clean: Tensor
    observed: Tensor
    blur: CircularConvolution
    courses: dict[str, Course]
    learned: Tensor

    def score(self, image: Tensor) -> float:
        """Return the PSNR of an image, clipped to ``[0, 1]``, against the ground truth."""
        return _score(image, self.clean)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The scores of a grid over (regularizer, iterations), and of as many random draws."""

    grid: np.ndarray
    draws: list[tuple[float, float]]
    draw_scores: list[float]


def nine_numbers(kernel_id: str) -> NineNumbers:
    """Convolve 1 to 9 with a 3 x 3 kernel, zeros beyond the border, and go both ways back."""
    array = torch.tensor(ARRAYS["counting"], dtype=torch.float64)
    kernel = torch.tensor(ARRAYS[kernel_id], dtype=torch.float64)
    operator = Convolution(kernel)
    convolved = operator.forward(array[None])
    matrix = operator.matrix(3, 3)
    condition = torch.linalg.cond(matrix).item()
    singular = condition > 1e12
    solved = None if singular else torch.linalg.solve(matrix, convolved.flatten()).view(3, 3)
    return NineNumbers(
        array=array,
        kernel=kernel,
        convolved=convolved[0],
        transposed=operator.adjoint(convolved)[0],
        solved=solved,
        condition=math.inf if singular else condition,
    )


# Each holds some 25 MB of iterates.
@lru_cache(maxsize=6)
def trial(key: str, blur_id: str, size: float, noise: float) -> Trial:
    """Blur a picture, add noise, and run every method that has no parameter to choose.

    Args:
        key: Key of the picture, see ``picture.picture_key``.
        blur_id: Key of ``reference_eval.BLURS``.
        size: Size of the blur, in pixels.
        noise: Standard deviation, of 255.
    """
    clean = lab_image(key)
    blur = CircularConvolution(BLURS[blur_id](size), *clean.shape[-2:])
    sigma = noise / 255
    generator = Generator().manual_seed(0)
    observed = add_gaussian_noise(blur.forward(clean)[None], sigma, generator)[0]
    step = 1 / blur.squared_norm
    iterations = {
        "landweber": landweber(blur, observed, step=step),
        "richardson_lucy": richardson_lucy(blur, observed),
        "conjugate_gradient": conjugate_gradient(blur, observed),
        "wavelets": ista_wavelets(
            blur,
            observed,
            step=step,
            threshold=THRESHOLD_FRACTION * max(sigma, MIN_NOISE),
            generator=generator,
        ),
    }
    courses = {
        # Conjugate gradients stop before their first step where the picture is black.
        name: _course(
            take(iterates, ITERATIONS) or [torch.zeros_like(observed)],
            clean,
            observed,
            blur,
            sigma,
        )
        for name, iterates in iterations.items()
    }
    learned = _by_the_network(observed)
    return Trial(clean=clean, observed=observed, blur=blur, courses=courses, learned=learned)


def _by_the_network(observed: Tensor) -> Tensor:
    """Restore a picture with circular blur by the network.

    The other methods assume that the picture repeats beyond its border. Cut off there, it is not
    a photograph: the network would take half of the blur at the border for something else.
    """
    around = F.pad(observed[None], (SURROUNDINGS,) * 4, mode="circular")
    picture = from_pixels(to_uint8(around), like=Image.new("RGB", (1, 1)))
    restored = to_image(enhance(picture, "deblur").after)[0]
    inside = slice(SURROUNDINGS, -SURROUNDINGS)
    return restored[:, inside, inside]


def _course(
    iterates: list[Tensor],
    clean: Tensor,
    observed: Tensor,
    blur: CircularConvolution,
    sigma: float,
) -> Course:
    residuals = [(blur.forward(x) - observed).norm().item() for x in iterates]
    stop = discrepancy_stop(residuals, noise_norm(observed, sigma))
    shown = [x.clamp(0, 1) for x in iterates]
    return Course(
        pixels=torch.stack([x.mul(255).round().to(torch.uint8) for x in shown]),
        psnr_db=[_score(x, clean) for x in shown],
        stop=None if stop is None else stop - 1,
    )


def _score(image: Tensor, clean: Tensor) -> float:
    return min(psnr(image.clamp(0, 1), clean), MAX_DB)


def closed_forms(run: Trial, lam: float) -> dict[str, Tensor]:
    """Return the results of Tikhonov's and Wiener's filters for the blurred picture."""
    return {
        "tikhonov": tikhonov(run.blur, run.observed, lam),
        "wiener": wiener_circular(run.blur, run.observed, lam),
    }


@lru_cache(maxsize=6)
def search(key: str, blur_id: str, size: float, noise: float) -> Search:
    """Try Landweber with Tikhonov's term over a grid, and at random points beside it."""
    run = trial(key, blur_id, size, noise)
    step = 1 / (run.blur.squared_norm + REGULARIZERS[-1])

    def score(lam: float, iterations: float) -> float:
        options = {"step": step, "iterations": round(iterations), "lam": lam}
        return run.score(landweber_closed_form(run.blur, run.observed, **options))

    grid = np.array([[score(value, count) for value in REGULARIZERS] for count in STOPS])
    ranges = ((REGULARIZERS[0], REGULARIZERS[-1]), (STOPS[0], STOPS[-1]))
    draws = random_points(DRAWS, *ranges, Generator().manual_seed(0))
    return Search(grid=grid, draws=draws, draw_scores=[score(*draw) for draw in draws])


@lru_cache(maxsize=6)
def noise_alone(key: str, noise: float) -> dict[str, tuple[Tensor, float]]:
    """Add noise of ``noise`` of 255 and no blur; return the results of two filters with PSNR.

    The Gaussian filter gets the radius that suits the picture best, chosen with the ground truth.
    """
    clean, sigma = lab_image(key)[None], noise / 255
    noisy = add_gaussian_noise(clean, sigma, Generator().manual_seed(0))
    smoothed = [gaussian_filter(noisy, radius) for radius in GAUSSIAN_RADII]
    images_by_name = {
        "noisy": noisy,
        "gaussian": max(smoothed, key=lambda image: psnr(image, clean)),
        "cycle_spun": cycle_spun_wavelet(noisy, max(sigma, MIN_NOISE)),
    }
    return {name: (image[0], _score(image, clean)) for name, image in images_by_name.items()}
