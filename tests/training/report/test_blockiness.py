"""The step across JPEG blocks: counted by hand, in real files, and after the networks."""

import numpy as np
import pytest
from PIL import Image

from deconv_demo import degradations, enhance
from deconv_demo.networks.restorers import bicubic_upscale
from deconv_demo.pictures import image_tensors
from deconv_demo.tasks import TASKS
from deconv_demo.training.report.blockiness import blockiness


def test_steps_are_counted_as_by_hand():
    pixels = np.random.default_rng(3).integers(0, 256, (40, 24, 3)).astype(np.uint8)
    y = pixels @ np.array([65.481, 128.553, 24.966]) / 255
    found = []
    for turned in (y, y.T):
        across, elsewhere = [], []
        for row in range(1, len(turned)):
            step = np.abs(turned[row] - turned[row - 1]).mean()
            (across if row % 8 == 0 else elsewhere).append(step)
        found.append(np.mean(across) - np.mean(elsewhere))
    image = image_tensors.to_image(Image.fromarray(pixels))
    assert blockiness(image) == pytest.approx(np.mean(found), abs=1e-3)


def test_a_photo_has_no_blocks_before_it_is_compressed(photos):
    photo = photos["astronaut"][..., :256, :256]
    steps = [blockiness(degradations.jpeg(photo, quality)) for quality in (95, 75, 50, 25)]
    assert abs(blockiness(photo)) < 0.2
    assert steps == sorted(steps)
    assert steps[-1] > 2


@pytest.mark.parametrize("scale", [2, 4])
def test_enlarging_alone_hardly_changes_it(photos, scale):
    small = degradations.jpeg(photos["coffee"][..., :160, :160], 60)
    enlarged = bicubic_upscale(small, scale)
    assert 0.4 < blockiness(enlarged, scale) / blockiness(small) < 1.0


@pytest.mark.parametrize("quality", [60, 75])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
@pytest.mark.parametrize("task_id", ["upscale_x2", "upscale_x4"])
def test_the_upscalers_do_not_sharpen_blocks(photos, task_id, name, quality):
    small = degradations.bicubic_downsample_8bit(photos[name][..., :256, :256], 2)
    compressed = degradations.jpeg(small, quality)
    pixels = image_tensors.to_uint8(compressed)
    picture = image_tensors.from_pixels(pixels, like=Image.new("RGB", (1, 1)))
    enlarged = image_tensors.to_image(enhance(picture, task_id).after)
    assert blockiness(enlarged, TASKS[task_id].scale) < blockiness(compressed)
