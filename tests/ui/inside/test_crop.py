"""The crop is placed by a click, and what is shown of it can be exported."""

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
from support.inside_page import (
    CHANNELS,
    maps_of,
    pick,
    wait_for_maps,
)

from deconv_demo.restoration import Condition, level_map


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
    # What the lines tell the network: a level for each of five brightnesses.
    level, levels = re.search(r"Condition\(level=(.*?), by_brightness=\((.*?)\)\)", code).groups()
    told = Condition(level=float(level), by_brightness=tuple(map(float, levels.split(", "))))
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    expected = maps_of("denoise", pixels, "down.1", sigma=level_map(image, told))
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
