"""The Look inside tab in a browser: layers and maps are those of the network on the picture."""

import re

import numpy as np
import pytest
from PIL import Image
from support.inside_page import (
    CHANNELS,
    maps_of,
    pick,
    shown_picture,
    wait_for_layer,
    wait_for_maps,
)

from deconv_demo.inspection.feature_grid import colorize
from deconv_demo.inspection.layer_stats import summarize_layers
from deconv_demo.networks.restorers import blank_inputs
from deconv_demo.restoration.weights import load_model
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import ActivationStore

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def number(value):
    """A number as the page writes it."""
    return f"{float(value):.3g}".replace("-", "−")


def listed(page):
    """The names of the layers in the list, in its order."""
    page.click("#layer input")
    page.wait_for_selector("#layer [role=option], [role=listbox] [role=option]")
    options = page.locator("[role=option]").evaluate_all("all => all.map(one => one.ariaLabel)")
    page.keyboard.press("Escape")
    return [option.split(" · ")[1] for option in options]


def names_of(task_id, *, height, width):
    model = load_model(task_id)
    return [facts.name for facts in summarize_layers(model, *blank_inputs(model, height, width))]


def test_layers_and_maps_of_the_run(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    visitor.choose(path)
    page.uncheck("#estimate input")
    page.fill("#sigma input[type=number]", "40")
    page.press("#sigma input[type=number]", "Tab")
    visitor.run()
    page.click("#look-inside")
    page.wait_for_selector(".inside-map")
    names = names_of("denoise", height=48, width=64)
    assert listed(page) == names
    wait_for_layer(page, names[0])
    assert "Denoise" in page.inner_text("#inside-note")
    assert "64 × 48" in page.inner_text("#inside-note")

    maps = maps_of("denoise", pixels, names[0], sigma=40 / 255)
    strongest = sorted(range(len(maps)), key=lambda c: -np.square(maps[c].astype(float)).mean())
    shown = page.locator(".inside-map").evaluate_all(CHANNELS)
    assert shown == strongest
    assert f"{len(maps)} maps of 64 × 48" in page.inner_text(".inside-facts")

    chosen = maps[strongest[2]]
    page.locator(".inside-map").nth(2).hover()
    assert f"Map {strongest[2]}: from {number(chosen.min())}" in page.inner_text(".inside-readout")
    page.locator(".inside-map").nth(2).click()
    page.wait_for_selector("img.inside-enlarged")
    assert page.inner_text(".inside-title") == f"head, map {strongest[2]}"
    facts = page.locator(".inside-numbers dd").all_inner_texts()
    assert facts[:3] == [number(f(chosen)) for f in (np.min, np.mean, np.max)]
    limit = np.quantile(np.abs(chosen), 0.995)
    drawn = colorize(chosen, signed=bool((maps < 0).any()), limit=limit)
    enlarged = shown_picture(page, "img.inside-enlarged").astype(int)
    assert np.abs(enlarged - drawn).max() <= 3  # one step of colour
    ends = page.locator(".inside-large .inside-scale span span").all_inner_texts()
    assert ends == [number(-limit), "0", number(limit)]
    assert page.locator(".inside-histogram i").count() > 20
    kernel_count = load_model("denoise").head.in_channels
    assert f"The {kernel_count} kernels (3 × 3)" in page.inner_text(".inside-kernels")

    # In another order and on a common scale, the same map stays enlarged.
    page.check("#maps-order input[value=index]")
    page.wait_for_function("() => document.querySelector('.inside-map').dataset.channel === '0'")
    assert page.locator(".inside-map").evaluate_all(CHANNELS) == list(range(len(maps)))
    page.check("#maps-scale input[value=common]")
    common = number(np.quantile(np.abs(maps), 0.995))
    page.wait_for_selector(f".inside-large .inside-scale:has-text('{common}')")
    assert page.inner_text(".inside-title") == f"head, map {strongest[2]}"

    # The maps of another layer are its own, and nothing stays enlarged.
    page.click("#next-layer")
    wait_for_maps(page, names[1])
    page.wait_for_selector("img.inside-enlarged", state="detached")
    page.click("#previous-layer")
    wait_for_maps(page, names[0])
    page.click("#previous-layer")  # there is none before the first
    pick(page, "down.0")
    assert page.locator(".inside-map").count() == load_model("denoise").down[0].out_channels

    visitor.open_tab("enhance")
    visitor.choose_task("upscale_x4")
    visitor.run()
    visitor.open_tab("inside")
    page.wait_for_selector("#inside-note:has-text('Upscale 4×')")
    assert listed(page) == names_of("upscale_x4", height=48, width=64)


def test_map_slider_list_and_parts_choose_the_same_layer(visit, monkeypatch):
    visitor = visit()
    page = visitor.page
    page.click("#look-inside")
    page.wait_for_selector(".inside-map")
    nodes = page.locator(".network-node").evaluate_all("all => all.map(one => one.dataset.layer)")
    chosen = "() => document.querySelector('.network-node[aria-pressed=true]').dataset.layer"
    slider = "() => Number(document.querySelector('.network-slider').value)"
    assert page.locator(".network path.skip").count() == 4
    upward = page.locator(".network-node[data-kind=up]")
    assert [node.get_attribute("data-layer") for node in upward.all()] == ["up.2", "up.1", "up.0"]
    title = upward.first.get_attribute("title")
    for fact in ("128 × 64 × 64", "98,304 parameters", "101 M multiply-adds", "194 × 194 pixels"):
        assert fact in title

    name = next(name for name in nodes if name.startswith("up"))
    page.click("#layer input")
    page.click(f"[role=option]:has-text(' {name} ')")
    wait_for_maps(page, name)
    page.wait_for_selector(".inside-what:has-text('transposed convolution')")
    page.wait_for_function(f"({chosen})() === '{name}'")
    assert page.evaluate(slider) == nodes.index(name)

    page.focus(f".network-node[data-layer='{name}']")
    page.keyboard.press("ArrowRight")
    block = nodes[nodes.index(name) + 1]
    wait_for_maps(page, block)
    assert page.evaluate(chosen) == block
    page.click(".layer-parts button:has-text('conv2')")
    wait_for_maps(page, f"{block}.conv2")
    assert page.evaluate(chosen) == block

    page.focus(".network-slider")
    page.keyboard.press("Home")
    wait_for_maps(page, nodes[0])
    assert page.evaluate(chosen) == nodes[0]

    # Played from the last but one, it arrives at the last and stands still.
    pick(page, nodes[-2])
    page.click(".network-play")
    wait_for_maps(page, nodes[-1])
    page.wait_for_selector(".network-play[aria-pressed=false]")
    pick(page, nodes[0])

    maps = page.locator(".inside-map")
    maps.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("img.inside-enlarged")
    assert maps.nth(1).get_attribute("aria-pressed") == "true"

    # What had to make room for others is run again; what was large stays so.
    monkeypatch.setattr(crop_session, "STORE", ActivationStore())
    page.check("#maps-order input[value=index]")
    page.wait_for_function("() => document.querySelector('.inside-map').dataset.channel === '0'")
    page.wait_for_selector("img.inside-enlarged")

    # Another language: the same layer, the same map.
    title = page.inner_text(".inside-title")
    page.check("#language input[value=zh-CN]")
    page.wait_for_selector(".inside-title:has-text('特征图')")
    assert title.split(" ")[-1] in page.inner_text(".inside-title")
    assert page.evaluate(chosen) == nodes[0]
    for selector in ("#layer-card", ".network-legend", "#inside-note", ".inside-take summary"):
        assert re.search(r"[\u4e00-\u9fff]", page.inner_text(selector)), selector


def test_without_a_result_it_says_what_to_do(visit):
    visitor = visit()
    visitor.page.click("#picture button[aria-label='Remove Image']")
    visitor.page.wait_for_selector(".compare[data-state=empty]")
    visitor.open_tab("inside")
    visitor.page.wait_for_selector("#inside-note:has-text('Enhance a picture first')")
    assert visitor.page.locator(".inside-map").count() == 0
