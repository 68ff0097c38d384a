"""Surgery, pixel and lens sections in a browser, held against the network run by the test."""

import base64
import copy
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.classical.metrics import psnr
from deconv_demo.convolution.checkerboard import checkerboard_db
from deconv_demo.inspection.layer_stats import receptive_window
from deconv_demo.restoration.weights import load_model

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SIGMA = 40 / 255
FIRST_NUMBER = "document.querySelector('.surgery-result dd')?.textContent"


@pytest.fixture(scope="module")
def pixels():
    """A noisy photograph, 96 rows of 80."""
    import skimage.data

    clean = skimage.data.astronaut()[60:156, 180:260].astype(float)
    noise = np.random.default_rng(0).normal(0, 40, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def inside(visit, pixels, tmp_path):
    """Open the page, denoise the photograph, and open a section of the tab on it."""

    def enter(section, ready):
        visitor = visit()
        path = tmp_path / "noisy.png"
        Image.fromarray(pixels).save(path)
        visitor.choose(path)
        visitor.page.uncheck("#estimate input")
        visitor.page.fill("#sigma input[type=number]", "40")
        visitor.page.press("#sigma input[type=number]", "Tab")
        visitor.run()
        visitor.page.click("#look-inside")
        visitor.page.wait_for_selector(".inside-map")
        visitor.page.click(f"#inside-tabs [data-tab-id={section}]")
        visitor.page.wait_for_selector(ready)
        return visitor.page

    return enter


def inputs_of(pixels):
    image = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 255
    return image.contiguous(memory_format=torch.channels_last), torch.tensor([SIGMA])


def run(model, pixels):
    with torch.no_grad():
        return model(*inputs_of(pixels)).clamp(0, 1)


def as_uint8(image):
    return image[0].mul(255).round().permute(1, 2, 0).numpy().astype(np.uint8)


def shown(page, selector):
    """Pixels of a picture that came inside a message."""
    source = page.locator(selector).first.evaluate("image => image.src.split(',')[1]")
    with Image.open(io.BytesIO(base64.b64decode(source))) as picture:
        return np.array(picture.convert("RGB"))


def wait_for_change(page, former):
    page.wait_for_function(f"former => ({FIRST_NUMBER} ?? former) !== former", arg=former)


def test_surgery_shows_what_an_edited_network_makes(inside, pixels):
    page = inside("surgery", ".surgery-tile")
    plain = load_model("denoise")
    untouched = run(plain, pixels)
    output, difference = ".surgery-pictures img >> nth=0", ".surgery-pictures canvas"
    assert page.locator(".surgery-tile").count() == plain.head.out_channels
    assert np.abs(shown(page, output).astype(int) - as_uint8(untouched)).max() <= 1

    strongest = int(plain.head.weight.flatten(1).square().sum(1).argmax())
    page.click(f".surgery-tile[data-channel='{strongest}']")
    wait_for_change(page, "identical")
    edited = copy.deepcopy(plain)
    edited.head.weight[strongest] = 0
    expected = run(edited, pixels)
    result = shown(page, output)
    assert np.abs(result.astype(int) - as_uint8(expected)).max() <= 1
    assert page.locator(".surgery-tile[aria-pressed=true]").count() == 1
    number = page.inner_text(".surgery-result dd >> nth=0")
    assert float(number.split()[0]) == pytest.approx(psnr(expected, untouched), abs=0.02)
    # Sixteen times the difference, around a grey of 128.
    page.click(".panel-choice button:has-text('16')")
    page.wait_for_selector(f"{difference}[data-gain='16']")
    row, column = 40, 30
    at = f"canvas => [...canvas.getContext('2d').getImageData({column}, {row}, 1, 1).data]"
    gap = (
        result[row, column].astype(int) - shown(page, ".surgery-pictures img >> nth=1")[row, column]
    )
    assert page.locator(difference).evaluate(at)[:3] == np.clip(128 + 16 * gap, 0, 255).tolist()

    former = page.inner_text(".surgery-result dd >> nth=0")
    page.click(".surgery-chip:has-text('bottom.3')")
    wait_for_change(page, former)
    edited.bottom[3].conv2.weight.zero_()
    assert np.abs(shown(page, output).astype(int) - as_uint8(run(edited, pixels))).max() <= 1

    page.click("#language label:has-text('中文')")
    page.wait_for_selector(".surgery-count:has-text('1 个通道')")
    assert "关" not in page.inner_text(".surgery-reset")
    page.click(".surgery-reset")
    page.wait_for_selector(".surgery-result dd:has-text('完全相同')")
    assert page.locator(".surgery-table [aria-pressed=true]").count() == 0


def test_a_ranking_is_watched_stopped_and_finished(inside):
    page = inside("surgery", ".surgery-tile")
    start, stop = (page.locator(".surgery-ranking .panel-button").nth(n) for n in (0, 1))
    start.click()
    page.wait_for_selector(".surgery-ranking progress")
    stop.click()
    page.wait_for_selector(".surgery-ranked:has-text('Stopped')")
    page.wait_for_function("!document.querySelector('.surgery-ranking button').disabled")
    start.click()
    page.wait_for_selector(".surgery-ranked:has-text('All 32 channels')")
    numbers = page.locator(".surgery-losses b").all_inner_texts()
    readings = [float(number.split()[0]) for number in numbers if "∞" not in number]
    assert len(numbers) == 12
    assert readings == sorted(readings)
    # The worst channel, switched off, gives just that reading.
    page.locator(".surgery-losses button").first.click()
    wait_for_change(page, "identical")
    assert page.inner_text(".surgery-result dd >> nth=0") == numbers[0]


def test_a_pixel_shows_its_field_and_its_reach(inside, pixels):
    page = inside("pixel", ".pixel-said")
    model, (height, width) = load_model("denoise"), pixels.shape[:2]
    assert f"row {height // 2}, column {width // 2}" in page.inner_text(".pixel-said")
    target = page.locator("[data-side=output]")
    box = target.bounding_box()
    row, column = 30, 50
    spot = {"x": (column + 0.5) / width * box["width"], "y": (row + 0.5) / height * box["height"]}
    target.click(position=spot)
    page.wait_for_selector(f".pixel-said:has-text('row {row}, column {column}')")
    image, sigma = inputs_of(pixels)
    image.requires_grad_()
    model(image, sigma)[0, :, row, column].mean().backward()
    strongest = image.grad[0].abs().sum(dim=0).argmax().item()
    heat = shown(page, "[data-side=input] img").astype(int).sum(axis=2)
    assert heat.argmax() == strongest
    assert heat.max() > 3 * 200 > 3 * 153 >= np.median(heat)
    rows, columns = receptive_window(model, "tail", *inputs_of(pixels), row=row, column=column)
    theory = page.inner_text(".pixel-numbers dd >> nth=0")
    # Near the corner, so that the border of the picture cuts it.
    assert max(rows.start, columns.start) < 0
    assert theory.startswith(f"{min(columns.stop, width)} × {min(rows.stop, height)}")
    assert f"{len(columns)} × {len(rows)} away from borders" in theory

    page.locator("[data-side=input]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".pixel-said:has-text('affects')")
    reach = page.inner_text(".pixel-numbers dd >> nth=0")
    assert page.locator("[data-side=output] .panel-frame").count() == 1
    # With weights that cancel nothing, on a picture that goes on around it.
    row, column = map(int, re.findall("[0-9]+", page.inner_text(".pixel-said"))[:2])
    twin = copy.deepcopy(model).double()
    for weight in twin.parameters():
        weight.data.fill_(1 / weight.shape[1])
    direction = torch.zeros(1, 3, 312, 312, dtype=torch.float64)
    direction[0, :, 152 + row % 8, 152 + column % 8] = 1
    picture, sigma = torch.ones_like(direction), inputs_of(pixels)[1].double()
    touched = torch.func.jvp(lambda image: twin(image, sigma), (picture,), (direction,))[1] != 0
    sides = [touched.any(dim=(0, 1, axis)).sum().item() for axis in (3, 2)]
    assert f"{sides[1]} × {sides[0]} away from borders" in reach

    page.wait_for_selector(".pixel-projections img >> nth=2")
    former = page.inner_text(".pixel-unit")
    page.locator(".pixel-channel input").focus()
    page.keyboard.press("Home")
    page.wait_for_selector(".pixel-unit:has-text('channel 0 ')")
    assert page.inner_text(".pixel-unit") != former
    page.click("#language label:has-text('中文')")
    page.wait_for_selector(".pixel-unit:has-text('通道 0')")


def test_the_lens_reads_the_meter_and_the_bad_twin_raises_it(inside, pixels):
    page = inside("lens", ".lens-readings")
    names = page.locator(".inside-lens [role=group] button").all_inner_texts()
    assert names == ["up.2", "up.1", "up.0"]
    assert page.locator(".inside-lens [role=group] [aria-pressed=true]").inner_text() == "up.0"
    counts = page.locator(".lens-overlap").evaluate_all(
        "all => all.map(one => [...one.rows].map(row => [...row.cells].map(c => +c.textContent)))"
    )
    assert np.unique(counts[0]).tolist() == [1]
    assert np.unique(np.array(counts[1])[2:-2, 2:-2]).tolist() == [1, 2, 4]
    ratios = page.locator(".lens-ratio").all_inner_texts()
    assert ratios == ["Overlap ratio 1.00", "Overlap ratio 4.00"]

    model = load_model("denoise")
    numbers = page.locator(".lens-readings .number").all_inner_texts()
    readings = [float(number.split()[0].replace("−", "-")) for number in numbers]
    image = inputs_of(pixels)[0]
    assert readings[3] == pytest.approx(checkerboard_db(image, 2), abs=0.06)
    assert readings[4] == pytest.approx(checkerboard_db(run(model, pixels), 2), abs=0.06)
    assert readings[5] > readings[4] + 5
    assert page.locator(".lens-spectrum i").count() == 6

    kernel = model.up[0].weight
    source, target = 5, 7
    page.locator(".lens-maps input").first.fill(str(source))
    page.wait_for_selector(f".lens-maps:has-text('Input channel {source}')")
    page.locator(".lens-kernel").nth(target).click()
    page.wait_for_selector(f".lens-maps:has-text('Output channel {target}')")
    stamp = [
        float(cell.replace("−", "-")) for cell in page.locator(".lens-stamp td").all_inner_texts()
    ]
    assert stamp == pytest.approx(kernel[source, target].flatten().tolist(), abs=0.006)
    page.click(".inside-lens [role=group] button:has-text('up.2')")
    page.wait_for_selector("h4:has-text('One channel of up.2')")
