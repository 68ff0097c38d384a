"""Examples in a browser: shown at once, run in turn, and given up for what is chosen next."""

import threading

import numpy as np
import pytest
from visitor import noise

from deconv_demo.ui import examples
from deconv_demo.ui.texts import text

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


def test_examples_open_finished_with_their_task(visit):
    visitor = visit()
    former = visitor.source("after")
    visitor.page.click("#examples button[data-key=cat]")
    visitor.wait_for_result(former)
    assert visitor.page.is_checked("#task input[value=upscale_x4]")
    assert visitor.pixels("before").shape == (240, 320, 3)
    rows = visitor.scores()
    assert [row[0] for row in rows][:2] == ["Pixels repeated", "Bicubic (classical)"]
    visitor.page.wait_for_selector("#estimate, #sigma", state="hidden")


def test_while_another_visitor_runs_examples_are_shown_already(visit, noise_file, tiles):
    """Finished ones whole; of the others the picture, which is run when its turn has come."""
    first, second = visit(), visit()
    former = second.source("after")
    second.page.click("#examples button[data-key=cat]")
    second.wait_for_result(former)
    examples._finished.pop("rocket", None)
    first.choose(noise_file)
    tiles.gate.clear()
    first.page.click("#run")
    first.wait_for_status("Tile 0 of")

    former = second.source("after")
    second.page.click("#examples button[data-key=astronaut]")
    second.wait_for_result(former)
    assert second.pixels("after").shape == (512, 512, 3)

    second.page.click("#examples button[data-key=rocket]")
    second.wait_for_status(text("en", "status.waiting"))
    second.page.wait_for_selector("#picture img[src*=rocket]")
    assert second.page.is_checked("#task input[value=upscale_x2]")
    threading.Timer(1, tiles.gate.set).start()
    second.wait_for_result(former)
    assert second.pixels("after").shape[:2] == (426, 640)
    first.wait_for_result("")
    assert np.array_equal(first.pixels("before"), np.array(noise()))


def test_an_example_ends_the_run_before_it(visit, noise_file, tiles):
    visitor = visit()
    visitor.choose(noise_file)
    examples._finished.pop("cat", None)
    tiles.gate.clear()
    visitor.page.click("#run")
    visitor.wait_for_status("Tile 0 of")
    visitor.page.click("#examples button[data-key=cat]")
    visitor.page.wait_for_selector("#picture img[src*=cat]")
    threading.Timer(1, tiles.gate.set).start()
    visitor.wait_for_result("")
    assert visitor.pixels("before").shape == (240, 320, 3)
    assert visitor.page.is_checked("#task input[value=upscale_x4]")
    visitor.page.wait_for_selector("#run:enabled")
    assert visitor.page.is_disabled("#stop")
