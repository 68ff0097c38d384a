"""The comparison under wheel, swipe and odd sizes; and what it asks of the network: nothing."""

import json
from urllib.parse import urlsplit

import pytest
from support.compare_page import HOSTILE, measure, settle, show, zoom


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
