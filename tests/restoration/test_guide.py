"""The guide of a picture: what the shipped reader finds in known blurs, and tiles without seams."""

import numpy as np
import pytest
import skimage.data
import torch
from torch import Generator

from deconv_demo.classical.metrics import psnr
from deconv_demo.classical.wiener import wiener_deconvolve
from deconv_demo.degradations import blur_and_noise, defocus_kernel, gaussian_kernel, motion_kernel
from deconv_demo.pictures import image_tensors
from deconv_demo.restoration import guide
from deconv_demo.restoration.guide import (
    REACH,
    estimate_kernel,
    fill_wiener_guide,
    is_identity,
    wiener_guide,
    wiener_guide_crop,
)

BLURS = {
    "Gaussian 1.0": gaussian_kernel(1.0),
    "Gaussian 2.0": gaussian_kernel(2.0),
    "defocus 3 px": defocus_kernel(3.0),
    "motion 9 px": motion_kernel(9, 0.5),
    "motion 13 px": motion_kernel(13, 2.0),
}


def as_image(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 255


def damaged(name, kernel, sigma=2.55 / 255):
    clean = as_image(getattr(skimage.data, name)()[:300, :448])
    return clean, blur_and_noise(clean, kernel, sigma, Generator().manual_seed(0))


def moments(kernel):
    """Mean place and covariance of a kernel, in pixels."""
    offsets = torch.arange(len(kernel)) - len(kernel) // 2.0
    rows, columns = kernel.sum(dim=1), kernel.sum(dim=0)
    mean = torch.stack([rows @ offsets, columns @ offsets])
    cross = offsets @ kernel @ offsets - mean[0] * mean[1]
    spread = [rows @ offsets**2 - mean[0] ** 2, columns @ offsets**2 - mean[1] ** 2]
    return mean, torch.stack([torch.stack([spread[0], cross]), torch.stack([cross, spread[1]])])


@pytest.mark.parametrize("picture", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("name", BLURS)
def test_the_blur_that_is_read_is_as_wide_as_the_true_one(name, picture):
    _, blurred = damaged(picture, BLURS[name])
    mean, spread = moments(estimate_kernel(image_tensors.to_uint8(blurred)))
    _, expected = moments(BLURS[name])
    assert mean.abs().max() < 0.75, "a guide must not be shifted"
    assert spread.trace().sqrt() == pytest.approx(expected.trace().sqrt().item(), rel=0.35)


def direction(kernel):
    """Heading of the longest axis of a kernel in degrees, from 0 to 180."""
    values, vectors = torch.linalg.eigh(moments(kernel)[1])
    along = vectors[:, values.argmax()]
    return float(torch.rad2deg(torch.atan2(along[0], along[1]))) % 180


@pytest.mark.parametrize("picture", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("heading", [0.0, 0.5, 1.2, 2.0, 2.6])
def test_motion_is_read_in_its_direction(heading, picture):
    kernel = motion_kernel(11, heading)
    _, blurred = damaged(picture, kernel)
    off = abs(direction(estimate_kernel(image_tensors.to_uint8(blurred))) - direction(kernel))
    assert min(off, 180 - off) < 20


@pytest.mark.parametrize("name", [name for name in BLURS if name != "Gaussian 1.0"])
def test_a_guide_is_nearer_to_the_truth_than_what_it_was_made_of(name):
    clean, blurred = damaged("astronaut", BLURS[name])
    assert psnr(wiener_guide(blurred), clean) > psnr(blurred, clean)


def test_a_sharp_picture_is_left_nearly_as_it_is():
    pixels = skimage.data.astronaut()
    kernel = estimate_kernel(pixels)
    assert kernel.argmax() == kernel.numel() // 2
    assert moments(kernel)[1].trace().sqrt() < 1
    guide = wiener_guide_crop(pixels, (0, 0, 512, 512))
    assert psnr(as_image(guide), as_image(pixels)) > 25


def test_a_whole_is_undone_channel_by_channel():
    _, blurred = damaged("astronaut", BLURS["motion 9 px"])
    pixels = image_tensors.to_uint8(blurred)
    kernel, guide = estimate_kernel(pixels), np.empty_like(pixels)
    assert list(fill_wiener_guide(pixels, kernel, guide)) == [1, 2, 3]
    for other in (wiener_deconvolve(blurred, kernel[None]), wiener_guide(blurred)):
        difference = np.abs(image_tensors.to_uint8(other).astype(int) - guide)
        assert difference.max() <= 1
        assert difference.mean() < 1e-3, "but for rounding the same"


@pytest.mark.parametrize("kernel", [motion_kernel(17, 0.0), motion_kernel(15, 2.0, 0.8)])
def test_a_part_is_cut_from_the_whole(kernel):
    tiled = as_image(np.tile(skimage.data.astronaut()[:256], (1, 3, 1)))
    assert tiled.shape[-1] / 2 > REACH + 256, "large enough for a part to be one"
    blurred = blur_and_noise(tiled, kernel, 2 / 255, Generator().manual_seed(0))
    pixels = image_tensors.to_uint8(blurred)
    whole = wiener_guide_crop(pixels, (0, 0, pixels.shape[1], pixels.shape[0]), kernel)
    for box in [(640, 0, 896, 256), (0, 100, 70, 256), (1500, 30, 1536, 90)]:
        left, top, right, bottom = box
        part = wiener_guide_crop(pixels, box, kernel)
        assert part.shape == (bottom - top, right - left, 3)
        difference = np.abs(part.astype(int) - whole[top:bottom, left:right])
        assert difference.max() <= 6
        assert difference.mean() < 0.7


@pytest.mark.parametrize("shade", [0, 255])
def test_bars_and_frames_do_not_hide_a_blur(shade):
    kernel = motion_kernel(15, 2.0, 0.8)
    clean = as_image(skimage.data.astronaut()[:384])
    blurred = blur_and_noise(clean, kernel, 0.01, Generator().manual_seed(0))
    blurred = image_tensors.to_uint8(blurred)
    framed = np.pad(blurred, ((160, 160), (100, 100), (0, 0)), constant_values=shade)
    spread = moments(estimate_kernel(framed))[1].trace().sqrt()
    assert spread == pytest.approx(moments(kernel)[1].trace().sqrt().item(), rel=0.25)


def test_what_could_not_be_read_is_known():
    assert is_identity(estimate_kernel(np.full((200, 160, 3), 90, np.uint8)))
    assert is_identity(estimate_kernel(skimage.data.astronaut()[:63, :200]))
    assert not is_identity(estimate_kernel(skimage.data.astronaut()[:200, :200]))


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (127, 127), (64, 1)])
def test_small_pictures_have_a_guide_too(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    guide = wiener_guide_crop(pixels, (0, 0, shape[1], shape[0]))
    assert guide.shape == pixels.shape
    assert guide.dtype == np.uint8


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_stays_flat(value):
    pixels = np.full((200, 160, 3), value, np.uint8)
    assert np.array_equal(wiener_guide_crop(pixels, (0, 0, 160, 200)), pixels)


def test_a_kernel_is_estimated_once_and_belongs_to_its_picture(monkeypatch):
    guide.forget_kernels()
    real, calls = guide.best_kernel, []
    monkeypatch.setattr(guide, "best_kernel", lambda *given: calls.append(1) or real(*given))
    pixels = skimage.data.astronaut()[:160, :170]
    first = estimate_kernel(pixels)
    with torch.inference_mode():
        first += 1  # what one caller does with it is nobody else's
    again = estimate_kernel(pixels.copy())
    assert len(calls) == 1
    assert again.sum().item() == pytest.approx(1, abs=1e-3)
    estimate_kernel(np.ascontiguousarray(pixels[:, ::-1]))
    assert len(calls) == 2
    for shade in range(guide.MAX_KERNELS):
        estimate_kernel(np.full((20, 20, 3), shade, np.uint8))
    assert len(guide._kernels) == guide.MAX_KERNELS
    guide.forget_kernels()
    estimate_kernel(pixels)
    assert len(calls) == 3 + guide.MAX_KERNELS
