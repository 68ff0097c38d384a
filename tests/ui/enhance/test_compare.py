import pytest
from support.compare_page import TEXTS, assert_exact, click, divider, measure, show, zoom

from deconv_demo.ui.enhance import compare as module
from deconv_demo.ui.enhance.compare import TEXT_KEYS, compare_value


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
