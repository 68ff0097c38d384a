"""What the buttons of the Enhance tab do, in plain Python."""

import base64
import dataclasses
import io
import re

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from deconv_demo.pictures.errors import PictureError
from deconv_demo.restoration.reference_eval import BLURS
from deconv_demo.ui import markup
from deconv_demo.ui.enhance import examples, workflow
from deconv_demo.ui.enhance.examples import open_example
from deconv_demo.ui.enhance.handlers import EnhanceEvents
from deconv_demo.ui.workspace import FileStore, Workspace


@pytest.fixture
def finished(photo_pixels):
    """A workspace with the result of a small run."""
    source = FileStore().save_image(Image.fromarray(photo_pixels["coffee"][:32, :32]), "mine.png")
    steps = workflow.run_task(
        Workspace(source=source, name="mine"), "deblur", {"amount": 0.5}, "en", FileStore()
    )
    return list(steps)[-1]


def drawn_blurs(markup_of_facts):
    """The pictures of blurs in what the page shows, as arrays."""
    encoded = re.findall(r"data:image/png;base64,([^\"]+)", markup_of_facts)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(one)))) for one in encoded]


def test_a_known_answer_shows_the_blur_that_was_read_beside_the_true_one(photo_pixels):
    source = FileStore().save_image(Image.fromarray(photo_pixels["astronaut"]), "mine.png")
    workspace = Workspace(source=source, name="mine")
    spec = workflow.degradation_from_controls(
        "deblur", noise=1, blur="motion", blur_size=9, jpeg_quality=100
    )
    *_, done = workflow.run_reference_test(
        workspace, "deblur", {"amount": 1.0}, spec, "en", FileStore()
    )
    read, added = drawn_blurs(markup.facts_line("en", "deblur", done.facts))
    assert read.shape == added.shape == (25, 25)
    expected = BLURS["motion"](9).numpy()
    np.testing.assert_allclose(added, 255 * expected / expected.max(), atol=0.51)
    assert read.max() == 255
    # Read off 128 pixels: not exact, but nearer to the truth than to its mirror image.
    assert np.corrcoef(read.ravel(), added.ravel())[0, 1] > 0.5
    assert (
        np.corrcoef(read.ravel(), added.ravel())[0, 1]
        > np.corrcoef(read.ravel(), added[:, ::-1].ravel())[0, 1]
    )


def test_what_could_not_be_read_is_said(finished):
    line = markup.facts_line("en", "deblur", finished.facts)
    assert not drawn_blurs(line)
    assert "No single blur kernel could be estimated" in line


@pytest.mark.parametrize(
    ("added", "controls", "told"),
    [(0, {}, True), (15, {}, False), (0, {"sigma": 0.0}, False)],
    ids=["clean", "noisy", "set by hand"],
)
def test_a_picture_without_noise_is_told_from_one_that_was_not_repaired(
    added, controls, told, photo_pixels
):
    noise = np.random.default_rng(0).normal(0, added, (96, 96, 3))
    pixels = np.rint(photo_pixels["coffee"][:96, :96] + noise).clip(0, 255).astype(np.uint8)
    workspace = Workspace(
        source=FileStore().save_image(Image.fromarray(pixels), "mine.png"), name="mine"
    )
    controls = {"sigma": None} | controls
    *_, done = workflow.run_task(workspace, "denoise", controls, "en", FileStore())
    line = markup.facts_line("en", "denoise", done.facts)
    assert ("Hardly any noise was found" in line) == told


@pytest.mark.parametrize("controls", [{"sigma": None}, {"sigma": 75 / 255}], ids=["read", "set"])
def test_noise_as_strong_as_can_be_told_may_be_thin_lines(controls):
    hatching = 255 * (np.add.outer(np.arange(192), np.arange(192)) % 5 > 0).astype(np.uint8)
    workspace = Workspace(
        source=FileStore().save_image(Image.fromarray(hatching), "mine.png"), name="mine"
    )
    *_, done = workflow.run_task(workspace, "denoise", controls, "en", FileStore())
    line = markup.facts_line("en", "denoise", done.facts)
    assert ("Thin lines" in line) == (controls["sigma"] is None)


@pytest.mark.parametrize("missing", ["network_input", "restored"])
def test_a_blend_after_the_files_are_gone_says_so(finished, missing):
    getattr(finished, missing).unlink()
    with pytest.raises(PictureError) as caught:
        workflow.change_amount(finished, 0.8, FileStore())
    assert caught.value.code == "expired"


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_download_after_the_file_is_gone_says_so(finished, suffix):
    finished.after.unlink()
    with pytest.raises(PictureError) as caught:
        workflow.encode(finished, suffix, FileStore())
    assert caught.value.code == "expired"


@pytest.mark.parametrize(
    ("name", "writer", "shown"),
    [
        ("a.jpg", "JPEG", True),
        ("a.PNG", "PNG", True),
        ("a.jpg", "PNG", True),
        ("IMG_1.JPG", "TIFF", False),
        ("a.tif", "JPEG", False),
    ],
)
def test_browsers_get_a_preview_of_what_they_cannot_show(tmp_path, name, writer, shown):
    path = tmp_path / name
    Image.new("RGB", (20, 10), "red").save(path, writer)
    _, preview = workflow.choose(str(path), FileStore())
    if shown:
        assert preview is None
        return
    with Image.open(preview) as picture:
        assert (picture.format, picture.size) == ("PNG", (20, 10))


def test_the_page_opens_with_what_is_finished_without_a_turn(monkeypatch, finished):
    events = EnhanceEvents(FileStore())
    monkeypatch.setattr(examples, "_finished", {})
    *_, workspace, _ = events.open_finished("en")
    assert not isinstance(workspace, Workspace), "nothing yet"
    first = open_example("astronaut")
    done = dataclasses.replace(finished, source=first.source, scores=())
    monkeypatch.setattr(examples, "_finished", {"astronaut": done})
    source, task_id, *_, workspace, _ = events.open_finished("en")
    assert (source, task_id) == (str(first.source), "denoise")
    assert workspace.after == finished.after
    # Its turn comes later: what is on the page by then stays.
    (update,) = events.open_first(workspace, "en")
    assert update == (gr.skip(),) * 11
