"""The stepper in a page: it shows the numbers of PyTorch, and it can be worked by keyboard."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.lab_runs import number, torch_output

from deconv_demo.ui.lab import stepper as module
from deconv_demo.ui.lab.presets import PRESETS, as_json, read_run
from deconv_demo.ui.lab.tab import SECTIONS
from deconv_demo.ui.texts import texts_under

STATIC = Path(module.__file__).parent / "static"
CELLS = """() => [...document.querySelectorAll(".stepper-canvas .stepper-cell:not(.cut)")]
    .map((cell) => cell.textContent.trim())"""


@pytest.fixture
def stepper(visit):
    """The stepper, open in a visitor's page."""
    visitor = visit(wait=False)
    visitor.open_tab("lab")
    visitor.page.wait_for_selector(".stepper-board .stepper-cell")
    return visitor.page


def shown_run(page):
    return read_run(page.evaluate("window.deconvLab.run"))


def assert_shows(page, run):
    texts = page.evaluate(CELLS)
    expected = torch_output(run)
    np.testing.assert_allclose(
        [number(text) for text in texts], expected.ravel(), rtol=6e-4, atol=1e-9
    )


@pytest.mark.browser
def test_every_preset_shows_the_numbers_of_torch_and_its_code_gives_them(stepper):
    for name, run in PRESETS.items():
        stepper.click(f"[data-preset={name}]")
        assert shown_run(stepper) == read_run(as_json(run))
        assert_shows(stepper, run)
        scope = {}
        exec(stepper.inner_text(".stepper-code pre"), scope)
        np.testing.assert_allclose(scope["y"][0, 0].numpy(), torch_output(run), rtol=1e-5)
        assert stepper.inner_text(".stepper-formula b").endswith(f"= {len(torch_output(run))}")
    stepper.click("[data-preset=back]")
    assert stepper.evaluate(CELLS)[:3] == ["1743", "3072", "2681"]
    # Both readings end with the same numbers.
    stepper.click("[data-reading=gather]")
    assert_shows(stepper, PRESETS["back"])


@pytest.mark.browser
def test_no_click_reaches_settings_that_torch_refuses(stepper):
    count = stepper.locator(".stepper-values button").count()
    assert count == 7 + 5 + 4 + 7 + 4 + 3
    walk = np.random.default_rng(1).integers(0, count, 80).tolist()
    steps = stepper.evaluate(
        """walk => walk.map((index) => {
            const button = document.querySelectorAll(".stepper-values button")[index];
            const before = window.deconvLab.run;
            const closed = button.getAttribute("aria-disabled") === "true";
            const reason = button.title;
            button.click();
            const cells = document.querySelectorAll(".stepper-canvas .stepper-cell:not(.cut)");
            return { before, closed, reason, after: window.deconvLab.run, cells: cells.length };
        })""",
        walk,
    )
    for step in steps:
        assert torch_output(read_run(step["after"])).size == step["cells"]
        assert bool(step["reason"]) == step["closed"]
        assert (not step["closed"]) or step["after"] == step["before"]
    closed = sum(step["closed"] for step in steps)
    assert closed >= 10
    # Of all that is offered, exactly what PyTorch accepts is open.
    run = shown_run(stepper)
    for value in range(4):
        settings = {**run.settings, "output_padding": value}
        try:
            F.conv_transpose2d(
                torch.ones(1, 1, *[len(run.x)] * 2),
                torch.ones(1, 1, *[len(run.kernel)] * 2),
                **settings,
            )
        except RuntimeError:
            accepted = False
        else:
            accepted = True
        button = stepper.locator(f"[data-setting=outputPadding-{value}]")
        assert (button.get_attribute("aria-disabled") == "false") == accepted


@pytest.mark.browser
def test_it_is_worked_by_keyboard_alone(stepper):
    stepper.focus(".stepper-position")
    stepper.keyboard.press("Home")
    assert stepper.inner_text(".stepper-counter") == "Step 0 of 9"
    assert set(stepper.evaluate(CELLS)) == {"0"}
    stepper.keyboard.press("ArrowRight")
    stepper.keyboard.press("ArrowRight")
    assert stepper.inner_text(".stepper-counter") == "Step 2 of 9"
    assert [number(text) for text in stepper.evaluate(CELLS)[:7]] == [1, 1, 3, 2, 2, 0, 0]
    stepper.keyboard.press("End")
    assert_shows(stepper, PRESETS["ones"])

    # From cell to cell, and a number written in one.
    stepper.focus(".stepper-input .stepper-cell")
    for key in ("ArrowDown", "ArrowRight", "End", "Home", "ArrowRight"):
        stepper.keyboard.press(key)
    focused = "document.activeElement.ariaLabel"
    assert stepper.evaluate(focused) == "Input x[1, 1]: 5"
    assert stepper.locator(".stepper-canvas .lit").count() == 9
    assert stepper.inner_text(".stepper-sum").endswith("= 45")
    stepper.keyboard.type("-2.5")
    run = shown_run(stepper)
    assert run.x[1] == (4, -2.5, 6)
    assert_shows(stepper, run)
    stepper.keyboard.type("x")  # no number: the last one stays
    assert stepper.get_attribute(".stepper-cell:focus", "aria-invalid") == "true"
    stepper.keyboard.press("Control+End")
    shown = stepper.inner_text(".stepper-refused[role=status]")
    assert shown.startswith("“-2.5x” was refused. A cell takes a number from \u22129999 to 9999")
    assert shown.endswith("it keeps \u22122.5.")
    assert stepper.locator(".stepper-cell[aria-invalid]").count() == 0
    assert stepper.evaluate(focused) == "Input x[2, 2]: 9"
    assert stepper.locator(".stepper-input .stepper-cell").nth(4).input_value() == "\u22122.5"

    # An output cell and the sum behind it: four stamps overlap at y[2, 2].
    stepper.focus(".stepper-canvas .stepper-cell")
    for key in ("ArrowDown", "ArrowRight") * 2:
        stepper.keyboard.press(key)
    assert stepper.evaluate(focused) == "Output y[2, 2]: 4.5"
    assert stepper.locator(".stepper-input .lit").count() == 4
    shown = stepper.inner_text(".stepper-sum").replace("\u00a0", " ")
    assert shown == "1 × 1 + 2 × 1 + 4 × 1 + (\u22122.5) × 1 = 4.5"

    # Space plays from the start, to the end, by itself.
    stepper.select_option(".stepper-speed", "slow")
    stepper.focus(".stepper-canvas .stepper-cell")
    stepper.keyboard.press(" ")
    stepper.wait_for_selector(".stepper-play:has-text('Pause')")
    stepper.wait_for_selector(".stepper-counter:has-text('Step 1 of 9')")
    stepper.select_option(".stepper-speed", "fast")
    stepper.wait_for_selector(".stepper-counter:has-text('Step 9 of 9')")
    stepper.wait_for_selector(".stepper-play:has-text('Play')")
    assert_shows(stepper, run)


@pytest.mark.browser
def test_a_number_too_long_for_its_cell_is_shortened_and_one_too_large_refused(stepper):
    stepper.click("[data-setting=inputSize-8]")
    stepper.fill(".stepper-input .stepper-cell >> nth=1", "-0.123456")
    stepper.focus(".stepper-input .stepper-cell >> nth=0")
    cell = stepper.locator(".stepper-input .stepper-cell").nth(1)
    assert number(cell.input_value()) == pytest.approx(-0.123456, rel=0.3)
    assert cell.get_attribute("title") == "\u22120.123456"
    wide = """() => [...document.querySelectorAll(".stepper .stepper-cell")]
        .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length"""
    assert stepper.evaluate(wide) == 0
    cell.focus()  # to be edited, it is there in full
    assert cell.input_value() == "\u22120.123456"
    stepper.keyboard.press("Escape")
    assert shown_run(stepper).x[0][1] == -0.123456

    cell.fill("10000")
    refused = stepper.locator(".stepper-refused")
    assert refused.inner_text().startswith("“10000” was refused.")
    cell.fill("-")  # on its way to a number
    assert refused.inner_text() == ""
    stepper.keyboard.press("Enter")
    assert "it keeps \u22120.123456" in refused.inner_text()
    for written in (
        "\uff0d\uff12\uff0e\uff15",
        "\u22122,5",
    ):  # as a Chinese keyboard writes; as a German
        cell.fill("3")
        assert shown_run(stepper).x[0][1] == 3
        cell.fill(written)
        assert refused.inner_text() == ""
        assert shown_run(stepper).x[0][1] == -2.5
    fill = stepper.locator(".stepper-panel-input select")
    assert fill.input_value() == "own"
    stepper.click("[data-preset=doubling]")  # of numbers that are no pattern
    kernel = stepper.locator(".stepper-panel-kernel select")
    stepper.click("[data-setting=kernelSize-5]")
    assert (kernel.input_value(), set(sum(shown_run(stepper).kernel, ()))) == ("ones", {1})


@pytest.mark.browser
def test_another_language_keeps_what_the_visitor_made(stepper):
    stepper.click("[data-setting=padding-1]")
    stepper.fill(".stepper-kernel .stepper-cell >> nth=0", "7")
    stepper.focus(".stepper-position")
    stepper.keyboard.press("ArrowLeft")
    run, cells = shown_run(stepper), stepper.evaluate(CELLS)
    assert run.kernel[0][0] == 7
    assert run.padding == 1
    english = stepper.inner_text(".stepper")
    stepper.check("#language input[value=zh-CN]")
    stepper.wait_for_selector(".stepper-play:has-text('播放')")
    assert shown_run(stepper) == run
    assert stepper.evaluate(CELLS) == cells
    assert stepper.inner_text(".stepper-counter") == "第 8 步，共 9 步"
    label = stepper.get_attribute(".stepper-input .stepper-cell", "aria-label")
    assert label == "输入 x[0, 0]: 1"
    # Every sentence changed: what is left in Latin letters are names of code.
    left = set(re.findall(r"[A-Za-z]{3,}", stepper.inner_text(".stepper")))
    code = set(re.findall(r"[A-Za-z]+", stepper.inner_text(".stepper-code pre")))
    assert left <= code | {"PyTorch", "Dumoulin", "Visin", "Odena", "scatter", "gather"}
    stepper.check("#language input[value=en]")
    stepper.wait_for_selector(".stepper-play:has-text('Play')")
    assert stepper.inner_text(".stepper") == english


@pytest.mark.browser
def test_no_cell_is_without_a_name_and_nothing_scrolls_sideways_on_a_phone(visit):
    visitor = visit(wait=False, viewport={"width": 390, "height": 844}, has_touch=True)
    page = visitor.page
    page.click("#tabs [role=tab]:has-text('Transposed convolution')")
    page.wait_for_selector(".stepper-board .stepper-cell")
    sections = page.locator("#lab-tabs [role=tab]")
    assert sections.count() == len(SECTIONS)
    for index in range(len(SECTIONS)):  # none is hidden in a menu or cut off
        box = sections.nth(index).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    for setting in ("inputSize-8", "kernelSize-5", "stride-4", "dilation-3"):
        page.click(f"[data-setting={setting}]")
    # Too small for numbers, which the page says: they stand in the names of the cells.
    assert page.is_visible(".stepper-legend :text('too small for numbers')")
    assert set(page.evaluate(CELLS)) == {""}
    names = page.locator(".stepper-canvas .stepper-cell").evaluate_all(
        "all => all.map(one => one.ariaLabel.split(': ')[1])"
    )
    expected = torch_output(shown_run(page))
    assert expected.shape == (41, 41)
    np.testing.assert_allclose([number(name) for name in names], expected.ravel(), rtol=6e-4)
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    nameless = """[...document.querySelectorAll(".stepper :is(button, input, select, [tabindex])")]
        .filter((node) => !node.ariaLabel && !node.textContent.trim()).length"""
    assert page.evaluate(nameless) == 0
    grids = page.locator(".stepper [role=grid]").evaluate_all(
        "all => all.map(one => one.ariaLabel)"
    )
    assert grids == ["Input", "Kernel", "Output"]


def test_every_sentence_of_the_stepper_is_used_by_its_script():
    code = "".join((STATIC / name).read_text(encoding="utf-8") for name in module._SCRIPTS)
    built = {"closed", "preset", "note", "reading", "board", "fill", "legend", "about"}
    built |= {"paint", "gather"}
    for key in texts_under("en", "lab.stepper."):
        family = key.split(".")[0]
        assert family in built or re.search(rf"\b{re.escape(key)}\b", code), key
    assert {key.removeprefix("note.") for key in texts_under("en", "lab.stepper.note.")} == {
        *PRESETS,
        "own",
    }
