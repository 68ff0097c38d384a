"""What a photo needs, of photos in which it is known."""

import io
import json

import numpy as np
import pytest
import scipy.ndimage
import skimage.data
from PIL import Image

from deconv_demo.pictures import open_picture
from deconv_demo.restoration.diagnosis import diagnose


def clean(name="coffee"):
    """Made smaller, so that what the camera and its file left is gone."""
    pixels = getattr(skimage.data, name)()
    return np.asarray(Image.fromarray(pixels).reduce(1))[:400, :600]


def finding(found, name):
    return next(one for one in found.findings if one.name == name)


def as_jpeg(pixels, *qualities):
    for quality in qualities:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
        pixels = np.asarray(Image.open(stream))[3:, 5:]
    return stream


@pytest.mark.parametrize("name", ["coffee", "cat", "camera"])
def test_a_good_photo_needs_nothing(name):
    assert diagnose(Image.fromarray(clean(name))).steps == ()


@pytest.mark.parametrize("sigma", [10, 25])
def test_noise_is_found(sigma):
    noise = np.random.default_rng(0).normal(0, sigma, clean().shape)
    found = diagnose(Image.fromarray((clean() + noise).clip(0, 255).astype(np.uint8)))
    assert found.steps == ("denoise",)
    values = finding(found, "noise").values
    assert values["sigma"] == pytest.approx(sigma, rel=0.25)
    assert values["grain"] < 1.5


@pytest.mark.parametrize("quality", [10, 30])
def test_a_bad_file_is_found(quality):
    found = diagnose(open_picture(as_jpeg(clean(), quality)))
    assert found.steps == ("jpeg",)
    values = finding(found, "jpeg").values
    assert values["file_quality"] == pytest.approx(quality, abs=1)
    assert values["quality"] == pytest.approx(quality, abs=max(6, quality / 3))


def test_a_bad_file_is_found_in_a_good_one():
    """Its tables say 90, its pixels know better."""
    found = diagnose(open_picture(as_jpeg(clean(), 15, 90)))
    assert "jpeg" in found.steps
    values = finding(found, "jpeg").values
    assert values["file_quality"] == pytest.approx(90, abs=1)
    assert values["quality"] < 75


def test_blur_is_found():
    soft = scipy.ndimage.gaussian_filter(clean().astype(float), (2, 2, 0))
    noise = np.random.default_rng(0).normal(0, 1, soft.shape)
    found = diagnose(Image.fromarray((soft + noise).clip(0, 255).round().astype(np.uint8)))
    assert found.steps == ("deblur",)
    # A disc of the same mean square radius as the Gaussian, 2 sigma^2, is 4 sigma wide.
    assert finding(found, "blur").values["width"] == pytest.approx(8, rel=0.3)


def test_steps_come_in_their_order():
    soft = scipy.ndimage.gaussian_filter(clean().astype(float), (1.8, 1.8, 0))
    found = diagnose(open_picture(as_jpeg(soft.round().astype(np.uint8), 25)))
    assert found.steps == ("jpeg", "deblur")
    assert found.optional == ("upscale_x2",)


def test_the_record_can_be_sent():
    record = diagnose(Image.fromarray(clean())).as_record()
    assert json.loads(json.dumps(record)) == record
    assert set(record["findings"]) == {"noise", "jpeg", "blur", "size"}


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (9, 15), (40, 30)])
def test_small_pictures_are_looked_at(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert diagnose(Image.fromarray(pixels)).findings
