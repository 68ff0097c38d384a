"""What the noise reader is trained on and judged by."""

import numpy as np
import pytest
import skimage.restoration
import torch
from torch import Generator, nn

from deconv_demo.degradations import is_gray
from deconv_demo.estimation import noise_reading
from deconv_demo.estimation.noise import BRIGHTNESSES, LocalEstimates, near_brightness
from deconv_demo.training import noise_estimator as training
from deconv_demo.training.data import to_gray

SHARES = [name for name in vars(training) if name.endswith("_PROB")]
SEPIA = next(case.tone for case in training.NOISE_CASES if "sepia" in case.name)


@pytest.fixture
def nothing_but(monkeypatch):
    """Set the shares of everything that is done to crops to 0, but those that are given."""

    def set_shares(**shares: float) -> None:
        assert set(shares) <= set(SHARES)
        for name in SHARES:
            monkeypatch.setattr(training, name, shares.get(name, 0))

    return set_shares


def many(photos, count: int):
    return photos["coffee"].repeat(count, 1, 1, 1)


def damaged(clean, seed=0):
    """The noisy crops, and the mean of the levels of their channels."""
    noisy, condition, _ = training.with_its_noise(clean, Generator().manual_seed(seed))
    return noisy, condition[:, :3].mean(dim=1)


@pytest.mark.parametrize("coarse", [0, 1])
def test_crops_come_with_their_noise(coarse, photos, nothing_but):
    """The noise that is told is the noise that was added, fine or coarse."""
    nothing_but(COARSE_PROB=coarse)
    clean = 0.4 + 0.2 * many(photos, 40)  # away from black and white, where noise is cut off
    noisy, sigma = damaged(clean)
    added = noisy - clean
    weak = sigma < 40 / 255
    found = added.flatten(1).std(dim=1)
    assert found[weak].numpy() == pytest.approx(sigma[weak].numpy(), rel=0.05, abs=0.4 / 255)
    assert training.MAX_LEVEL / 255 / 2 < sigma.max() <= training.MAX_LEVEL / 255
    strong = added[(sigma > 10 / 255) & weak]
    neighbors = (strong[..., 1:] * strong[..., :-1]).mean() / strong.square().mean()
    assert neighbors > 0.2 if coarse else abs(neighbors) < 0.05
    again, same = damaged(clean)
    assert torch.equal(again, noisy)
    assert torch.equal(same, sigma)


def test_some_crops_have_no_noise(photos, nothing_but):
    nothing_but(CLEAN_PROB=0.5)
    noisy, sigma = damaged(many(photos, 60))
    none = sigma == 0
    assert 0.3 < none.float().mean() < 0.7
    assert torch.equal(noisy[none], many(photos, 60)[none])


@pytest.mark.parametrize("probability", [0, 1])
def test_crops_in_gray_get_noise_in_gray_or_in_color(probability, photos, nothing_but):
    nothing_but(SHARED_ON_GRAY_PROB=probability)
    clean = many(photos, 6)[:, :1].repeat(1, 3, 1, 1)
    assert is_gray(damaged(clean)[0]).tolist() == [bool(probability)] * 6


@pytest.mark.parametrize("gray", [False, True])
def test_crops_in_gray_may_be_toned_with_their_noise(gray, photos, nothing_but):
    """Then every channel has its share of one noise, and the mean of those is told."""
    nothing_but(TONED_PROB=1, SHARED_ON_GRAY_PROB=1)
    clean = 0.5 + 0.1 * many(photos, 12)
    clean = to_gray(clean) if gray else clean
    noisy, sigma = damaged(clean)
    nothing_but(SHARED_ON_GRAY_PROB=1)
    plain, untoned = damaged(clean)
    if not gray:
        assert torch.equal(noisy, plain)
        assert torch.equal(sigma, untoned)
        return
    for toned, gray_one, level, told in zip(noisy, plain, untoned, sigma, strict=True):
        tone = toned.flatten(1).mean(dim=1) / gray_one.mean()
        assert tone.max().item() == pytest.approx(1, abs=0.02)
        assert 0.35 < tone.min() < 1
        assert told.item() == pytest.approx((level * tone.mean()).item(), rel=0.03)
        if level < 30 / 255:  # of stronger noise, white cuts some off before toning or after
            assert ((toned - gray_one * tone.view(3, 1, 1)).abs() < 0.02).float().mean() > 0.99
    assert (untoned < 30 / 255).any()


def test_some_crops_are_drawings_in_part_or_as_a_whole(photos, nothing_but):
    nothing_but(DRAWN_PROB=1, CLEAN_PROB=0.9999)
    clean = many(photos, 30)
    shown, sigma = damaged(clean)
    assert (sigma == 0).all()
    kept = (shown == clean).all(dim=1).float().mean(dim=(1, 2))
    assert 0.1 < (kept > 0.05).float().mean() < 0.6
    assert (kept < 1).all()


def test_some_crops_have_few_levels(photos, nothing_but):
    nothing_but(LEVELED_PROB=0.5, CLEAN_PROB=0.9999)
    shown, _ = damaged(many(photos, 60))
    levels = [len(torch.unique(image)) for image in shown]
    few = [count for count in levels if count <= training.MAX_LEVELS]
    assert 15 <= len(few) <= 45
    assert len(set(few)) > 5
    assert min(count for count in levels if count > training.MAX_LEVELS) > 100


def test_a_clean_part_covers_noise_and_leaves_what_is_told(photos, nothing_but):
    nothing_but(CLEAN_PART_PROB=1)
    clean = torch.full((60, 3, 96, 96), 0.5)
    noisy, sigma = damaged(clean)
    nothing_but()
    without, same = damaged(clean)
    assert torch.equal(sigma, same)
    covered = (noisy != without).any(dim=1).float().mean(dim=(1, 2))
    assert covered.max() < 0.9
    assert 0.1 < covered.median() < 0.5
    flat = [
        image[:, (image != other).any(dim=0)] for image, other in zip(noisy, without, strict=True)
    ]
    one_color = [bool((part == part[:, :1]).all()) for part in flat if part.numel()]
    assert np.mean(one_color) == 1  # no drawings here
    white = [bool((part == 1).all()) for part in flat if part.numel()]
    assert 0.2 < np.mean(white) < 0.6


class Knowing(nn.Module):
    """Reads one level everywhere."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def local_estimates(self, image, *, one_tone, together):
        levels = torch.full((len(image), 1, 2, 2), self.level / 255)
        none = torch.zeros_like(levels)
        return LocalEstimates(levels, none, none, none)


def test_errors_are_told_for_each_condition_beside_those_of_wavelets(photo_pixels, monkeypatch):
    monkeypatch.setattr(noise_reading, "flat_block_noise", lambda _pixels: None)
    validation_set = training.make_noise_validation_set(
        [photo_pixels["cat"], photo_pixels["coffee"]]
    )
    found = training.validate_sigma(Knowing(25), validation_set)
    # By picture and case; of a camera's noise the strength differs from picture to picture.
    levels = np.array([sigma.mul(255).tolist() for _, sigma in validation_set])
    off = np.abs(levels - 25)
    for row, case, expected in zip(
        found["off_by"], training.NOISE_CASES, off.mean(axis=0), strict=True
    ):
        assert row["noise"] == case.name
        assert row["network"] == pytest.approx(expected, abs=0.01)
    expected = np.mean(off / (levels + training.TOLERATED))
    assert found["error"] == pytest.approx(expected, rel=1e-4)
    at = [case.name for case in training.NOISE_CASES].index("25")
    rivals = []
    for noisy, _ in validation_set:
        pixels = noisy[at].permute(1, 2, 0).mul(255).round().numpy()
        rivals.append(
            skimage.restoration.estimate_sigma(pixels, channel_axis=-1, average_sigmas=True)
        )
    expected = np.mean(np.abs(np.array(rivals) - 25))
    assert found["off_by"][at]["wavelets"] == pytest.approx(expected, abs=0.05)


def test_a_drawing_without_detail_has_no_noise_by_either_estimate(photo_pixels):
    flat = torch.full((len(training.NOISE_CASES), 3, 64, 64), 0.5)
    found = training.validate_sigma(Knowing(0), [(flat, torch.zeros(len(flat)))])
    assert {row["wavelets"] for row in found["off_by"]} == {0}


def test_conditions_are_what_their_names_say(photo_pixels):
    (noisy, sigma) = training.make_noise_validation_set([photo_pixels["cat"]])[0]
    by_name = {c.name: image for c, image in zip(training.NOISE_CASES, noisy, strict=True)}
    clean = torch.from_numpy(photo_pixels["cat"]).permute(2, 0, 1) / 255
    assert torch.equal(by_name["none"], clean)
    assert (by_name["25, a white border"][:, :24] == 1).all()
    assert (by_name["25, a white border"][:, 24:-24, 24:-24] < 1).float().mean() > 0.9
    drawing = (by_name["none, a drawing"] * 255).round()
    colors = torch.unique(drawing.flatten(1), dim=1).shape[1]
    assert 1 < colors < clean[0].numel() / 20
    assert not torch.equal(by_name["none, a drawing"], clean)
    # Of a drawing in pure colours, half of the noise is cut off.
    on_drawing = (by_name["15, a drawing"] - by_name["none, a drawing"]).std() * 255
    assert 7 < on_drawing < 16
    gray = "15, coarse grain, in grey"
    assert is_gray(by_name[gray][None]).all()
    correlated = {"15": 0, "15, coarse grain": 0.4, "15, then JPEG 75": 0.1, gray: 0.4}
    for name, expected in correlated.items():
        noise = by_name[name] - (to_gray(clean[None])[0] if name == gray else clean)
        assert noise.std().item() * 255 == pytest.approx(15, rel=0.3)  # a JPEG takes some away
        next_to = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
        assert next_to.item() == pytest.approx(expected, abs=0.2)
    sepia = by_name["25, in sepia"] / torch.tensor(SEPIA).view(3, 1, 1)
    unclipped = (by_name["25, in sepia"] > 0).all(dim=0) & (sepia < 0.99).all(dim=0)
    assert (sepia[0] - sepia[2])[unclipped].abs().max() < 1.5 / 255 / min(SEPIA)
    noise = by_name["25, in sepia"] - to_gray(clean[None])[0] * torch.tensor(SEPIA).view(3, 1, 1)
    assert noise.std(dim=(1, 2)).mean().item() * 255 == pytest.approx(25, rel=0.1)
    for case, level in zip(training.NOISE_CASES, sigma.mul(255).tolist(), strict=True):
        assert case.shot is not None or level == pytest.approx(case.level)
    cameras = {case.name: sigma[i] for i, case in enumerate(training.NOISE_CASES) if case.shot}
    weak, strong, _ = cameras.values()
    assert 2 / 255 < weak < strong
    common = by_name["15, the same in all channels"] - clean
    assert ((common[0] - common[1]).abs() < 1.5 / 255).float().mean() > 0.9


def test_no_numbers_are_never_good(photo_pixels):
    validation_set = training.make_noise_validation_set([photo_pixels["cat"]])
    assert np.isnan(training.validate_sigma(Knowing(float("nan")), validation_set)["error"])


def test_camera_noise_is_measured_by_channel_and_brightness():
    """Against the same by hand, on noise that grows with light."""
    ramp = torch.linspace(0, 1, 400).expand(1, 3, 400, 400)
    noise = torch.randn(1, 3, 400, 400, generator=Generator().manual_seed(0))
    strength = torch.tensor([0.02, 0.04, 0.06]).view(1, 3, 1, 1)
    noisy = ramp + noise * strength * (0.5 + ramp)
    channels, by_brightness, correlation = training.measure(noisy, ramp)
    rms = ((0.5 + ramp[0, 0]) ** 2).mean().sqrt()
    assert channels[0].tolist() == pytest.approx((strength.flatten() * rms).tolist(), rel=0.02)
    whole = strength.square().mean().sqrt()
    expected = [whole.item() * (0.5 + brightness) for brightness in BRIGHTNESSES]
    assert by_brightness[0].tolist() == pytest.approx(expected, rel=0.1)
    assert correlation.item() == pytest.approx(0, abs=0.02)


def test_what_does_not_occur_is_not_measured():
    dark = torch.full((1, 3, 128, 128), 0.1)
    noise = 0.02 * torch.randn(1, 3, 128, 128, generator=Generator().manual_seed(0))
    _, by_brightness, _ = training.measure(dark + noise, dark)
    assert by_brightness.isnan().tolist() == [[False, False, True, True, True]]
    assert training.measure(dark, dark).correlation.isnan().all()
    assert near_brightness(torch.tensor([[[[0.3]]]]))[0, 1].item() == 1


def test_reading_too_little_costs_more_than_too_much():
    """A visitor can lower what was read; of noise that was not found nothing is removed."""
    level = torch.tensor([[0.1]])
    low, high = (training._level_loss(level + off, level).item() for off in (-0.03, 0.03))
    assert low == pytest.approx(training.UNDER_READING * high, rel=1e-4)
    unknown = torch.tensor([[float("nan")]])
    assert training._level_loss(level, unknown).item() == 0
