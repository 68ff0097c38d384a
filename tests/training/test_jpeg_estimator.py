"""What the estimator of JPEG artifacts is trained on and validated by."""

import pytest
import torch
from torch import Generator

from deconv_demo.degradations import jpeg, jpeg_level, jpeg_quality
from deconv_demo.training import jpeg_estimator as training


def degraded(photos, count=40, seed=0):
    clean = photos["coffee"].repeat(count, 1, 1, 1)
    image, condition, _ = training.in_files(clean, Generator().manual_seed(seed))
    return clean, image, condition


@pytest.fixture
def plain(monkeypatch):
    """No noise, no drawings, one file."""
    for name in ("NO_FILE_PROB", "DRAWN_PROB", "NOISE_PROB", "SECOND_FILE_PROB"):
        monkeypatch.setattr(training, name, 0)


def test_the_level_is_that_of_the_file(plain, photos):
    """The worse the file, the higher the level and the larger the errors."""
    clean, image, condition = degraded(photos)
    errors = (image - clean).square().mean(dim=(1, 2, 3)).sqrt()
    levels = condition[:, 0]
    assert torch.corrcoef(torch.stack([levels, errors]))[0, 1] > 0.95
    assert torch.equal(condition[:, 1], levels)
    assert condition[:, 3:].isnan().all()
    qualities = [jpeg_quality(level) for level in levels.tolist()]
    assert min(qualities) >= 4.9
    assert max(qualities) <= 98.1


def test_some_crops_were_in_no_file(plain, photos, monkeypatch):
    monkeypatch.setattr(training, "NO_FILE_PROB", 0.5)
    clean, image, condition = degraded(photos)
    none = condition[:, 0] == 0
    assert 10 < none.sum() < 30
    assert torch.equal(image[none], clean[none])


def test_of_two_files_the_worse_counts(plain, photos, monkeypatch):
    _, _, once = degraded(photos, 80)
    monkeypatch.setattr(training, "SECOND_FILE_PROB", 0.9)
    _, _, often = degraded(photos, 80)
    assert often[:, 0].mean() > 1.3 * once[:, 0].mean()


def test_files_for_validation_are_what_their_names_say(photo_pixels):
    ((images, levels),) = training.make_jpeg_validation_set([photo_pixels["cat"]])
    files = [*training.FILES, *training.FILES_TWICE]
    assert len(images) == len(levels) == len(files)
    for file, level in zip(files, levels.tolist(), strict=True):
        assert level == pytest.approx(jpeg_level(min(file, default=100)))
    assert torch.equal(images[0] * 255, (images[0] * 255).round())


def test_levels_grow_as_errors_do(photos):
    """The formula against files: of the right size over all qualities, on three photos."""
    for quality in (10, 20, 40, 75, 90):
        errors = [
            (jpeg(photo, quality) - photo).square().mean().sqrt().item()
            for photo in photos.values()
        ]
        mean = sum(errors) / len(errors)
        assert jpeg_level(quality) == pytest.approx(mean, rel=0.6)
