"""Reading a blur and undoing it: held against scikit-image's filter, FFTs by hand, identities."""

import math

import numpy as np
import pytest
import skimage.data
import torch
from torch import Generator

from deconv_demo.classical import baselines
from deconv_demo.classical.metrics import psnr
from deconv_demo.classical.wiener import FLOOR, wiener_deconvolve
from deconv_demo.degradations import (
    BLUR_KERNEL_SIZE,
    add_gaussian_noise,
    blur,
    blur_and_noise,
    defocus_kernel,
    gaussian_kernel,
    motion_kernel,
)
from deconv_demo.estimation.blur import (
    BLOCK,
    MAX_READ,
    BlurKernelEstimator,
    estimate_kernels,
    resolve_flip_ambiguity,
    spectral_features,
)
from deconv_demo.restoration.weights import load_estimator

KERNELS = {
    "Gaussian": gaussian_kernel(1.6),
    "motion": motion_kernel(9, 0.5),
    "bent motion": motion_kernel(15, 2.0, 0.8),
    "defocus": defocus_kernel(3.0),
}


def photo(name="astronaut", side=(300, 334)):
    pixels = getattr(skimage.data, name)()[: side[0], : side[1]]
    return torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 255


def point():
    kernel = torch.zeros(1, BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)
    kernel[0, BLUR_KERNEL_SIZE // 2, BLUR_KERNEL_SIZE // 2] = 1
    return kernel


@pytest.mark.parametrize("name", KERNELS)
def test_the_filter_is_the_wiener_filter_of_scikit_image(name):
    clean = photo()
    blurred = blur_and_noise(clean, KERNELS[name], 2.55 / 255, Generator().manual_seed(0))
    restored = wiener_deconvolve(blurred, KERNELS[name][None], balance=0.02, floor=0)
    expected = baselines.wiener_skimage(blurred, KERNELS[name], balance=0.02)
    inner = (..., slice(60, -60), slice(60, -60))
    assert (restored - expected)[inner].abs().mean() < 1 / 255
    assert psnr(restored, clean) == pytest.approx(psnr(expected, clean), abs=0.1)
    assert psnr(restored, clean) > psnr(blurred, clean) + 1


def test_a_bent_blur_is_undone_the_right_way_round():
    clean, kernel = photo(), KERNELS["bent motion"]
    blurred = blur(clean, kernel)
    right = psnr(wiener_deconvolve(blurred, kernel[None]), clean)
    turned = psnr(wiener_deconvolve(blurred, kernel.flip(0, 1)[None]), clean)
    assert right > turned + 3


def test_the_floor_keeps_the_filter_short():
    kernel, dot = motion_kernel(17, 0.0)[None], torch.zeros(1, 1, 601, 601)
    dot[..., 300, 300] = 0.01  # faint: nothing is clipped on a grey ground

    def far_away(floor):
        answer = wiener_deconvolve(0.5 + 30 * dot, kernel, floor=floor) - 0.5
        return answer[..., 290:311, 428:].abs().max()

    assert far_away(0) > 2 / 255
    assert far_away(FLOOR) < 1.01 / 255


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 2), (130, 61)])
def test_any_size_keeps_its_size_and_a_flat_picture_its_shade(shape):
    flat = torch.full((2, 3, *shape), 51 / 255)
    restored = wiener_deconvolve(flat, KERNELS["defocus"].expand(2, -1, -1))
    torch.testing.assert_close(restored, flat, rtol=0, atol=1e-6)


def test_each_picture_of_a_batch_gets_its_own_kernel():
    images = torch.cat([photo(), photo().flip(-1)])
    kernels = torch.stack([KERNELS["motion"], KERNELS["Gaussian"]])
    together = wiener_deconvolve(images, kernels)
    apart = [wiener_deconvolve(images[i : i + 1], kernels[i : i + 1]) for i in (0, 1)]
    torch.testing.assert_close(together, torch.cat(apart), rtol=0, atol=1.01 / 255)
    assert (together - torch.cat(apart)).abs().mean() < 1e-4


def test_nothing_moves_when_nothing_was_blurred():
    clean = photo()
    restored = wiener_deconvolve(clean, point(), balance=0.0)
    assert (restored - clean).abs().max() < 1e-3


def test_a_ramp_that_ends_at_the_border_does_not_ring():
    ramp = torch.linspace(0.1, 0.9, 200).expand(1, 3, 160, 200)
    restored = wiener_deconvolve(ramp, KERNELS["defocus"][None])
    assert (restored - ramp)[..., 12:-12].abs().max() < 4 / 255
    assert (restored - ramp).abs().max() < 12 / 255


def test_power_of_one_block_is_that_of_an_fft_by_hand():
    gray = np.random.default_rng(0).random((BLOCK, BLOCK))
    window = np.outer(np.hanning(BLOCK), np.hanning(BLOCK))
    power = np.abs(np.fft.fft2((gray - gray.mean()) * window)) ** 2
    expected = np.fft.fftshift((np.log(power + 1e-7) + 4) / 4, axes=0)[:, : BLOCK // 2]
    features = spectral_features(torch.from_numpy(gray).float()[None, None])
    # Where the window leaves next to nothing, float32 does not say how little.
    np.testing.assert_allclose(features[0, 2].numpy(), expected, atol=0.02)


def test_a_picture_and_its_reflection_have_the_same_features():
    image = blur(photo(), KERNELS["bent motion"])[..., :288, :320]
    features, turned = spectral_features(image), spectral_features(image.flip(-1, -2))
    torch.testing.assert_close(features, turned, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
@pytest.mark.parametrize("turn", [-1.2, -0.6, 0.6, 1.2])
def test_the_picture_tells_a_blur_from_its_reflection(name, turn):
    kernel = motion_kernel(13, 1.0, turn)[None]
    blurred = blur_and_noise(photo(name), kernel, 2.55 / 255, Generator().manual_seed(0))
    assert torch.equal(resolve_flip_ambiguity(blurred, kernel), kernel)
    assert torch.equal(resolve_flip_ambiguity(blurred, kernel.flip(1, 2)), kernel)


def test_two_blurs_are_not_taken_for_one():
    clean, estimator = photo(side=(256, 400)), load_estimator("blur_reader")
    moved, noise = blur(clean, KERNELS["motion"]), Generator().manual_seed(0)
    split = torch.cat([moved[..., :200], clean[..., 200:]], dim=-1)
    with torch.no_grad():
        one, two = (
            estimate_kernels(estimator, add_gaussian_noise(image, 2 / 255, noise))
            for image in (moved, split)
        )
    assert torch.equal(two, point())
    assert not torch.equal(one, point())


def test_eight_bits_are_read_as_the_same_picture():
    image = blur_and_noise(photo(), KERNELS["motion"], 2 / 255, Generator().manual_seed(0))
    with torch.no_grad():
        expected = estimate_kernels(load_estimator("blur_reader"), image)
        found = estimate_kernels(load_estimator("blur_reader"), image.mul(255).round().byte())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_each_of_a_batch_is_turned_by_its_own_picture():
    kernel = KERNELS["bent motion"]
    blurred = blur(torch.cat([photo(), photo("coffee")]), kernel)
    given = torch.stack([kernel, kernel.flip(0, 1)])
    assert torch.equal(resolve_flip_ambiguity(blurred, given), torch.stack([kernel, kernel]))


def test_features_tell_a_strip_of_zeros_where_motion_puts_it():
    length = 8
    clean = torch.rand(1, 1, 320, 320, generator=Generator().manual_seed(0))
    features = spectral_features(blur(clean, motion_kernel(length, 0.0)))[0, 0]
    row = features[BLOCK // 2]  # zero vertical frequency
    lowest = 4 + int(row[4:13].argmin())  # the first of them: each multiple is one
    assert lowest == pytest.approx(BLOCK / length, abs=1)


def test_pictures_too_small_or_too_flat_to_tell_are_taken_as_they_are():
    estimator = BlurKernelEstimator().eval()
    with torch.no_grad():
        small = estimate_kernels(estimator, torch.rand(2, 3, BLOCK - 1, 400))
        flat, photograph = estimate_kernels(
            estimator, torch.cat([torch.full((1, 3, 300, 334), 0.4), photo()])
        )
    assert torch.equal(small, point().expand(2, -1, -1))
    assert torch.equal(flat, point()[0])
    assert not torch.equal(photograph, point()[0])


@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_bars_do_not_count(shade):
    image = blur(photo(side=(384, 384)), KERNELS["motion"])
    barred = torch.nn.functional.pad(image, (0, 0, 192, 192), value=shade)
    features, alone = spectral_features(barred), spectral_features(image)
    inner = (..., slice(8, -8), slice(8, None))  # the edge of a bar is an edge of the picture
    assert (features - alone)[inner].abs().mean() < 0.1


def test_a_large_picture_is_read_in_its_middle():
    estimator = BlurKernelEstimator().eval()
    wide = torch.rand(1, 3, 130, MAX_READ + 200)
    with torch.no_grad():
        expected = estimator(spectral_features(wide[..., 100:-100]))
        found = estimate_kernels(estimator, wide)
    assert torch.equal(found, expected) or torch.equal(found, expected.flip(1, 2))


def test_kernels_are_positive_and_sum_to_one():
    with torch.no_grad():
        kernels = BlurKernelEstimator()(torch.randn(3, 3, BLOCK, BLOCK // 2))
    assert kernels.min() > 0
    assert kernels.sum(dim=(1, 2)).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert math.prod(kernels.shape[1:]) == BLUR_KERNEL_SIZE**2
