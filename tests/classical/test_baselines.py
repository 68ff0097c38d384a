"""The classical methods against scikit-image, SciPy and Pillow, and that they help."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.restoration
import torch
from torch import Generator

from deconv_demo.classical.baselines import (
    bicubic,
    cycle_spun_wavelet,
    gaussian_filter,
    unsharp_mask,
    wavelet_denoise,
    wiener_skimage,
)
from deconv_demo.classical.metrics import psnr
from deconv_demo.degradations import add_gaussian_noise, blur, gaussian_kernel, motion_kernel


@pytest.fixture
def noisy(photos):
    clean = photos["astronaut"]
    return add_gaussian_noise(clean, 25 / 255, Generator().manual_seed(0)), clean


def test_wavelets_take_noise_away(noisy):
    degraded, clean = noisy
    restored = wavelet_denoise(degraded, torch.tensor([25 / 255]))
    assert restored.dtype == degraded.dtype
    assert restored.shape == degraded.shape
    assert psnr(restored, clean) > psnr(degraded, clean) + 3


def test_wavelets_are_scikit_images(noisy):
    degraded, _ = noisy
    expected = skimage.restoration.denoise_wavelet(
        degraded[0].permute(1, 2, 0).double().numpy(),
        sigma=25 / 255,
        convert2ycbcr=True,
        channel_axis=-1,
        rescale_sigma=True,
    ).clip(0, 1)
    restored = wavelet_denoise(degraded, torch.tensor([25 / 255]))
    np.testing.assert_allclose(restored[0].permute(1, 2, 0).numpy(), expected, atol=1e-4)


def test_wavelets_of_a_gray_picture_are_those_of_its_one_channel(noisy):
    _, clean = noisy
    gray = clean.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    degraded = add_gaussian_noise(gray, 25 / 255, Generator().manual_seed(0), shared=True)
    expected = skimage.restoration.denoise_wavelet(
        degraded[0, 0].double().numpy(), sigma=25 / 255, rescale_sigma=True
    ).clip(0, 1)
    restored = wavelet_denoise(degraded, torch.tensor([25 / 255]))
    np.testing.assert_allclose(restored[0], np.stack([expected] * 3), atol=1e-4)
    assert psnr(restored, gray) > psnr(degraded, gray) + 4


def test_wavelets_use_the_strength_of_each_image(noisy):
    degraded, _ = noisy
    levels = torch.tensor([5 / 255, 50 / 255])
    restored = wavelet_denoise(degraded.expand(2, -1, -1, -1), levels)
    assert torch.equal(restored[:1], wavelet_denoise(degraded, levels[:1]))
    rough, smooth = restored.diff(dim=3).abs().mean(dim=(1, 2, 3)).tolist()
    assert smooth < 0.8 * rough


def test_wavelets_estimate_where_nothing_is_told(noisy):
    degraded, clean = noisy
    told = psnr(wavelet_denoise(degraded, torch.tensor([25 / 255])), clean)
    assert psnr(wavelet_denoise(degraded, None), clean) == pytest.approx(told, abs=0.5)


def test_unsharp_mask_by_its_formula(photos):
    degraded = blur(photos["coffee"], gaussian_kernel(1.6))
    soft = scipy.ndimage.gaussian_filter(degraded[0].numpy(), (0, 2.0, 2.0), mode="reflect")
    expected = (degraded[0].numpy() + 0.7 * (degraded[0].numpy() - soft)).clip(0, 1)
    sharpened = unsharp_mask(degraded, radius=2.0, amount=0.7)
    np.testing.assert_allclose(sharpened[0].numpy(), expected, atol=1e-5)


def test_unsharp_mask_brings_a_blurred_picture_closer(photos):
    for name, clean in photos.items():
        degraded = blur(clean, gaussian_kernel(1.6))
        assert psnr(unsharp_mask(degraded), clean) > psnr(degraded, clean), name


def test_no_unsharp_mask_at_all(photos):
    torch.testing.assert_close(unsharp_mask(photos["cat"], amount=0), photos["cat"])


def test_the_wiener_filter_by_its_formula(photos):
    clean, kernel, balance = photos["cat"][..., :60, :80], motion_kernel(9, 0.5, 0.8), 0.01
    degraded = blur(clean, kernel)
    side = 2 * kernel.shape[-1]
    channels = degraded[0].numpy()
    padded = np.stack([np.pad(c, side, "linear_ramp", end_values=c.mean()) for c in channels])

    def spectrum(taps):
        """Of taps whose middle is at the origin, on a picture that repeats."""
        field = np.zeros(padded.shape[-2:])
        field[: len(taps), : len(taps)] = taps
        return np.fft.fft2(np.roll(field, (-(len(taps) // 2),) * 2, axis=(0, 1)))

    blurring = spectrum(kernel.double().numpy())
    roughness = spectrum(np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]))
    inverse = blurring.conj() / (abs(blurring) ** 2 + balance * abs(roughness) ** 2)
    expected = np.fft.ifft2(np.fft.fft2(padded) * inverse).real[:, side:-side, side:-side]
    restored = wiener_skimage(degraded, kernel, balance=balance)
    np.testing.assert_allclose(restored[0].numpy(), expected.clip(0, 1), atol=1e-4)


def test_the_wiener_filter_undoes_the_blur_it_is_told(photos):
    clean, kernel = photos["cat"], motion_kernel(9, 0.5, 0.8)
    degraded = blur(clean, kernel)
    restored = wiener_skimage(degraded, kernel, balance=1e-4)
    assert restored.dtype == degraded.dtype
    assert psnr(restored, clean) > psnr(degraded, clean) + 6
    turned = wiener_skimage(degraded, kernel.flip(0), balance=1e-4)
    assert psnr(turned, clean) < psnr(degraded, clean)


@pytest.mark.parametrize("scale", [2, 4])
def test_bicubic_is_pillows(scale, random_image, resize_with_pillow):
    degraded = random_image(9, 14)
    expected = resize_with_pillow(degraded, (9 * scale, 14 * scale)).clamp(0, 1)
    torch.testing.assert_close(bicubic(degraded, scale=scale), expected, rtol=0, atol=1e-5)


def test_baselines_stay_in_range():
    edge = torch.zeros(1, 3, 32, 32)
    edge[..., 16:] = 1
    for restored in (
        bicubic(edge, scale=2),
        unsharp_mask(edge, amount=3),
        wavelet_denoise(edge, torch.tensor([0.1])),
    ):
        assert 0 <= restored.min() < 0.01
        assert 0.99 < restored.max() <= 1


@pytest.mark.slow
def test_cycle_spun_wavelets_beat_a_gaussian_filter_and_a_single_transform(noisy):
    degraded, clean = noisy
    spun = psnr(cycle_spun_wavelet(degraded, 25 / 255), clean)
    filters = [psnr(gaussian_filter(degraded, radius), clean) for radius in (0.6, 0.8, 1.0, 1.4)]
    assert spun > max(filters) + 0.1
    assert spun > psnr(cycle_spun_wavelet(degraded, 25 / 255, shifts=0), clean) + 0.3


def test_the_gaussian_filter_is_scipys(noisy):
    degraded, _ = noisy
    expected = scipy.ndimage.gaussian_filter(degraded[0].numpy(), (0, 1.2, 1.2), mode="nearest")
    np.testing.assert_allclose(gaussian_filter(degraded, 1.2)[0].numpy(), expected, atol=1e-5)
