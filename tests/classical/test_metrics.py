"""PSNR, SSIM and luma against scikit-image."""

import math

import numpy as np
import pytest
import skimage.color
import skimage.metrics
import torch

from deconv_demo.classical.metrics import crop_border, psnr, ssim, y_channel


@pytest.fixture
def noisy_pair(photos):
    clean = photos["astronaut"][..., :96, :80]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return (clean + 0.1 * noise).clamp(0, 1), clean


def channels_last(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()


def test_psnr_matches_scikit_image(noisy_pair):
    restored, reference = noisy_pair
    expected = skimage.metrics.peak_signal_noise_ratio(
        reference.double().numpy(), restored.double().numpy(), data_range=1.0
    )
    assert psnr(restored, reference) == pytest.approx(expected, abs=1e-9)


def test_psnr_by_hand():
    # Ten levels of 255 everywhere: 20 log10(255 / 10).
    restored = torch.full((1, 3, 4, 4), 110 / 255)
    assert psnr(restored, torch.full((1, 3, 4, 4), 100 / 255)) == pytest.approx(28.1308, abs=1e-3)


def test_equal_pictures():
    image = torch.rand(1, 3, 16, 16)
    assert psnr(image, image.clone()) == math.inf
    assert math.isnan(psnr(image * math.nan, image)), "no number is not a perfect one"
    assert ssim(image, image.clone()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_metrics_name_both_shapes(metric):
    with pytest.raises(ValueError, match=r"\(1, 3, 16, 16\).*\(1, 3, 12, 12\)"):
        metric(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 12, 12))


def test_one_picture_is_not_broadcast_to_two():
    with pytest.raises(ValueError, match=r"\(2, 3, 16, 16\).*\(1, 3, 16, 16\)"):
        psnr(torch.zeros(2, 3, 16, 16), torch.zeros(1, 3, 16, 16))


def test_ssim_matches_scikit_image(noisy_pair):
    restored, reference = noisy_pair
    expected = skimage.metrics.structural_similarity(
        channels_last(reference),
        channels_last(restored),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
    )
    assert 0.2 < expected < 0.9
    assert ssim(restored, reference) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_a_negative_is_negative(noisy_pair):
    # Equal means and opposite structure: the numerator of the second factor is below zero.
    reference = noisy_pair[1] - noisy_pair[1].mean() + 0.5
    assert ssim(1 - reference, reference) < 0


@pytest.mark.parametrize("shape", [(1, 3, 10, 40), (1, 3, 40, 10), (3, 40, 40)])
def test_ssim_says_what_it_needs(shape):
    with pytest.raises(ValueError, match="at least 11 x 11, got") as error:
        ssim(torch.zeros(shape), torch.zeros(shape))
    assert str(shape) in str(error.value)


def test_luma_matches_scikit_image(photos):
    image = photos["coffee"]
    expected = skimage.color.rgb2ycbcr(channels_last(image))[..., 0] / 255
    np.testing.assert_allclose(y_channel(image)[0, 0].double().numpy(), expected, atol=1e-6)


def test_luma_range():
    ends = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    assert y_channel(ends).flatten().mul(255).tolist() == pytest.approx([16, 235], abs=1e-3)


def test_crop_border():
    image = torch.arange(30.0).view(1, 1, 5, 6)
    assert crop_border(image, 2)[0, 0].tolist() == [[14, 15]]
    assert crop_border(image, 0).shape == (1, 1, 5, 6)
