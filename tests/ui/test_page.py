"""The page as a visitor meets it: how it opens, its languages, sizes, and two people at once."""

import re

import numpy as np
import pytest
from PIL import Image

from deconv_demo.pictures.image_tensors import to_pixels
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.ui.page import launch_options

pytestmark = pytest.mark.browser
SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > window.innerWidth"


def noise_file(path, *, width=64, height=48, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_it_opens_with_a_finished_example_and_asks_no_other_host(visit):
    visitor = visit()
    assert visitor.pixels("before").shape == visitor.pixels("after").shape == (512, 512, 3)
    assert not np.array_equal(visitor.pixels("before"), visitor.pixels("after"))
    rows = visitor.scores()
    assert [row[0].split(" (")[0] for row in rows] == [
        "Degraded input",
        "Wavelets",
        "This network",
    ]
    damaged, _, network = (float(row[1].removesuffix(" dB")) for row in rows)
    assert network > damaged
    assert visitor.page.locator("#scores tr.best th").inner_text() == "This network"
    assert visitor.page.locator("#picture img").count() == 1
    assert visitor.page.is_checked("#task input[value=denoise]")
    assert visitor.page.is_enabled("#download")
    assert visitor.page.is_disabled("#stop")
    assert visitor.page.locator(".toast-body").count() == 0
    assert visitor.page.locator("h1").count() == 1


def test_every_picture_button_and_input_has_a_name(visit):
    visitor = visit()
    nameless = visitor.page.evaluate("""() => {
        const seen = (node) => node.checkVisibility({ visibilityProperty: true });
        const named = (node) => node.ariaLabel || node.title || node.textContent.trim()
            || [...(node.labels ?? [])].some((label) => label.textContent.trim());
        return [
            ...[...document.querySelectorAll("button, input, select")].filter(
                (node) => seen(node) && !named(node)),
            ...[...document.querySelectorAll("img")].filter(
                (node) => seen(node) && !node.alt && !node.closest("button")),
        ].map((node) => node.outerHTML.slice(0, 200));
    }""")
    assert nameless == []


def test_a_chinese_browser_is_greeted_in_chinese_and_dark_stays_dark(visit):
    visitor = visit(locale="zh-CN")
    page = visitor.page
    page.wait_for_selector("#run:has-text('运行')")
    assert page.is_checked("#language input[value=zh-CN]")
    page.wait_for_selector("#scores th:has-text('本网络')")
    page.wait_for_selector("#status:has-text('完成，用时')")
    page.wait_for_selector("html[lang=zh-CN]")

    page.check("#appearance input[value=dark]")
    page.wait_for_selector("body.dark")
    page.reload()
    page.wait_for_selector("body.dark")
    page.wait_for_function("document.querySelector('#appearance input[value=dark]').checked")
    page.check("#appearance input[value=projector]")
    page.wait_for_selector("html.projector body:not(.dark)")


def test_chinese_is_chosen_stays_chosen_and_the_result_stays_too(visit):
    visitor = visit()
    page = visitor.page
    shown, scores = visitor.source("after"), [row[1:] for row in visitor.scores()]
    page.check("#language input[value=zh-CN]")
    page.wait_for_selector("#run:has-text('运行')")
    page.wait_for_selector("#status:has-text('完成，用时')")
    page.wait_for_selector("#scores th:has-text('本网络')")
    assert visitor.source("after") == shown
    assert [row[1:] for row in visitor.scores()] == scores
    page.reload()
    page.wait_for_selector("#run:has-text('运行')")
    page.wait_for_selector("#scores th:has-text('本网络')")
    page.check("#language input[value=en]")
    page.wait_for_selector("#run:has-text('Run')")
    page.wait_for_selector("html[lang=en]")
    page.wait_for_selector("#status:has-text('Done in')")


def test_a_dark_computer_gets_a_dark_page(visit):
    visitor = visit(color_scheme="dark")
    visitor.page.wait_for_selector("body.dark")
    assert visitor.page.is_checked("#appearance input[value=dark]")


def test_an_address_that_asks_for_the_theme_of_the_computer_gets_it(visit):
    page = visit(color_scheme="dark", query="?__theme=system").page
    page.wait_for_selector("body.dark")
    page.wait_for_function("document.querySelector('#appearance input[value=dark]').checked")


def luminance(color):
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    levels = np.array([float(number) for number in re.findall(r"[\d.]+", color)[:3]]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_the_main_button_can_be_read(visit, appearance):
    page = visit(color_scheme=appearance).page
    page.wait_for_selector("#run:enabled")
    page.wait_for_selector("body.dark" if appearance == "dark" else "body:not(.dark)")
    page.mouse.move(1, 1)
    style = "button => [getComputedStyle(button).color, getComputedStyle(button).backgroundColor]"
    contrast = 0.0
    for _ in range(20):  # colours fade in
        lighter, darker = sorted(map(luminance, page.locator("#run").evaluate(style)), reverse=True)
        contrast = (lighter + 0.05) / (darker + 0.05)
        if contrast >= 4.5:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"contrast of {contrast:.2f}")


def test_on_a_phone_nothing_scrolls_sideways(visit):
    visitor = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = visitor.page
    assert not page.evaluate(SCROLLS_SIDEWAYS)
    page.click("#known-answer button")
    page.wait_for_selector("#answer-run", state="visible")
    assert not page.evaluate(SCROLLS_SIDEWAYS)
    page.click("#look-inside")
    page.wait_for_selector(".inside-map")
    page.locator(".inside-map").nth(3).click()
    page.wait_for_selector(".inside-large img")
    assert not page.evaluate(SCROLLS_SIDEWAYS)


def test_two_visitors_at_once_get_their_own_results(visit, tmp_path):
    files = [noise_file(tmp_path / f"visitor-{seed}.png", seed=seed) for seed in (1, 2)]
    visitors = [visit(), visit()]
    former = [visitor.source("after") for visitor in visitors]
    for visitor, file, task_id in zip(visitors, files, ("deblur", "upscale_x2"), strict=True):
        visitor.choose(file)
        visitor.choose_task(task_id)
    for visitor in visitors:
        visitor.page.click("#run")
    for visitor, source in zip(visitors, former, strict=True):
        visitor.wait_for_result(source)
    for visitor, file, task_id in zip(visitors, files, ("deblur", "upscale_x2"), strict=True):
        with Image.open(file) as picture:
            result = enhance(picture, task_id)
        assert np.array_equal(visitor.pixels("before"), to_pixels(result.before))
        assert np.array_equal(visitor.pixels("after"), to_pixels(result.after))


def test_every_event_that_computes_waits_in_one_queue(served_page):
    config = served_page[0].get_config_file()
    computing = [d for d in config["dependencies"] if d.get("api_name") == "enhance"]
    assert len(computing) == 1
    public = {d["api_name"] for d in config["dependencies"] if d["api_visibility"] == "public"}
    assert public == {"enhance", "diagnose"}
    assert launch_options()["share"] is False
