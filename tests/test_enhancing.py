"""What the buttons of the Enhance tab do, in plain Python."""

import dataclasses

import gradio as gr
import pytest
from PIL import Image

from deconv_demo.images import PictureError
from deconv_demo.ui import enhancing, examples
from deconv_demo.ui.enhance_events import EnhanceEvents
from deconv_demo.ui.examples import open_example
from deconv_demo.ui.workspace import Shelf, Workspace


@pytest.fixture
def finished(photo_pixels):
    """A workspace with the result of a small run."""
    source = Shelf().put(Image.fromarray(photo_pixels["coffee"][:32, :32]), "mine.png")
    steps = enhancing.run_task(
        Workspace(source=source, name="mine"), "deblur", {"amount": 0.5}, "en", Shelf()
    )
    return list(steps)[-1]


@pytest.mark.parametrize("missing", ["given", "restored"])
def test_a_blend_after_the_files_are_gone_says_so(finished, missing):
    getattr(finished, missing).unlink()
    with pytest.raises(PictureError) as caught:
        enhancing.change_amount(finished, 0.8, Shelf())
    assert caught.value.code == "expired"


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_download_after_the_file_is_gone_says_so(finished, suffix):
    finished.after.unlink()
    with pytest.raises(PictureError) as caught:
        enhancing.encode(finished, suffix, Shelf())
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
    _, preview = enhancing.choose(str(path), Shelf())
    if shown:
        assert preview is None
        return
    with Image.open(preview) as picture:
        assert (picture.format, picture.size) == ("PNG", (20, 10))


def test_the_page_opens_with_what_is_finished_without_a_turn(monkeypatch, finished):
    events = EnhanceEvents(Shelf())
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
