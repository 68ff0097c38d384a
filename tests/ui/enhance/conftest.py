"""A page with nothing but the comparison, and a network whose tiles can be held up."""

import shutil
import threading
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from support.compare_page import CSS, HOSTILE, SIZES, TEXTS, click

from deconv_demo.restoration import enhancement
from deconv_demo.ui.enhance.compare import TEXT_KEYS, build_compare, compare_value


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Uniform noise, ``(before, after)`` for each name: every pixel differs from its neighbours."""
    generator = np.random.default_rng(0)
    return {
        name: generator.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        for name, (width, height) in SIZES.items()
    }


@pytest.fixture(scope="module")
def address(pictures):
    """A page of its own: a button for each value, and room below to scroll."""
    folder = Path(gr.utils.get_upload_folder()) / "test_compare"
    folder.mkdir(parents=True, exist_ok=True)
    values = {"nothing": None}
    for name, pair in pictures.items():
        paths = [folder / f"{name}-{index}.png" for index in range(2)]
        for path, pixels in zip(paths, pair, strict=True):
            Image.fromarray(pixels).save(path)
        values[name] = compare_value(
            before_url=f"/gradio_api/file={paths[0]}",
            after_url=f"/gradio_api/file={paths[1]}",
            width=pair.shape[2],
            height=pair.shape[1],
            texts=TEXTS,
        )
    values["hostile"] = {**values["tiny"], "texts": dict.fromkeys(TEXT_KEYS, HOSTILE)}

    with gr.Blocks(analytics_enabled=False) as blocks:
        compare = build_compare(elem_id="compare")
        for name, value in values.items():
            button = gr.Button(name, elem_id=f"show-{name}")
            button.click(
                lambda value=value: value, None, compare, show_progress="hidden", queue=False
            )
        gr.Markdown("\n\n".join(["room to scroll"] * 40))
    _, url, _ = blocks.launch(
        prevent_thread_lock=True,
        quiet=True,
        server_name="127.0.0.1",
        css=CSS,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
    )
    yield url
    blocks.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def open_page(browser, address):
    """One page for all the tests, with everything that it asked for or complained about."""
    page = browser.new_page(
        viewport={"width": 1280, "height": 900}, reduced_motion="reduce", has_touch=True
    )
    page.set_default_timeout(15_000)
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("dialog", lambda dialog: (page.errors.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    page.wait_for_selector(".compare[data-state=empty]")
    yield page
    page.close()


@pytest.fixture
def page(open_page):
    """The page with nothing on it, at its top, one picture over the other."""
    click(open_page, "#show-nothing")
    open_page.wait_for_selector(".compare[data-state=empty]")
    open_page.evaluate("window.scrollTo(0, 0)")
    yield open_page
    assert open_page.errors == []


@pytest.fixture
def tiles(monkeypatch):
    """Which tiles were begun and ended; ``tiles.gate`` holds them up while it is cleared."""

    class Tiles:
        begun, ended = 0, 0
        gate = threading.Event()

    tiles = Tiles()
    tiles.gate.set()

    class Counted(enhancement.TileRunner):
        def __call__(self, tile):
            tiles.begun += 1
            assert tiles.gate.wait(120)
            result = super().__call__(tile)
            tiles.ended += 1
            return result

    monkeypatch.setattr(enhancement, "TileRunner", Counted)
    yield tiles
    tiles.gate.set()
