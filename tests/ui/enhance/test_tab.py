"""The Enhance tab in a browser: what is shown is what was given and what the network made."""

import threading

import numpy as np
import pytest
from PIL import Image, ImageCms
from support.visitor import noise

from deconv_demo.pictures.image_tensors import open_picture, to_pixels
from deconv_demo.restoration import weights
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.restoration.reference_eval import (
    DegradationSpec,
    degrade,
    prepare_reference,
    score_result,
)
from deconv_demo.tasks import TASKS
from deconv_demo.ui.enhance import examples
from deconv_demo.ui.texts import text

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_every_task_shows_what_was_given_and_what_enhance_makes(visit, noise_file):
    visitor = visit()
    visitor.choose(noise_file)
    given = np.array(noise())
    for task_id, task in TASKS.items():
        visitor.choose_task(task_id)
        visitor.run()
        before, after = visitor.pixels("before"), visitor.pixels("after")
        if task.scale == 1:
            assert np.array_equal(before, given)
        else:
            size = (64 * task.scale, 48 * task.scale)
            assert np.array_equal(before, noise().resize(size, Image.Resampling.BICUBIC))
        expected = enhance(open_picture(noise_file), task_id).after
        assert after.shape == before.shape
        assert np.array_equal(after, to_pixels(expected))
        caption = visitor.page.locator("[data-side=before] .compare-caption").text_content()
        assert ("bicubic" in caption) == (task.scale > 1)
        assert visitor.scores() == []  # no truth is known of this picture


def test_the_strength_is_the_one_that_is_set(visit, noise_file):
    visitor = visit()
    visitor.choose(noise_file)
    visitor.page.uncheck("#estimate input")
    visitor.page.fill("#sigma input[type=number]", "60")
    visitor.page.press("#sigma input[type=number]", "Tab")
    visitor.run()
    expected = enhance(noise(), "denoise", sigma=60 / 255).after
    assert np.array_equal(visitor.pixels("after"), np.array(expected))
    assert "noise σ 60.0 / 255" in visitor.page.inner_text("#facts")


def test_the_divider_moves_by_keyboard_and_by_dragging(visit):
    visitor = visit()
    divider = visitor.page.locator(".compare input[type=range]")
    divider.press("PageUp")
    assert divider.input_value() == "60"
    stage = visitor.page.locator(".compare-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    handle = visitor.page.locator(".compare-handle").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, box["y"] + 40
    visitor.page.mouse.move(x, y)
    visitor.page.mouse.down()
    visitor.page.mouse.move(x - 150, y, steps=3)
    visitor.page.mouse.up()
    visitor.page.wait_for_function("+document.querySelector('.compare input').value < 55")


@pytest.mark.parametrize("with_keys", [False, True], ids=["pointer", "keyboard"])
def test_amount_mixes_without_a_new_run(visit, noise_file, tiles, with_keys):
    visitor = visit()
    visitor.choose(noise_file)
    visitor.choose_task("denoise")
    visitor.run()
    made, full = tiles.begun, visitor.pixels("after")
    former, slider = visitor.source("after"), visitor.page.locator("#amount input[type=range]")
    if with_keys:
        slider.press("Home")
    else:
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        y = box["y"] + box["height"] / 2
        visitor.page.mouse.move(box["x"] + box["width"] - 2, y)
        visitor.page.mouse.down()
        visitor.page.mouse.move(box["x"] - 30, y, steps=5)
        visitor.page.mouse.up()
    visitor.wait_for_result(former, text("en", "status.blended", amount=0))
    assert np.array_equal(visitor.pixels("after"), np.array(noise()))
    assert not np.array_equal(full, np.array(noise()))
    assert tiles.begun == made


def test_stop_really_stops(visit, noise_file, tmp_path, tiles):
    visitor = visit()
    large = tmp_path / "large.png"
    noise(1800, 1400).save(large)
    visitor.choose(large)
    former = visitor.source("after")
    tiles.begun = tiles.ended = 0
    visitor.page.click("#run")
    visitor.wait_for_status("Tile 1 of")
    visitor.page.click("#stop")
    visitor.wait_for_status(text("en", "status.stopped"), patience_ms=2_000)
    begun = tiles.begun
    assert 1 <= begun < 12
    visitor.page.wait_for_timeout(2_500)
    assert tiles.begun <= begun + 1
    assert visitor.page.inner_text("#status") == text("en", "status.stopped")
    assert visitor.source("after") == former
    assert visitor.page.is_disabled("#stop")
    visitor.page.wait_for_selector("#run:enabled")
    visitor.choose(noise_file)
    visitor.run()
    assert np.array_equal(visitor.pixels("before"), np.array(noise()))


def test_run_waits_for_the_stopped_tile_and_then_runs(visit, noise_file, tiles):
    visitor = visit()
    visitor.choose(noise_file)
    tiles.gate.clear()
    visitor.page.click("#run")
    visitor.wait_for_status("Tile 0 of")
    visitor.page.click("#stop")
    visitor.wait_for_status(text("en", "status.stopped"))
    assert visitor.page.is_disabled("#run")
    threading.Timer(1, tiles.gate.set).start()
    visitor.run()  # waits until Run can be pressed
    assert np.array_equal(visitor.pixels("before"), np.array(noise()))
    visitor.page.wait_for_selector("#run:enabled")
    assert visitor.page.is_disabled("#stop")


@pytest.fixture
def first_visit(monkeypatch):
    """Nobody has opened the page yet: its example has to be run."""
    monkeypatch.setattr(examples, "_finished", {})


@pytest.mark.usefixtures("first_visit")
def test_stop_ends_the_example_that_the_page_opens_with(visit, tiles):
    tiles.gate.clear()
    visitor = visit(wait=False)
    visitor.wait_for_status("Tile 0 of")
    visitor.page.click("#stop")
    visitor.wait_for_status(text("en", "status.stopped"))
    tiles.gate.set()
    visitor.page.wait_for_selector("#run:enabled")
    assert visitor.source("after") == ""
    visitor.run()
    assert visitor.pixels("before").shape == (512, 512, 3)


@pytest.mark.usefixtures("first_visit")
def test_a_picture_that_comes_while_the_example_runs_is_kept(visit, noise_file, tiles):
    tiles.gate.clear()
    visitor = visit(wait=False)
    visitor.wait_for_status("Tile 0 of")
    assert visitor.page.is_enabled("#stop")
    visitor.choose(noise_file)
    tiles.gate.set()
    visitor.run()
    assert np.array_equal(visitor.pixels("before"), np.array(noise()))
    assert "noise.png" in visitor.page.get_attribute("#picture img", "src")


@pytest.mark.parametrize("fate", ["missing", "cut"])
def test_weights_missing_or_cut_are_one_sentence_until_they_are_back(
    visit, noise_file, tmp_path, monkeypatch, fate
):
    visitor = visit()
    visitor.choose(noise_file)
    former = visitor.source("after")
    folder = tmp_path / "weights"
    folder.mkdir()
    if fate == "cut":
        whole = weights.find_weights("denoise").read_bytes()
        (folder / "denoise.safetensors").write_bytes(whole[: len(whole) // 2])
    with monkeypatch.context() as patch:
        patch.setattr(weights, "WEIGHTS_DIR", folder)
        forget_networks()
        visitor.page.click("#run")
        visitor.page.wait_for_selector("#status [role=alert]")
        assert visitor.page.inner_text("#status") == text("en", "error.weights")
        assert visitor.page.is_enabled("#run")
    forget_networks()
    visitor.page.click("#run")
    visitor.wait_for_result(former)
    assert np.array_equal(visitor.pixels("before"), np.array(noise()))


def forget_networks():
    weights.load_model.cache_clear()


def test_known_answer_shows_the_numbers_that_python_computes(visit, tmp_path, photo_pixels):
    path = tmp_path / "cat.png"
    Image.fromarray(photo_pixels["cat"][:80, :96]).save(path)
    visitor = visit()
    visitor.choose(path)
    visitor.page.click("#known-answer button")
    visitor.run("#answer-run")
    truth = prepare_reference(open_picture(path), 1)
    damaged = degrade(truth, DegradationSpec(sigma=25 / 255))
    result = enhance(damaged, "denoise")
    expected = score_result(truth, damaged, result, 25 / 255)
    assert [row[1:] for row in visitor.scores()] == [
        [f"{score.psnr_db:.2f} dB", f"{score.ssim:.4f}"] for score in expected
    ]
    assert np.array_equal(visitor.pixels("before"), np.array(damaged))
    assert np.array_equal(visitor.pixels("after"), np.array(result.after))
    # Of the picture itself, which is not damaged, no better version is known.
    visitor.run()
    assert np.array_equal(visitor.pixels("before"), np.array(truth))
    assert visitor.scores() == []
    assert visitor.page.text_content("[data-side=before] .compare-caption") == "before"


def test_an_example_is_judged_by_its_own_noise_after_a_known_answer(visit):
    visitor = visit()
    opened = visitor.scores()
    visitor.page.click("#known-answer button")
    visitor.page.fill("#known-answer input[type=number] >> nth=0", "5")
    visitor.page.press("#known-answer input[type=number] >> nth=0", "Tab")
    visitor.run("#answer-run")
    assert visitor.scores() != opened
    visitor.run()
    assert visitor.scores()[:2] == opened[:2]


def behind_another(visit, tiles, noise_file):
    """A visitor who has to wait until the gate opens, because another one's run is on."""
    first, second = visit(), visit()
    first.choose(noise_file)
    tiles.gate.clear()
    first.page.click("#run")
    first.wait_for_status("Tile 0 of")
    return second


@pytest.mark.usefixtures("first_visit")
def test_an_example_that_has_to_wait_says_so(visit, tiles, noise_file):
    second = behind_another(visit, tiles, noise_file)
    former = second.source("after")
    second.page.click("#examples button[data-key=cat]")
    second.page.wait_for_selector("#examples button[data-key=cat][aria-busy=true]")
    note = second.page.locator("#examples [role=status]")
    note.get_by_text(text("en", "status.waiting")).wait_for()
    tiles.gate.set()
    second.wait_for_result(former)
    second.page.wait_for_selector("#examples :not([aria-busy])[data-key=cat]")
    assert note.text_content() == ""
    assert second.pixels("before").shape == (240, 320, 3)


@pytest.mark.usefixtures("first_visit")
def test_a_picture_ends_the_waiting_for_an_example(visit, tiles, noise_file):
    second = behind_another(visit, tiles, noise_file)
    second.page.click("#examples button[data-key=cat]")
    second.page.wait_for_selector("#examples [role=status]:text-is('Waiting in the queue…')")
    second.choose(noise_file)
    second.page.wait_for_selector("#examples:not(:has([aria-busy]))", state="attached")
    tiles.gate.set()
    second.run()
    assert np.array_equal(second.pixels("before"), np.array(noise()))


def test_examples_open_finished_with_their_task(visit):
    visitor = visit()
    former = visitor.source("after")
    visitor.page.click("#examples button[data-key=cat]")
    visitor.wait_for_result(former)
    assert visitor.page.is_checked("#task input[value=upscale_x4]")
    assert visitor.pixels("before").shape == (240, 320, 3)
    rows = visitor.scores()
    assert [row[0] for row in rows][:2] == ["Nearest neighbour", "Bicubic (classical)"]
    visitor.page.wait_for_selector("#estimate, #sigma", state="hidden")
