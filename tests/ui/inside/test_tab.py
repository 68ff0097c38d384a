"""The Look inside tab in a browser: layers and maps are those of the network on the picture."""

import base64
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.inspection.feature_grid import colorize
from deconv_demo.inspection.layer_stats import summarize_layers
from deconv_demo.networks.restorers import blank_inputs
from deconv_demo.restoration.weights import load_model
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import ActivationStore

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CHANNELS = "maps => maps.map(map => Number(map.dataset.channel))"


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


def maps_of(task_id, pixels, layer_name, *, sigma=None):
    """The output of one layer, taken with a hook of PyTorch alone: ``(C, h, w)``."""
    model, kept = load_model(task_id), []
    layer = model.get_submodule(layer_name)
    handle = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    image = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 255
    image = image.contiguous(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            model(image, *([] if sigma is None else [torch.tensor([sigma])]))
    finally:
        handle.remove()
    return kept[0][0].numpy()


def names_of(task_id, *, height, width):
    model = load_model(task_id)
    return [facts.name for facts in summarize_layers(model, *blank_inputs(model, height, width))]


def wait_for_layer(page, name):
    page.wait_for_function(
        "name => document.querySelector('#layer input').value.includes(` ${name} `)", arg=name
    )


def shown_picture(page, selector):
    """The pixels of a picture that a component shows, as they were sent."""
    encoded = page.locator(selector).evaluate("image => image.src.split(',')[1]")
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        return np.array(picture.convert("RGB"))


def pick(page, name):
    """Click a node of the map and wait for its maps."""
    page.click(f".network-node[data-layer='{name}']")
    wait_for_maps(page, name)


def wait_for_maps(page, name):
    page.wait_for_selector(f".inside-grid[aria-label$=' {name}']")
    wait_for_layer(page, name)


def test_layers_and_maps_of_the_run(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    visitor.choose(path)
    page.uncheck("input[type=checkbox]:visible")
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


@pytest.mark.slow
def test_the_crop_is_placed_by_a_click_and_taken_along(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    page.click("#look-inside")
    page.wait_for_selector(".inside-map")
    pick(page, "down.1")
    stage = page.locator(".crop-stage")
    box = stage.bounding_box()
    stage.click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.3})
    page.wait_for_selector("#inside-crop figcaption:has-text('at (256, ')")
    top = int(page.inner_text("#inside-crop figcaption").split(", ")[1].rstrip(")"))
    assert abs(top - (0.3 * 512 - 128)) <= 6
    wait_for_maps(page, "down.1")

    page.click(".inside-take summary")
    with page.expect_download() as waiting:
        page.click("[data-take=given]")
    given = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(given)
    with page.expect_download() as waiting:
        page.click("[data-take=one]")
    waiting.value.save_as(tmp_path / "layer.npz")
    with np.load(tmp_path / "layer.npz") as archive:
        assert archive.files == ["down.1"]
        maps = archive["down.1"]
    with page.expect_download() as waiting:
        page.click("[data-take=all]")
    waiting.value.save_as(tmp_path / "all.npz")
    nodes = page.locator(".network-node").evaluate_all("all => all.map(one => one.dataset.layer)")
    with np.load(tmp_path / "all.npz") as archive:
        assert archive.files == nodes
        np.testing.assert_array_equal(archive["down.1"], maps.astype(np.float16))
    with Image.open(given) as picture:
        pixels = np.array(picture.convert("RGB"))[top : top + 256, 256:512]
    code = page.inner_text(".inside-take pre")
    sigma = float(re.search(r"tensor\(\[(.*?)\]\)", code).group(1))
    expected = maps_of("denoise", pixels, "down.1", sigma=sigma)
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    shown = page.locator(".inside-map").evaluate_all(CHANNELS)
    energies = np.square(expected.astype(float)).mean(axis=(1, 2))
    assert shown == list(np.argsort(-energies, kind="stable"))

    # The sheet that the browser draws has the maps of the page and words below them.
    with page.expect_download() as waiting:
        page.click("[data-take=atlas]")
    assert waiting.value.suggested_filename.endswith("-denoise-down.1.png")
    waiting.value.save_as(tmp_path / "sheet.png")
    address = page.locator(".inside-columns").evaluate(
        "node => getComputedStyle(node).getPropertyValue('--atlas').slice(4, -1)"
    )
    encoded = page.evaluate(
        """async (address) => {
            const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
            return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        }""",
        address,
    )
    atlas = np.array(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))
    sheet = np.array(Image.open(tmp_path / "sheet.png").convert("RGB"))
    assert np.array_equal(sheet[24:120, 24:120], atlas[:96, :96])
    assert np.array_equal(sheet[24:120, 126:222], atlas[:96, 96:192])
    assert (sheet[-130:] < 100).any()

    # The code draws the same: run it beside the picture.
    monkey = tmp_path / "run.py"
    monkey.write_text(code, encoding="utf-8")
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, monkey.name], cwd=tmp_path, env=environment, check=True)
    drawn = np.array(Image.open(tmp_path / f"{given.stem[:-6]}-denoise-down.1.png").convert("RGB"))
    assert np.abs(drawn[:96, :96].astype(int) - atlas[:96, :96]).max() <= 3
    assert np.abs(drawn[98:194, :96].astype(int) - atlas[:96, 768:864]).max() <= 3


def test_without_a_result_it_says_what_to_do(visit):
    visitor = visit()
    visitor.page.click("#picture button[aria-label='Remove Image']")
    visitor.page.wait_for_selector(".compare[data-state=empty]")
    visitor.open_tab("inside")
    visitor.page.wait_for_selector("#inside-note:has-text('Enhance a picture first')")
    assert visitor.page.locator(".inside-map").count() == 0
