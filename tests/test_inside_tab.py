"""The Look inside tab in a browser: layers and maps are those of the network on the picture."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.layers import list_layers
from deconv_demo.weights import load_model

pytestmark = pytest.mark.browser
CHANNELS = "maps => maps.map(map => Number(map.dataset.channel))"


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
    sigma = [torch.zeros(1)] if model.noise_level_map else []
    return [facts.name for facts in list_layers(model, torch.zeros(1, 3, height, width), *sigma)]


def wait_for_layer(page, name):
    page.wait_for_function(
        "name => document.querySelector('#layer input').value.includes(` ${name} `)", arg=name
    )


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
    assert len(shown) == len(maps)
    assert shown == strongest
    assert f"{len(maps)} maps of 64 × 48" in page.inner_text(".inside-facts")

    page.locator(".inside-map").nth(2).click()
    page.wait_for_selector(".inside-large img")
    caption, chosen = page.inner_text(".inside-large p"), maps[strongest[2]]
    assert caption.startswith(f"Map {strongest[2]}: ")
    assert f"from {chosen.min():.3g} to {chosen.max():.3g}" in caption
    encoded = page.locator(".inside-large img").evaluate("image => image.src.split(',')[1]")
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as enlarged:
        assert enlarged.size == (512, 384)
        # Each value is a square of 8 x 8 pixels.
        corner = np.array(enlarged)[:8, :8].reshape(-1, 3)
        assert (corner == corner[0]).all()

    # The maps of another layer are its own, and nothing stays enlarged.
    page.click("#next-layer")
    wait_for_layer(page, names[1])
    page.wait_for_selector(".inside-large img", state="detached")
    page.click("#previous-layer")
    wait_for_layer(page, names[0])
    page.click("#previous-layer")  # there is none before the first
    page.wait_for_timeout(300)
    wait_for_layer(page, names[0])

    visitor.open_tab("enhance")
    visitor.choose_task("upscale_x4")
    visitor.run()
    visitor.open_tab("inside")
    page.wait_for_selector("#inside-note:has-text('Upscale 4×')")
    assert listed(page) == names_of("upscale_x4", height=48, width=64)


def test_a_layer_is_picked_from_the_list_and_maps_are_walked_by_keyboard(visit):
    visitor = visit()
    page = visitor.page
    page.click("#look-inside")
    page.wait_for_selector(".inside-map")
    name = next(name for name in names_of("denoise", height=256, width=256) if "up" in name)
    page.click("#layer input")
    page.click(f"[role=option]:has-text(' {name} ')")
    page.wait_for_selector(".inside-what:has-text('transposed convolution')")
    maps = page.locator(".inside-map")
    maps.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".inside-large img")
    assert maps.nth(1).get_attribute("aria-pressed") == "true"


def test_without_a_result_it_says_what_to_do(visit):
    visitor = visit()
    visitor.page.click("#picture button[aria-label='Remove Image']")
    visitor.page.wait_for_selector(".compare[data-state=empty]")
    visitor.open_tab("inside")
    visitor.page.wait_for_selector("#inside-note:has-text('Enhance a picture first')")
    assert visitor.page.locator(".inside-map").count() == 0
