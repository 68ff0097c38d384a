"""``enhance`` with tiny untrained networks: sizes, modes, values, controls, facts."""

import json

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from PIL import Image
from support.stand_ins import AROUND, Given, random_picture, same_pixels, use_tiny_networks

from deconv_demo.degradations import blur, motion_kernel
from deconv_demo.estimation import estimate_sigma
from deconv_demo.pictures import image_tensors
from deconv_demo.pictures.bit_depth import is_gray_pixels
from deconv_demo.pictures.errors import PictureError
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.restoration.guide import estimate_kernel, fill_wiener_guide
from deconv_demo.restoration.weights import load_estimator
from deconv_demo.tasks import TASKS

SIZES = [(1, 1), (5, 3), (33, 70)]


@pytest.fixture(autouse=True)
def use(monkeypatch):
    """Tiny networks and short tiles on the CPU; call it to put another network in their place."""
    return use_tiny_networks(monkeypatch)


@pytest.mark.parametrize("task_id", TASKS)
@pytest.mark.parametrize("size", SIZES)
def test_the_result_has_exactly_scale_times_the_size(task_id, size):
    result = enhance(random_picture(size), task_id)
    scale = TASKS[task_id].scale
    assert result.after.size == result.before.size == (size[0] * scale, size[1] * scale)
    assert result.after.mode == result.before.mode == "RGB"
    assert result.task_id == task_id
    assert result.seconds > 0


@pytest.mark.parametrize("task_id", TASKS)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_the_mode_is_kept(task_id, mode):
    picture = random_picture((21, 13), mode)
    result = enhance(picture, task_id)
    assert result.after.mode == result.before.mode == result.restored.mode == mode
    if TASKS[task_id].scale == 1 and "A" in mode:
        assert same_pixels(result.after.getchannel("A"), picture.getchannel("A"))
        assert same_pixels(result.before, picture)


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (300, 210)])
def test_a_network_that_changes_nothing_gives_the_picture_back(size, use):
    use(Given())
    picture = random_picture(size)
    result = enhance(picture, "deblur")
    assert same_pixels(result.after, picture)
    assert same_pixels(result.before, picture)


def test_the_picture_given_is_left_as_it_is():
    picture = random_picture((20, 20), "RGBA")
    copy = picture.copy()
    enhance(picture, "denoise")
    assert same_pixels(picture, copy)


@pytest.mark.parametrize(
    ("added", "expected"), [(0.4, 100), (0.6, 101), (-0.6, 99), (200, 255), (-200, 0)]
)
def test_results_are_rounded_and_clipped(added, expected, use):
    use(Given(lambda image: image.double() + added / 255))
    after = enhance(Image.new("RGB", (9, 7), (100, 100, 100)), "deblur").after
    assert np.asarray(after).min() == np.asarray(after).max() == expected


def test_channels_are_red_green_blue_on_zero_to_one(use):
    def check(image):
        assert image.dtype == torch.float32
        means = image.mean(dim=(0, 2, 3)).tolist()
        assert means == pytest.approx([1.0, 0.2, 0.0], abs=1e-6)
        return image * image.new_tensor([1, 2, 1]).view(1, 3, 1, 1)

    use(Given(check))
    after = enhance(Image.new("RGB", (9, 7), (255, 51, 0)), "deblur").after
    assert after.getpixel((3, 3)) == (255, 102, 0)


@pytest.mark.parametrize("task_id", ["upscale_x2", "upscale_x4"])
def test_before_an_upscale_is_pillows_bicubic(task_id):
    picture = random_picture((19, 11))
    result = enhance(picture, task_id)
    assert same_pixels(result.before, picture.resize(result.after.size, Image.Resampling.BICUBIC))


def test_sigma_reaches_the_network(use):
    network = use(Given())
    result = enhance(random_picture((20, 20)), "denoise", sigma=25 / 255)
    assert network.calls == [((1, 3, 20 + AROUND, 20 + AROUND), pytest.approx(25 / 255))]
    assert result.facts["sigma"] == 25 / 255


@pytest.mark.parametrize("controls", [{}, {"sigma": None}])
def test_sigma_is_estimated_once_from_the_whole_picture(controls, use):
    network = use(Given())
    pixels = np.random.default_rng(0).normal(128, 20, (180, 215, 3)).clip(0, 255).astype(np.uint8)
    result = enhance(Image.fromarray(pixels), "denoise", **controls)
    estimated = estimate_sigma(load_estimator("noise_reader"), pixels)
    assert estimated * 255 == pytest.approx(20, rel=0.1)
    assert result.facts["sigma"] == estimated
    assert [sigma for _, sigma in network.calls] == pytest.approx([estimated] * 2, rel=0.1)


def test_an_estimate_stays_in_the_range_of_the_control():
    result = enhance(random_picture((64, 64)), "denoise")  # uniform noise: sigma is 74 of 255
    assert 60 / 255 < result.facts["sigma"] <= 75 / 255
    extreme = np.random.default_rng(0).integers(0, 2, (64, 64, 3), dtype=np.uint8) * 255
    assert enhance(Image.fromarray(extreme), "denoise").facts["sigma"] == 75 / 255


def test_other_networks_are_told_no_sigma(use):
    network = use(Given())
    enhance(random_picture((20, 20)), "deblur")
    assert network.calls == [((1, 3, 20 + AROUND, 20 + AROUND), None)]


def test_facts():
    result = enhance(random_picture((300, 200)), "upscale_x2")
    assert result.facts["tiles"] == 2 * 2
    assert result.facts["device"] == "cpu"
    assert result.facts["dtype"] in ("float32", "bfloat16", "int8")
    assert result.facts["megapixels"] == pytest.approx(0.24)


def test_the_blur_that_was_read_is_told_in_a_form_that_can_be_sent():
    facts = enhance(Image.fromarray(skimage.data.cat()[:90, :120]), "deblur").facts
    kernel = np.array(json.loads(json.dumps(facts))["blur_kernel"])
    assert kernel.shape == (25, 25)
    assert kernel.sum() == pytest.approx(1, abs=0.02)
    assert kernel.min() >= 0
    assert enhance(random_picture((63, 200)), "deblur").facts["blur_kernel"] is None
    assert "blur_kernel" not in enhance(random_picture((9, 9)), "upscale_x2").facts


class GivesTheGuide(Given):
    """Stands in for a guided network that believes its guide."""

    guided = True

    def forward(self, image, guide):
        assert image.shape == guide.shape
        return guide


@pytest.mark.parametrize("angle", [0.0, 2.0])
def test_a_guided_network_is_given_one_guide_without_seams(angle, use):
    use(GivesTheGuide())
    clean = torch.from_numpy(np.tile(skimage.data.astronaut()[:200], (1, 2, 1)))
    image = clean.permute(2, 0, 1).unsqueeze(0).float().div(255)
    pixels = image_tensors.to_uint8(blur(image, motion_kernel(17, angle)))
    result = enhance(Image.fromarray(pixels), "deblur")
    assert result.facts["tiles"] > 8
    expected = np.empty_like(pixels)
    for _ in fill_wiener_guide(pixels, estimate_kernel(pixels), expected):
        pass
    assert np.array_equal(np.asarray(result.after), expected)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_amount_zero_gives_the_input_back(mode):
    picture = random_picture((23, 17), mode)
    result = enhance(picture, "deblur", amount=0)
    assert same_pixels(result.after, picture)
    assert result.facts["amount"] == 0


def test_amount_blends_before_and_restored(use):
    use(Given(lambda image: 1 - image))
    picture = random_picture((40, 30))
    full = enhance(picture, "deblur", amount=1)
    assert same_pixels(full.after, full.restored)
    assert np.array_equal(np.asarray(full.after), 255 - np.asarray(picture))
    quarter = enhance(picture, "deblur", amount=0.25)
    assert same_pixels(quarter.restored, full.restored)
    before, after = np.asarray(picture, float), np.asarray(full.after, float)
    error = np.asarray(quarter.after, float) - (0.75 * before + 0.25 * after)
    assert np.abs(error).max() <= 0.5, "rounded to the nearest level"


def test_metadata_travels(tmp_path):
    picture = random_picture((12, 9))
    picture.info = {"dpi": (300, 300), "icc_profile": b"profile"}
    normal = image_tensors.normalize(picture).info
    for task_id, controls in [("deblur", {"amount": 0.5}), ("denoise", {}), ("upscale_x2", {})]:
        after = enhance(picture, task_id, **controls).after
        assert {key: after.info.get(key) for key in normal} == normal


def test_unknown_task():
    with pytest.raises(KeyError, match=r"unknown task 'sharpen'.*denoise, deblur"):
        enhance(random_picture((4, 4)), "sharpen")


@pytest.mark.parametrize(
    ("task_id", "controls", "message"),
    [
        ("denoise", {"quality": 50}, "denoise has no control quality; it has sigma, strength"),
        ("deblur", {"sigma": 0.1}, "deblur has no control sigma; it has amount"),
        ("upscale_x2", {"sigma": 0.1}, "upscale_x2 has no control sigma; it has none"),
        ("upscale_x4", {"b": 1, "a": 2}, "upscale_x4 has no control a, b; it has none"),
    ],
)
def test_controls_of_other_tasks(task_id, controls, message):
    with pytest.raises(TypeError, match=message):
        enhance(random_picture((4, 4)), task_id, **controls)


@pytest.mark.parametrize(
    ("task_id", "controls", "message"),
    [
        ("denoise", {"sigma": -0.01}, r"sigma must be from 0 to 0\.294118, got -0\.01"),
        ("denoise", {"sigma": 25}, r"sigma must be from 0 to 0\.294118, got 25"),
        ("denoise", {"sigma": float("nan")}, "sigma must be from 0 .* got nan"),
        ("deblur", {"amount": 1.5}, r"amount must be from 0 to 1, got 1\.5"),
        ("deblur", {"amount": None}, "amount must be from 0 to 1, got None"),
    ],
)
def test_controls_out_of_range(task_id, controls, message):
    with pytest.raises(ValueError, match=message):
        enhance(random_picture((4, 4)), task_id, **controls)


def test_the_ends_of_a_range_are_inside():
    for sigma in (0, 75 / 255):
        assert enhance(random_picture((4, 4)), "denoise", sigma=sigma).facts["sigma"] == sigma


def test_no_picture_at_all():
    with pytest.raises(PictureError):
        enhance(None, "denoise")


@pytest.mark.parametrize("task_id", TASKS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_gray_stays_gray_in_a_file_that_only_knows_color(task_id, mode):
    gray = random_picture((40, 30), "L")
    result = enhance(gray.convert(mode), task_id)
    assert result.after.mode == mode
    red, green, blue = (np.asarray(result.after.getchannel(name)) for name in "RGB")
    assert np.array_equal(red, green)
    assert np.array_equal(red, blue)
    assert np.array_equal(red, np.asarray(enhance(gray, task_id).after))
    # One pixel with a colour, and it is a colour picture.
    colored = gray.convert(mode)
    colored.putpixel((7, 3), (200, 10, 10, 255)[: len(mode)])
    assert not is_gray_pixels(image_tensors.to_pixels(colored))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_cut_out_does_not_reach_the_rim(mode, use):
    """A white disc on transparent black, seen by a network that takes local means."""
    rows, columns = np.mgrid[:90, :110]
    disc = np.hypot(rows - 45, columns - 60) < 30
    white = np.where(disc, 255, 0).astype(np.uint8)
    bands = [Image.fromarray(white)] * len(mode)
    picture = Image.merge(mode, bands)
    use(Given(lambda image: F.avg_pool2d(image, 7, stride=1, padding=3, count_include_pad=False)))
    after = enhance(picture, "deblur").after
    assert after.mode == mode
    colors, alpha = np.asarray(after)[..., 0], np.asarray(after)[..., -1]
    assert np.array_equal(alpha, white)
    assert colors[disc].min() >= 254


def test_colors_spread_into_what_is_cut_out():
    """From where they are nearest; what can be seen stays as it is."""
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[10:30, 5:10] = (200, 0, 0, 255)
    pixels[10:30, 50:55] = (0, 0, 200, 20)  # hardly visible, and yet
    filled = image_tensors.visible_pixels(Image.fromarray(pixels))
    assert np.array_equal(filled[10:30, 5:10], pixels[10:30, 5:10, :3])
    assert np.array_equal(filled[10:30, 50:55], pixels[10:30, 50:55, :3])
    assert filled[20, 12].tolist() == pytest.approx([200, 0, 0], abs=25)
    assert filled[20, 47].tolist() == pytest.approx([0, 0, 200], abs=25)
    assert filled.sum(axis=2).min() > 150, "no black is left"
    nothing = Image.new("RGBA", (9, 7), (3, 4, 5, 0))
    assert (image_tensors.visible_pixels(nothing) == (3, 4, 5)).all()
