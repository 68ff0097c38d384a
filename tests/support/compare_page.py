"""Working the comparison in a browser: show a pair, measure it, hold it against the files."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from deconv_demo.ui.enhance import compare
from deconv_demo.ui.enhance.compare import TEXT_KEYS

CSS = (Path(compare.__file__).parent / "static" / "compare.css").read_text(encoding="utf-8")
TEXTS = {key: f"the {key}" for key in TEXT_KEYS}
HOSTILE = (
    "${window.hit = 1}`{{hit}}<img src=x onerror='window.hit = 1'><script>window.hit = 1</script>"
)
SIZES = {"noise": (640, 400), "again": (640, 400), "large": (1600, 1400), "tiny": (64, 48)}


def click(page, selector):
    # Without the pointer, so that the page neither scrolls nor hovers.
    page.locator(selector).evaluate("element => element.click()")


def settle(page):
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def show(page, name):
    click(page, f"#show-{name}")
    page.wait_for_function(
        """name => {
            const images = [...document.querySelectorAll(".compare img")];
            return document.querySelector(".compare").dataset.state === "ready"
                && images.length === 2
                && images.every((image) => image.src.includes(`/${name}-`));
        }""",
        arg=name if name != "hostile" else "tiny",
    )
    settle(page)


def zoom(page, step):
    click(page, f".compare [data-zoom='{step}']")
    settle(page)


def measure(page):
    """What is where, in CSS pixels from the corner of the stage."""
    settle(page)
    return page.evaluate("""() => {
        const stage = document.querySelector(".compare-stage");
        const origin = stage.getBoundingClientRect();
        const box = (node) => {
            const { left, top, width, height } = node.getBoundingClientRect();
            return [left - origin.left, top - origin.top, width, height];
        };
        const clips = [...stage.querySelectorAll(".compare-clip")];
        return {
            origin: [origin.left, origin.top, origin.width, origin.height],
            images: [...stage.querySelectorAll("img")].map(box),
            captions: [...stage.querySelectorAll(".compare-caption")].map(box),
            handle: box(stage.querySelector(".compare-handle")),
            clips: clips.map((clip) => clip.style.clipPath),
            rendering: [...stage.querySelectorAll("img")].map((i) => i.style.imageRendering),
            range: Number(document.querySelector(".compare input").value),
            scroll: window.scrollY,
        };
    }""")


def divider(measured):
    """Where the after picture begins, from its clip path, which must agree with the other's."""
    before, after = measured["clips"]
    x = after.removeprefix("inset(0px 0px 0px ").removesuffix("px)")
    assert before == f"inset(0px calc(100% - {x}px) 0px 0px)"
    return float(x)


def assert_exact(page, pair):
    """Compare every pixel of the stage with the files, but for captions, handle and line."""
    measured = measure(page)
    left, top, width, height = (round(side) for side in measured["origin"])
    page.mouse.move(1, 1)
    shot = page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
    assert measured["images"][0] == measured["images"][1]
    x0, y0, w, h = (round(side) for side in measured["images"][0])
    assert (h, w) == pair.shape[1:3]
    x = round(divider(measured))
    expected = np.zeros_like(pixels)
    compared = np.zeros(pixels.shape[:2], dtype=bool)
    seen = np.s_[max(0, y0) : min(height, y0 + h), max(0, x0) : min(width, x0 + w)]
    source = np.s_[max(0, -y0) : min(h, height - y0), max(0, -x0) : min(w, width - x0)]
    sides = [np.zeros_like(pixels), np.zeros_like(pixels)]
    for side, picture in zip(sides, pair, strict=True):
        side[seen] = picture[source]
    expected[:, :x], expected[:, x:] = sides[0][:, :x], sides[1][:, x:]
    compared[seen] = True
    compared[:, x - 2 : x + 2] = False  # the line with its shadow
    for box in (*measured["captions"], measured["handle"]):
        bx, by, bw, bh = (round(side) for side in box)
        compared[max(0, by - 12) : by + bh + 14, max(0, bx - 12) : bx + bw + 12] = False
    assert compared[:, :x].sum() > 20_000
    assert compared[:, x:].sum() > 20_000
    assert np.array_equal(pixels[compared], expected[compared])
