"""Moves that come faster than their answers: the last one counts, and nothing waits for ever."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def inside(visit, noise_file):
    """The tab open on the example."""
    visitor = visit()
    visitor.page.click("#tabs [role=tab][data-tab-id=inside]")
    visitor.page.wait_for_selector("#atlas .inside-map")
    return visitor


def test_six_quick_arrows_end_where_the_map_says(inside):
    page = inside.page
    page.focus("#network-map .network-node[aria-pressed=true]")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    marked = page.get_attribute("#network-map .network-node[aria-pressed=true]", "data-layer")
    assert marked == page.locator("#network-map .network-node").nth(6).get_attribute("data-layer")
    page.wait_for_function(
        """name => document.querySelector("#layer-card strong").textContent === name
            && document.querySelector("#layer input").value.includes(` ${name} `)""",
        arg=marked,
    )
    page.keyboard.press("Home")
    first = page.locator("#network-map .network-node").first.get_attribute("data-layer")
    page.wait_for_function(
        "name => document.querySelector('#layer-card strong').textContent === name", arg=first
    )


def test_of_three_quick_clicks_the_last_map_is_enlarged(inside):
    page = inside.page
    maps = page.locator("#atlas .inside-map")
    for index in (0, 5, 9):
        maps.nth(index).evaluate("button => button.click()")
    channel = maps.nth(9).get_attribute("data-channel")
    page.wait_for_selector("#atlas .inside-large[aria-busy=false]")
    assert page.get_attribute("#atlas .inside-map[aria-pressed=true]", "data-channel") == channel
    assert channel in page.text_content("#atlas .inside-large")


def test_quick_moves_of_the_crop_add_up(inside):
    page = inside.page
    place = "frame => [frame.style.left, frame.style.top]"
    frame = page.locator("#inside-crop .crop-frame")
    assert frame.evaluate(place) == ["25%", "25%"]
    page.focus("#inside-crop .crop-stage")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    assert frame.evaluate(place) == ["0%", "12.5%"]
    page.wait_for_function(
        "() => document.querySelector('#inside-crop figcaption').textContent.includes('(0, 64)')"
    )
    assert frame.evaluate(place) == ["0%", "12.5%"]
