import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from support.compare_page import assert_exact, click, divider, measure, settle, show, zoom

from deconv_demo.ui.enhance import compare as module
from deconv_demo.ui.enhance.compare import TEXT_KEYS, build_compare, compare_value

CSS = (Path(module.__file__).parent / "static" / "compare.css").read_text(encoding="utf-8")
TEXTS = {key: f"the {key}" for key in TEXT_KEYS}
HOSTILE = (
    "${window.hit = 1}`{{hit}}<img src=x onerror='window.hit = 1'><script>window.hit = 1</script>"
)
SIZES = {"noise": (640, 400), "again": (640, 400), "large": (1600, 1400), "tiny": (64, 48)}


def test_value_names_what_is_wrong_with_it():
    good = {"before_url": "/a", "after_url": "/b", "width": 2, "height": 3, "texts": TEXTS}
    assert compare_value(**good) == {**good, "texts": TEXTS, "position": 50}
    with pytest.raises(ValueError, match="both addresses or none"):
        compare_value(**{**good, "after_url": ""})
    with pytest.raises(ValueError, match="got 2 x 0"):
        compare_value(**{**good, "height": 0})
    with pytest.raises(ValueError, match=r"in \[0, 100\], got 101"):
        compare_value(**good, position=101)
    with pytest.raises(ValueError, match="texts lacks fit, zoom"):
        compare_value(**{**good, "texts": {k: TEXTS[k] for k in TEXT_KEYS - {"fit", "zoom"}}})


def test_template_is_a_constant_that_gradio_has_nothing_to_fill_in():
    # What is filled in is run as code, and a template that changes overwrites the pictures.
    assert not any(mark in module._SKELETON for mark in ("${", "{{", "{%", "`", "@children"))


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


@pytest.mark.browser
def test_left_of_the_divider_is_before_and_right_of_it_after_to_the_pixel(page, pictures):
    show(page, "noise")
    zoom(page, 1)
    assert_exact(page, pictures["noise"])
    page.locator(".compare input").press("PageDown")
    assert divider(measure(page)) < 600
    assert_exact(page, pictures["noise"])


@pytest.mark.browser
def test_keyboard_moves_the_divider(page):
    show(page, "noise")
    x0, _, width, _ = measure(page)["images"][0]
    keys = page.locator(".compare input")
    for key, position in (
        ("ArrowRight", 50.5),
        ("ArrowLeft", 50),
        ("PageUp", 60),
        ("End", 100),
        ("Home", 0),
    ):
        keys.press(key)
        measured = measure(page)
        assert measured["range"] == position
        assert divider(measured) == pytest.approx(x0 + width * position / 100, abs=0.5)
        # All of the handle stays within reach at both ends.
        assert 0 <= measured["handle"][0] <= measured["origin"][2] - 44


@pytest.mark.browser
def test_dragging_moves_the_divider_and_the_range_with_it(page):
    show(page, "noise")
    measured = measure(page)
    left, top, *_ = measured["origin"]
    x0, _, width, _ = measured["images"][0]
    middle = divider(measured)
    # Taken 15 px beside the line, it does not jump ...
    page.mouse.move(left + middle + 15, top + 60)
    page.mouse.down()
    page.mouse.move(left + middle + 15, top + 61)
    assert divider(measure(page)) == middle
    page.mouse.move(left + middle + 115, top + 250)
    page.mouse.up()
    measured = measure(page)
    assert divider(measured) == pytest.approx(middle + 100, abs=0.5)
    assert measured["range"] == pytest.approx(50 + 100 * 100 / width, abs=0.3)
    # ... and a press anywhere else brings it there; then the arrow keys go on.
    page.mouse.click(left + x0 + 0.25 * width, top + 300)
    assert measure(page)["range"] == pytest.approx(25, abs=0.3)
    page.keyboard.press("PageUp")
    assert measure(page)["range"] == pytest.approx(35, abs=0.3)
    page.mouse.move(left + x0 + 30, top + 300)
    assert measure(page)["range"] == pytest.approx(35, abs=0.3)


@pytest.mark.browser
def test_an_enlarged_picture_is_panned_in_register(page, pictures):
    show(page, "large")
    zoom(page, 1)
    measured = measure(page)
    left, top, *_ = measured["origin"]
    x0, y0, *_ = measured["images"][0]
    page.mouse.move(left + 300, top + 300)
    page.mouse.down()
    page.mouse.move(left + 250, top + 330, steps=3)
    page.mouse.up()
    assert measure(page)["images"][0][:2] == [x0 - 50, y0 + 30]
    assert_exact(page, pictures["large"])
    page.locator(".compare-stage").press("ArrowRight")
    measured = measure(page)
    assert measured["images"][0][:2] == [x0 - 98, y0 + 30]
    # The divider is still there to be taken, and takes no picture with it.
    page.mouse.move(left + divider(measured), top + 100)
    page.mouse.down()
    page.mouse.move(left + 200, top + 140)
    page.mouse.up()
    after = measure(page)
    assert divider(after) == pytest.approx(200, abs=0.5)
    assert after["images"] == measured["images"]
    assert_exact(page, pictures["large"])


@pytest.mark.browser
def test_pair_shows_both_at_one_zoom_and_pan(page):
    show(page, "large")
    zoom(page, 2)
    click(page, ".compare-pair")
    try:
        left, top, width, _ = measure(page)["origin"]
        page.mouse.move(left + width * 0.75, top + 200)
        page.mouse.down()
        page.mouse.move(left + width * 0.75 - 64, top + 160)
        page.mouse.up()
        measured = measure(page)
        (x0, y0, *size0), (x1, y1, *size1) = measured["images"]
        assert size0 == size1 == [3200, 2800]
        assert (x1 - x0, y1 - y0) == pytest.approx(((width + 8) / 2, 0), abs=0.51)
        assert measured["clips"] == ["", ""]
    finally:
        click(page, ".compare-pair")


@pytest.mark.browser
def test_a_new_value_of_the_same_size_keeps_position_zoom_and_pan(page, pictures):
    show(page, "large")
    show(page, "noise")
    zoom(page, 1)
    page.locator(".compare input").press("PageUp")
    before = measure(page)
    show(page, "again")
    assert measure(page) == before
    assert_exact(page, pictures["again"])
    show(page, "large")
    after = measure(page)
    assert after["range"] == 50
    assert page.get_attribute("[data-zoom=fit]", "aria-pressed") == "true"


@pytest.mark.browser
def test_the_old_pair_stays_until_both_new_pictures_are_there(page):
    show(page, "noise")
    held = []
    page.route("**/again-1.png", lambda route: held.append(route))
    click(page, "#show-again")
    page.wait_for_selector(".compare[aria-busy=true]")
    page.wait_for_timeout(200)
    sources = "[...document.querySelectorAll('.compare img')].map(i => i.src.split('/').pop())"
    assert page.evaluate(sources) == ["noise-0.png", "noise-1.png"]
    # A value that comes later wins, although the slow one arrives after it.
    show(page, "tiny")
    for route in held:
        route.continue_()
    page.unroute("**/again-1.png")
    page.wait_for_timeout(200)
    assert len(held) == 1
    assert page.evaluate(sources) == ["tiny-0.png", "tiny-1.png"]
    assert page.get_attribute(".compare", "aria-busy") == "false"


@pytest.mark.browser
def test_a_small_picture_is_enlarged_in_whole_squares_and_a_large_one_smoothly_reduced(page):
    show(page, "tiny")
    measured = measure(page)
    _, _, width, height = measured["images"][0]
    assert width / 64 == height / 48 == width // 64 > 8
    assert measured["rendering"] == ["pixelated", "pixelated"]
    show(page, "large")
    measured = measure(page)
    assert measured["images"][0][3] <= 0.7 * 900
    assert measured["rendering"] == ["auto", "auto"]


@pytest.mark.browser
def test_wheel_and_vertical_swipe_scroll_the_page_and_a_sideways_swipe_the_divider(page):
    show(page, "noise")
    left, top, *_ = measure(page)["origin"]
    x = left + 400
    page.mouse.move(x, top + 300)
    page.mouse.wheel(0, 120)
    page.wait_for_function("window.scrollY === 120")
    client = page.context.new_cdp_session(page)

    def swipe(right, down):
        def touch(kind, *points):
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        y = measure(page)["origin"][1] + 200
        touch("touchStart", {"x": x, "y": y})
        for step in range(1, 6):
            touch("touchMove", {"x": x + right * step / 5, "y": y + down * step / 5})
        page.wait_for_timeout(150)  # a finger that rests before it leaves does not fling
        touch("touchEnd")
        page.wait_for_timeout(50)
        return measure(page)

    scrolled = swipe(0, -100)
    assert scrolled["scroll"] > 150
    assert scrolled["range"] == 50
    moved = swipe(150, 0)
    assert moved["scroll"] == scrolled["scroll"]
    width = moved["images"][0][2]
    reached = 100 * (x + 150 - left - moved["images"][0][0]) / width
    assert moved["range"] == pytest.approx(reached, abs=0.3)
    # Enlarged, a vertical swipe pans while there is more to see, and scrolls the page at the edge.
    zoom(page, 4)
    panned = swipe(0, 80)
    assert panned["scroll"] == scrolled["scroll"]
    assert panned["images"][0][1] > moved["images"][0][1] - 1200
    page.locator(".compare-stage").evaluate("stage => stage.focus({ preventScroll: true })")
    for _ in range(20):
        page.keyboard.press("ArrowUp")
        settle(page)
    assert measure(page)["images"][0][1] == 0
    assert swipe(0, 80)["scroll"] < scrolled["scroll"]


@pytest.mark.browser
def test_text_is_text_and_nothing_is_asked_of_another_host(page, address):
    show(page, "hostile")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None
    assert page.locator(".compare img").count() == 2
    shown = page.locator(".compare").evaluate("root => root.textContent")
    assert shown.count(HOSTILE) == 7
    assert page.get_attribute("[data-side=after] img", "alt") == HOSTILE
    assert page.get_attribute(".compare-zoom", "aria-label") == HOSTILE
    assert page.get_by_role("slider", name=HOSTILE, exact=True).count() == 1
    assert any("/gradio_api/file=" in url for url in page.asked)
    hosts = {urlsplit(url).netloc for url in page.asked if not url.startswith("data:")}
    assert hosts == {urlsplit(address).netloc}, json.dumps(sorted(hosts))
