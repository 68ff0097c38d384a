"""What the sections of the lab compute, without a browser."""

import io
import math
import re
import wave

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.classical.iterative import landweber, take
from deconv_demo.classical.metrics import psnr
from deconv_demo.convolution.transposed import overlap_map, overlap_ratio
from deconv_demo.ui.lab import dimensions_data, inverse_data, inverse_html, overlap_data
from deconv_demo.ui.lab.picture import lab_image, picture_key
from deconv_demo.ui.lab.voxels import block
from deconv_demo.ui.workspace import Workspace

pytestmark = pytest.mark.slow
CASE = ("", "gaussian", 1.6, 2.5)


@pytest.fixture(scope="module")
def trial():
    return inverse_data.trial(*CASE)


def test_the_picture_is_the_visitors_undamaged_one(tmp_path):
    source, reference = tmp_path / "source.png", tmp_path / "reference.png"
    for path, color in ((source, "gray"), (reference, "teal")):
        Image.new("RGB", (90, 70), color).save(path)
    assert picture_key(Workspace()) == ""
    assert picture_key(Workspace(source=source)) == str(source)
    assert picture_key(Workspace(source=source, reference=reference)) == str(reference)
    assert picture_key(Workspace(source=tmp_path / "cleaned away.png")) == ""
    assert lab_image(str(reference)).shape == (3, 64, 88)


def test_a_large_picture_is_reduced_before_it_is_cut(tmp_path):
    wide = np.zeros((900, 1400, 3), np.uint8)
    wide[:, ::2] = 255  # stripes that a reduction turns grey
    Image.fromarray(wide).save(tmp_path / "wide.png")
    image = lab_image(str(tmp_path / "wide.png"))
    assert image.shape == (3, 160, 160)
    assert image.std() < 0.01


def test_arrays_that_cannot_be_solved_say_so():
    assert inverse_data.nine_numbers("mean").solved is not None
    assert inverse_data.nine_numbers("counting").condition == pytest.approx(222, abs=0.5)
    for kernel_id in inverse_data.ARRAYS:
        numbers = inverse_data.nine_numbers(kernel_id)
        if numbers.solved is None:
            assert math.isinf(numbers.condition)
        else:
            torch.testing.assert_close(numbers.solved, numbers.array)


def test_curves_and_pictures_belong_together(trial):
    assert set(trial.courses) == {"landweber", "richardson_lucy", "conjugate_gradient", "wavelets"}
    for name, course in trial.courses.items():
        shown = course.pixels[course.peak].float() / 255
        assert psnr(shown, trial.clean) == pytest.approx(course.psnr_db[course.peak], abs=0.02)
        assert course.psnr_db[course.peak] > trial.score(trial.observed) + 1, name
        assert course.stop is not None, name
    # Conjugate gradients are the fastest to the peak, and the fastest away from it.
    conjugate, plain = (trial.courses[n] for n in ("conjugate_gradient", "landweber"))
    assert conjugate.peak < plain.peak
    assert conjugate.psnr_db[-1] < plain.psnr_db[-1] - 5
    # Given the picture as the filters take it, going round its borders, it beats them untold.
    filters = (
        trial.score(image)
        for regularizer in inverse_data.REGULARIZERS
        for image in inverse_data.closed_forms(trial, regularizer).values()
    )
    assert trial.score(trial.learned) > max(filters) + 0.5
    off = (trial.learned - trial.clean).square().mean(dim=0)
    assert off[:8].mean() < 4 * off[8:-8, 8:-8].mean()
    assert trial.score(trial.blur.adjoint(trial.observed)) < trial.score(trial.observed)


@pytest.mark.parametrize(("shade", "noise"), [(0, 0), (0, 10), (255, 0)])
def test_pictures_without_anything_in_them(shade, noise, tmp_path):
    Image.new("RGB", (63, 49), (shade,) * 3).save(tmp_path / "flat.png")
    case = (str(tmp_path / "flat.png"), "motion", 17.0, noise)
    run = inverse_data.trial(*case)
    drawn = [
        inverse_html.curves_html(run, 80, "en"),
        inverse_html.courses_html(run, 80, "en"),
        inverse_html.closed_html(run, -5, "en"),
        inverse_html.search_html(inverse_data.search(*case), "en"),
    ]
    assert all(word not in part for part in drawn for word in (">nan", ">inf", '"nan', ",nan"))


def test_the_search_scores_what_the_iteration_gives(trial):
    found = inverse_data.search(*CASE)
    row, column = 4, 6
    iterations, regularizer = inverse_data.STOPS[row], inverse_data.REGULARIZERS[column]
    step = 1 / (trial.blur.squared_norm + inverse_data.REGULARIZERS[-1])
    iterates = landweber(trial.blur, trial.observed, step=step, lam=regularizer)
    last = take(iterates, round(iterations))[-1]
    assert found.grid[row, column] == pytest.approx(trial.score(last), abs=1e-3)
    assert found.grid.shape == (len(inverse_data.STOPS), len(inverse_data.REGULARIZERS))
    assert 0 <= found.grid.max() - max(found.draw_scores) < 0.5


def test_wavelets_beat_the_best_gaussian_filter_where_there_is_noise():
    for noise in (5, 10):
        scores = {name: score for name, (_, score) in inverse_data.noise_alone("", noise).items()}
        assert scores["cycle_spun"] > scores["gaussian"] + 0.1 > scores["noisy"] + 0.2
    assert inverse_data.noise_alone("", 0)["noisy"][1] == inverse_data.MAX_DB


def test_counts_of_the_published_networks():
    for kernel_size, stride, layers in overlap_data.NETWORKS.values():
        counts = overlap_data.overlap(kernel_size, stride, layers)
        assert counts.ratio_2d == pytest.approx(counts.ratio_1d**2)
        assert counts.ratio_2d == overlap_ratio(kernel_size, stride, layers=layers)
        assert (counts.ratio_2d == 1) == (kernel_size % stride == 0)
        if stride**layers <= len(counts.line):  # a whole period is drawn
            assert counts.line.max() / counts.line.min() == pytest.approx(counts.ratio_1d)


def test_random_weights_show_the_counts(tmp_path):
    Image.new("RGB", (160, 160), (128, 128, 128)).save(tmp_path / "flat.png")
    small, painted, grid_db = overlap_data.paint_at_random(str(tmp_path / "flat.png"), 3, 2, 1)
    assert painted.shape == (3, 192, 192)
    assert torch.equal(painted[0], painted[2])
    assert painted.mean() == pytest.approx(small.mean().item(), abs=0.02)
    phases = [painted[0, row::2, column::2].std().item() for row in (0, 1) for column in (0, 1)]
    assert max(phases) < 1e-4 < painted[0].std()  # every phase is flat, and they differ
    assert grid_db > 20
    assert math.isnan(overlap_data.paint_at_random("", 3, 1, 1)[2])


def test_the_truth_and_bicubic_run_beside_the_six():
    results = overlap_data.race("", True)
    assert [result.name for result in results[:2]] == ["truth", "bicubic"]
    assert math.isinf(results[0].psnr_db)
    assert len(results) == 8
    untrained = overlap_data.race("", False)
    assert all(a.psnr_db > b.psnr_db + 10 for a, b in zip(results[2:], untrained[2:], strict=True))


@pytest.mark.parametrize("stride", dimensions_data.STRIDES)
def test_an_uneven_overlap_is_heard_at_sample_rate_over_stride(stride):
    even = dimensions_data.sound(2 * stride, stride, "box")
    uneven = dimensions_data.sound(2 * stride - 1, stride, "box")
    assert (even.ratio, uneven.ratio) == (1.0, 2.0)
    magnitudes = np.abs(np.fft.rfft(uneven.painted))
    frequencies = np.fft.rfftfreq(len(uneven.painted), 1 / dimensions_data.SAMPLE_RATE)
    above = frequencies > 600
    assert frequencies[above][magnitudes[above].argmax()] % (16_000 / stride) == 0
    assert uneven.tone_db > -15
    assert even.tone_db < -90


def test_a_triangle_of_two_strides_interpolates():
    triangle = dimensions_data.window(16, "triangle")
    assert torch.equal(triangle, triangle.flip(0))
    torch.testing.assert_close(triangle[:8] + triangle[8:], torch.full((8,), 2.0).double())


def test_a_triangle_takes_the_rasp_away():
    def loudest_image(shape):
        heard = dimensions_data.sound(16, 8, shape)
        frequencies, levels = dimensions_data.spectrum(heard.painted)
        return levels[frequencies > 600].max() - levels[frequencies < 500].max()

    assert loudest_image("triangle") < loudest_image("box") - 10


def test_the_sound_is_pytorchs_transposed_convolution():
    slow = torch.from_numpy(0.5 + 0.5 * dimensions_data.melody(2000)).view(1, 1, -1)
    layer = torch.nn.ConvTranspose1d(1, 1, 12, stride=8, bias=False, dtype=torch.float64)
    layer.weight.data[:] = 8 / 12
    whole = layer(slow)[0, 0].detach().numpy()
    middle = slice(8000, 9000)
    expected = whole[middle.start + 5 : middle.stop + 5]
    found = dimensions_data.sound(12, 8, "box").painted[middle]
    difference = found / dimensions_data._LEVEL / 2 - expected
    assert np.ptp(difference) < 1e-9  # the mean is taken away


def test_a_wav_file_can_be_read_back():
    samples = np.array([0.0, 0.5, -1.0, 1.0, 3.0])
    with wave.open(io.BytesIO(dimensions_data.wav_bytes(samples))) as sheet:
        assert sheet.getparams()[:4] == (1, 2, 16_000, 5)
        read = np.frombuffer(sheet.readframes(5), "<i2") / 32767
    np.testing.assert_allclose(read, [0, 0.5, -1, 1, 1], atol=1e-4)


def test_a_clip_is_doubled_three_ways():
    given = dimensions_data.pan("")
    channels, frames, height, width = given.shape
    for name in dimensions_data.CLIPS:
        assert dimensions_data.double_clip("", name).shape == (
            channels,
            2 * frames,
            2 * height,
            2 * width,
        )
    # The weights 1/2, 1, 1/2 are linear interpolation: every other frame is one that went in.
    doubled = dimensions_data.double_clip("", "learned")
    torch.testing.assert_close(doubled[:, ::2, ::2, ::2], given)

    def flicker(name):
        brightness = dimensions_data.double_clip("", name)[:, 2:-2, 2:-2, 2:-2].mean(dim=(0, 2, 3))
        return brightness.diff().diff().abs().mean().item()

    assert flicker("uneven") > 4 * max(flicker("even"), flicker("learned"))


def test_a_clip_looks_where_there_is_light(tmp_path):
    pixels = np.full((160, 160, 3), 200, np.uint8)
    pixels[:80, :80] = 0  # where the first of the paths begins
    path = tmp_path / "corner.png"
    Image.fromarray(pixels).save(path)
    frames = dimensions_data.pan(str(path)).mean(dim=(0, 2, 3))
    assert frames.min() > 0.5
    assert frames.max() - frames.min() > 0.05  # and it moves


def test_an_animation_ends_and_loses_nothing():
    clip = torch.rand(3, 4, 6, 8, generator=torch.Generator().manual_seed(0))
    encoded = dimensions_data.animation_bytes(clip, milliseconds=200)
    with Image.open(io.BytesIO(encoded)) as file:
        assert file.n_frames == 4
        assert 0 < file.info["loop"] * 4 * 200 <= 5000
        file.seek(2)
        pixels = np.array(file.convert("RGB"))
    expected = clip[:, 2].mul(255).round().permute(1, 2, 0).numpy()
    assert np.array_equal(pixels, expected)


def test_a_block_shows_its_brightest_inside():
    counts = overlap_map(3, 2, input_size=2, dimensions=3)
    drawn = block(counts, name="block")
    brightest = block(np.full((1, 1, 1), 8), name="cube")
    assert re.findall(r"rgb\([\d,]+\)", brightest)[0] in drawn
    assert brightest.count("<polygon") == 3
    assert block(np.ones((1, 2, 3)), name="bar").count("<polygon") == 2 * 3 + 3 + 2
