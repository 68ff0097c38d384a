"""The kernel of a shake: found in photographs, centred, and refused where there is none."""

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from torch import Generator

from deconv_demo.classical.metrics import psnr
from deconv_demo.classical.wiener import wiener_deconvolve
from deconv_demo.degradations import (
    IDENTITY_KERNEL,
    blend_two_blurs,
    blur,
    blur_and_noise,
    gaussian_kernel,
    half_plane_masks,
    random_shake_kernel,
)
from deconv_demo.estimation import estimate_kernels, kernel_choice, shake
from deconv_demo.estimation.kernel_choice import edge_fraction, normalized_sparsity, textured_part
from deconv_demo.estimation.kernel_shape import centered, kernel_similarity, without_specks
from deconv_demo.estimation.one_thread import on_one_thread
from deconv_demo.estimation.shake import (
    SHAKE_KERNEL_SIZE,
    l0_gradients,
    least_squares_kernel,
)
from deconv_demo.restoration.weights import load_estimator

SIZE, MIDDLE = SHAKE_KERNEL_SIZE, SHAKE_KERNEL_SIZE // 2
# A zigzag, a hook with a blob where the hand rested, and a loop: corners in pixels off the middle
# and how long the camera took to get there.
PATHS = {
    "zigzag": [(-6, -5, 0), (-2, 4, 3), (2, -4, 4), (6, 6, 3)],
    "hook": [(-8, 2, 0), (3, 3, 3), (6, -1, 1.5), (6.5, -1.5, 3), (3, -6, 1.5)],
    "loop": [(0, -8, 0), (-5, -1, 2), (-3, 6, 2), (4, 5, 2), (5, -2, 2), (-2, -4, 1)],
}
SHAKEN = [("astronaut", "zigzag"), ("coffee", "hook"), ("cat", "loop")]


def shake_kernel(name):
    """The kernel of a path of straight parts, each point shared by the four pixels around it."""
    kernel = torch.zeros(SIZE, SIZE)
    corners = PATHS[name]
    for (top, left, _), (bottom, right, time) in zip(corners, corners[1:], strict=False):
        for share in torch.linspace(0, 1, int(60 * time)).tolist():
            row, column = top + share * (bottom - top), left + share * (right - left)
            first_row, first_column = int(np.floor(row)), int(np.floor(column))
            down, across = row - first_row, column - first_column
            place = (slice(first_row + MIDDLE, first_row + MIDDLE + 2),) + (
                slice(first_column + MIDDLE, first_column + MIDDLE + 2),
            )
            kernel[place] += torch.tensor([[1 - down], [down]]) * torch.tensor([1 - across, across])
    return centered(kernel / kernel.sum())


def photograph(name, side=360):
    pixels = getattr(skimage.data, name)()
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    part = np.ascontiguousarray(pixels[max(top, 0) :, max(left, 0) :][:side, :side])
    return torch.from_numpy(part).permute(2, 0, 1).unsqueeze(0).float() / 255


def shaken(name, path):
    """A photograph, what a shake makes of it, whose border goes on beyond, and the kernel."""
    kernel = shake_kernel(path)
    clean = photograph(name)
    blurred = blur_and_noise(clean, kernel, 2.55 / 255, Generator().manual_seed(0))
    inside = (..., slice(20, -20), slice(20, -20))
    return clean[inside], blurred[inside], kernel


def gray(image):
    return image[0].mean(dim=0)


def estimate_shake(plane):
    return on_one_thread(shake.estimate_shake, plane)


def best_kernel(image, read):
    return on_one_thread(kernel_choice.best_kernel, image, read)


def best_psnr(image, clean, reach=2):
    """PSNR at the best shift: a blind kernel does not say where the picture was."""
    core = (..., slice(20, -20), slice(20, -20))
    shifts = [(y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    return max(psnr(image.roll(shift, (-2, -1))[core], clean[core]) for shift in shifts)


def centre_of_mass(kernel):
    offsets = torch.arange(len(kernel)) - len(kernel) // 2
    return torch.stack([(kernel.sum(axis) * offsets).sum() for axis in (1, 0)])


@pytest.fixture(scope="module", params=SHAKEN, ids=lambda names: " ".join(names))
def case(request):
    """A clean photograph, the shaken one, the kernel of it, and the estimated kernel."""
    clean, blurred, kernel = shaken(*request.param)
    return clean, blurred, kernel, estimate_shake(gray(blurred))


def test_the_kernel_is_like_the_true_one(case):
    *_, kernel, found = case
    assert kernel_similarity(found, kernel) > 0.65


def test_undone_it_brings_the_photograph_nearer(case):
    clean, blurred, _, found = case
    undone = wiener_deconvolve(blurred, found[None], balance=0.02)
    assert best_psnr(undone, clean) > best_psnr(blurred, clean) + 1.5


def test_a_kernel_is_a_kernel_about_its_centre(case):
    *_, found = case
    assert found.shape == (SIZE, SIZE)
    assert found.min() >= 0
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    assert centre_of_mass(found).abs().max() <= 0.55


def test_a_shake_is_believed_against_what_was_read(case):
    _, blurred, kernel, _ = case
    chosen = best_kernel(blurred, gaussian_kernel(2.0))
    assert kernel_similarity(chosen, kernel) > 0.65
    as_bytes = best_kernel(blurred.mul(255).round().byte(), gaussian_kernel(2.0))
    assert kernel_similarity(as_bytes, chosen) > 0.95


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "page", "text", "brick", "grass"])
def test_a_sharp_picture_has_no_blur(name):
    image = photograph(name, 300)
    with torch.inference_mode():
        read = estimate_kernels(load_estimator("blur_reader"), image)[0]
    assert best_kernel(image, read).max() == 1


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
@pytest.mark.parametrize("sigma", [1.6, 2.4])
def test_a_blur_that_was_read_rightly_is_kept(name, sigma):
    kernel = gaussian_kernel(sigma)
    blurred = blur_and_noise(photograph(name), kernel, 2 / 255, Generator().manual_seed(0))
    chosen = best_kernel(blurred, kernel)
    assert torch.equal(chosen[3:-3, 3:-3], kernel)


@pytest.mark.parametrize("read", [IDENTITY_KERNEL, gaussian_kernel(1.0)])
def test_what_is_too_small_to_judge_stays_as_it_was_read(read):
    assert torch.equal(best_kernel(torch.rand(1, 3, 100, 300), read), read)


def test_a_flat_picture_stays_unread():
    assert torch.equal(
        best_kernel(torch.full((1, 3, 200, 200), 0.5), IDENTITY_KERNEL), IDENTITY_KERNEL
    )


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_flat_picture_shows_no_kernel(value):
    assert estimate_shake(torch.full((160, 130), value)) is None


@pytest.mark.parametrize("path", PATHS)
def test_normalised_sparsity_is_lowest_for_the_true_kernel(path):
    _, blurred, kernel = shaken("astronaut", path)
    point = F.pad(IDENTITY_KERNEL, (3,) * 4)
    wide = F.pad(gaussian_kernel(3.0), (3,) * 4)
    others = torch.stack([kernel, point, kernel.flip(0), kernel.flip(1), wide])
    assert normalized_sparsity(gray(blurred), others).argmin() == 0


def test_the_true_kernel_leaves_fewer_edges_and_a_wrong_one_of_a_sharp_picture_does_not():
    wide = F.pad(gaussian_kernel(2.0), (3,) * 4)
    point = F.pad(IDENTITY_KERNEL, (3,) * 4)
    clean = photograph("coffee")
    blurred = blur_and_noise(clean, wide, 2 / 255, Generator().manual_seed(0))
    assert edge_fraction(gray(blurred), wide) < edge_fraction(gray(blurred), point) - 0.05
    assert edge_fraction(gray(clean), wide) > edge_fraction(gray(clean), point) - 0.02


@pytest.mark.parametrize("path", PATHS)
def test_a_kernel_is_found_between_two_known_images(path):
    kernel = shake_kernel(path)
    image = photograph("coffee", 300)
    both = gray(image), gray(blur(image, kernel))
    window = F.pad(torch.ones(240, 240), (30,) * 4)
    sharp, blurred = (
        [(plane.roll(-1, 1) - plane) * window, (plane.roll(-1, 0) - plane) * window]
        for plane in both
    )
    start = torch.full((SIZE, SIZE), 1 / SIZE**2)
    found = least_squares_kernel(sharp, blurred, start)
    assert kernel_similarity(found, kernel) > 0.93
    assert centre_of_mass(found / found.sum()).abs().max() < 1.5
    assert found.sum().item() == pytest.approx(1, abs=0.1)


def test_dearer_gradients_are_fewer():
    plane = gray(photograph("coffee", 256))
    point = F.pad(IDENTITY_KERNEL, (3,) * 4)
    counts = []
    for cost in (1e-4, 1e-3, 1e-2):
        across, down = l0_gradients(torch.fft.rfft2(plane), point, (256, 256), cost)
        counts.append((across.square() + down.square() > 1e-4).float().mean().item())
    assert counts[0] > 1.5 * counts[1] > 2.25 * counts[2] > 0
    across, down = l0_gradients(torch.fft.rfft2(plane), point, (256, 256), 1e-9)
    assert (across - (plane.roll(-1, 1) - plane)).abs().max() < 0.01
    assert (down - (plane.roll(-1, 0) - plane)).abs().max() < 0.01


@pytest.mark.parametrize("shift", [(0, 0), (5, -7), (-9, 3)])
def test_a_kernel_is_moved_to_its_middle_whole(shift):
    kernel = shake_kernel("zigzag")
    assert torch.allclose(centered(kernel.roll(shift, (0, 1))), kernel, atol=1e-6)


def test_specks_and_faint_shares_go_and_a_path_stays():
    kernel = shake_kernel("hook")
    kernel = kernel * (kernel > 0.05 * kernel.max())
    dirty = kernel.clone()
    dirty[1, 1:3] = 0.004 * kernel.sum()
    dirty[28, 28] = 0.01 * kernel.max()
    assert torch.allclose(without_specks(dirty), kernel / kernel.sum(), atol=1e-6)


def test_the_most_textured_part_is_judged():
    plane = torch.full((700, 900), 0.5)
    plane[:, 600:] = torch.rand(700, 300, generator=Generator().manual_seed(0))
    part = textured_part(plane, 512)
    assert part.shape == (512, 512)
    assert (part != 0.5).float().mean() > 0.55
    assert torch.equal(textured_part(plane[:300], 1000), plane[:300])


def test_two_shakes_of_one_picture_are_none():
    """As where something moved in front of what did not: the halves do not agree."""
    clean = photograph("astronaut", 512)
    first, second = (random_shake_kernel(Generator().manual_seed(seed)) for seed in (1, 12))
    apart = blend_two_blurs(clean, first, second, half_plane_masks(512, 512, *torch.zeros(2, 1)))
    chosen = best_kernel(apart, IDENTITY_KERNEL)
    for kernel in (first, second):
        assert kernel_similarity(chosen, kernel) < 0.6
    alone = best_kernel(blur(clean, first), gaussian_kernel(2.0))
    assert kernel_similarity(alone, first) > 0.8
