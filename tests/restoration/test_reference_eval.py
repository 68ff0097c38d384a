"""Damage on purpose, and judging against the truth, beside scikit-image and Pillow."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deconv_demo.pictures import image_tensors
from deconv_demo.pictures.errors import PictureError
from deconv_demo.restoration import reference_eval
from deconv_demo.restoration.enhancement import Enhancement
from deconv_demo.restoration.reference_eval import (
    BLURS,
    DegradationSpec,
    degrade,
    prepare_reference,
    score_result,
)
from deconv_demo.tasks import TASKS


@pytest.fixture
def photo(photo_pixels):
    return Image.fromarray(photo_pixels["cat"][:80, :96])


def restored_as(picture, task_id):
    """A result whose network has made just this of its input."""
    return Enhancement(
        task_id=task_id, before=picture, after=picture, seconds=0, facts={}, restored=picture
    )


def y_channel(picture):
    """Y of ITU-R BT.601 in studio range, 16 to 235, not rounded."""
    red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), dtype=float), 2, 0)
    return 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255


def test_the_truth_is_the_middle_in_whole_steps_of_the_scale():
    pixels = np.random.default_rng(0).integers(0, 256, (71, 1100, 3), dtype=np.uint8)
    truth = prepare_reference(Image.fromarray(pixels), 4)
    assert truth.size == (1024, 68)
    assert np.array_equal(truth, pixels[1:69, 38:1062])
    assert prepare_reference(Image.new("RGB", (64, 64)), 4).size == (64, 64)


@pytest.mark.parametrize(("mode", "kept"), [("L", "L"), ("LA", "L"), ("RGBA", "RGB"), ("1", "L")])
def test_the_truth_has_no_alpha_and_gray_stays_gray(mode, kept):
    assert prepare_reference(Image.new(mode, (32, 32)), 1).mode == kept


@pytest.mark.parametrize(("scale", "size"), [(1, (15, 99)), (2, (99, 31)), (4, (63, 63))])
def test_too_small_to_judge(scale, size):
    with pytest.raises(PictureError) as caught:
        prepare_reference(Image.new("RGB", size), scale)
    assert caught.value.code == "too_small_to_judge"
    assert f"{16 * scale} × {16 * scale}" in str(caught.value)


@pytest.mark.parametrize("blur", [None, *BLURS])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_damage_is_the_same_each_time_and_keeps_the_mode(photo, mode, blur):
    reference = photo.convert(mode)
    spec = DegradationSpec(sigma=20 / 255, blur=blur, blur_size=3, scale=2, jpeg_quality=60, seed=5)
    first, second = degrade(reference, spec), degrade(reference, spec)
    assert first.mode == mode
    assert first.size == (48, 40)
    assert np.array_equal(first, second)
    another = degrade(reference, DegradationSpec(**{**vars(spec), "seed": 6}))
    assert not np.array_equal(first, another)
    assert np.array_equal(reference, photo.convert(mode))


def test_no_damage_is_no_change(photo):
    assert np.array_equal(degrade(photo, DegradationSpec()), photo)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_noise_has_the_strength_that_is_asked_for(mode):
    gray = Image.new("RGB", (200, 200), (128, 128, 128)).convert(mode)
    noisy = np.asarray(degrade(gray, DegradationSpec(sigma=25 / 255))).astype(float)
    assert noisy.std() == pytest.approx(25, rel=0.02)
    assert noisy.mean() == pytest.approx(128, abs=0.5)


@pytest.mark.parametrize("blur", BLURS)
def test_blur_takes_detail_and_keeps_the_mean(photo, blur):
    blurred = degrade(photo, DegradationSpec(blur=blur, blur_size=4))
    before, after = (np.asarray(picture, dtype=float) for picture in (photo, blurred))
    assert np.abs(np.diff(after, axis=1)).mean() < 0.8 * np.abs(np.diff(before, axis=1)).mean()
    assert after.mean() == pytest.approx(before.mean(), abs=2)


@pytest.mark.parametrize("blur", BLURS)
@pytest.mark.parametrize("size", [0.5, 15])
def test_every_size_that_the_page_offers_can_be_made(photo, blur, size):
    assert degrade(photo, DegradationSpec(blur=blur, blur_size=size)).size == photo.size


def test_jpeg_comes_last(photo):
    # Only a JPEG of the noise itself is made of 8 x 8 cosines again when it is compressed anew.
    compressed = degrade(photo, DegradationSpec(sigma=20 / 255, jpeg_quality=30))
    clean = degrade(photo, DegradationSpec(sigma=20 / 255))
    error = np.abs(np.asarray(compressed).astype(float) - np.asarray(clean)).mean()
    assert 2 < error < 30
    assert len(np.unique(np.asarray(compressed))) > 50


@pytest.mark.parametrize("task_id", ["denoise", "deblur"])
def test_scores_of_restoration_are_those_of_scikit_image(photo, task_id):
    damaged = degrade(photo, DegradationSpec(sigma=25 / 255))
    result = degrade(photo, DegradationSpec(sigma=5 / 255))
    rows = score_result(photo, damaged, restored_as(result, task_id), 25 / 255)
    assert [row.name for row in rows][::2] == ["damaged", "network"]
    truth = np.asarray(photo)
    for row, picture in ((rows[0], damaged), (rows[2], result)):
        shown = np.asarray(picture)
        assert row.psnr_db == pytest.approx(peak_signal_noise_ratio(truth, shown), abs=1e-6)
        similarity = structural_similarity(
            truth,
            shown,
            channel_axis=2,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        assert row.ssim == pytest.approx(similarity, abs=5e-3)
    assert rows[1].psnr_db > rows[0].psnr_db or task_id == "deblur"


def test_upscales_are_judged_on_luma_without_the_border(photo):
    damaged = degrade(photo, DegradationSpec(scale=2))
    bicubic = damaged.resize(photo.size, Image.Resampling.BICUBIC)
    rows = score_result(photo, damaged, restored_as(bicubic, "upscale_x2"), 0.0)
    truth = y_channel(photo)[2:-2, 2:-2]
    repeated = damaged.resize(photo.size, Image.Resampling.NEAREST)
    for row, picture in ((rows[0], repeated), (rows[2], bicubic)):
        error = np.square(y_channel(picture)[2:-2, 2:-2] - truth).mean()
        assert row.psnr_db == pytest.approx(10 * math.log10(255**2 / error), abs=1e-3)
    # The classical method is the bicubic enlargement that the slider shows as "before".
    assert rows[1].psnr_db == pytest.approx(rows[2].psnr_db, abs=0.05)


def test_equal_pictures_are_infinitely_close(photo):
    rows = score_result(photo, photo, restored_as(photo, "denoise"), 0.0)
    assert math.isinf(rows[2].psnr_db)
    assert rows[2].ssim == pytest.approx(1)
    # Told that there is no noise, the classical method leaves the picture alone.
    assert math.isinf(rows[1].psnr_db)


def test_the_unsharp_mask_is_the_best_of_all_that_are_tried(photo):
    spec = DegradationSpec(blur="gaussian", blur_size=1.6)
    degraded = image_tensors.to_image(degrade(photo, spec))
    clean = image_tensors.to_image(photo)
    name, best = reference_eval.best_classical("deblur", degraded, None, clean)
    assert name.startswith("unsharp mask, radius")

    def error_of(image):
        return (image - clean).square().mean().item()

    tried = [
        error_of(TASKS["deblur"].baseline(degraded, None, radius=radius, amount=amount))
        for radius in reference_eval.UNSHARP_RADII
        for amount in reference_eval.UNSHARP_AMOUNTS
    ]
    assert error_of(best) == min(tried) < error_of(degraded)


def test_repeated_pixels():
    small = torch.arange(4.0).view(1, 1, 2, 2)
    rows = reference_eval.repeat_pixels(small, 2)[0, 0].tolist()
    assert rows == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
