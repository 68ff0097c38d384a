"""A visitor of the page: one browser tab of its own, and what its hands and eyes do there."""

import base64
import io
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

# Nothing here waits for a fixed time; this is only how long a busy computer may take.
PATIENCE_MS = 60_000

READY = """([before, words]) => {
    const root = document.querySelector(".compare");
    const images = [...root.querySelectorAll("img")];
    return root.dataset.state === "ready" && root.ariaBusy === "false"
        && images.length === 2 && images[1].src !== before
        && document.querySelector("#status").textContent.includes(words);
}"""
AS_PNG = """image => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
}"""


def noise(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A picture of uniform noise, so that no two places look alike."""
    generator = np.random.default_rng(seed)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


class Visitor:
    """A tab that shows the page, with everything that it asked for or complained about.

    Args:
        context: A browser context of its own: nothing is shared with other visitors.
        address: Of the page.
    """

    def __init__(self, context, address: str) -> None:
        self.address = address
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        self.page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type == "error" else None,
        )

    def open(self, *, wait: bool) -> None:
        """Open the page and, with ``wait``, wait for its finished example."""
        self.page.goto(self.address)
        self.page.wait_for_selector("#run")
        if wait:
            self.page.wait_for_selector("#scores tbody tr")
            self.wait_for_result("", "")

    def wait_for_result(self, former: str, words: str = "Done in") -> None:
        """Wait for another after picture than ``former`` and a status with ``words``."""
        self.page.wait_for_function(READY, arg=[former, words])

    def wait_for_status(self, words: str, *, patience_ms: float = PATIENCE_MS) -> None:
        self.page.wait_for_function(
            "words => document.querySelector('#status').textContent.includes(words)",
            arg=words,
            timeout=patience_ms,
        )

    def give(self, path: Path) -> None:
        """Choose a file in the picture box."""
        self.page.set_input_files("#picture input[type=file]", path)

    def choose(self, path: Path) -> None:
        """Choose a file that is a picture, and wait until the page is ready to run it."""
        self.give(path)
        self.wait_for_status(f"{path.stem} ·")

    def choose_task(self, task_id: str) -> None:
        self.page.check(f"#task input[value={task_id}]")
        controls = {"denoise": "#estimate", "deblur": "#blur-source", "jpeg": "#read-quality"}
        for owner, control in controls.items():
            state = "visible" if owner == task_id else "hidden"
            self.page.wait_for_selector(control, state=state)

    def run(self, selector: str = "#run") -> None:
        """Press Run and wait for the result."""
        former = self.source("after")
        self.page.click(selector)
        self.wait_for_result(former)

    def source(self, side: str) -> str:
        """Return the address of the picture on a side, empty where there is none."""
        image = self.page.locator(f".compare [data-side={side}] img")
        return image.evaluate("image => image.src") if image.count() else ""

    def pixels(self, side: str) -> np.ndarray:
        """Return every pixel of the picture on a side, as the browser decoded it."""
        encoded = self.page.locator(f".compare [data-side={side}] img").evaluate(AS_PNG)
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
            assert picture.getchannel("A").getextrema() == (255, 255)
            return np.array(picture.convert("RGB"))

    def scores(self) -> list[list[str]]:
        """Return the rows of the table: method, PSNR, SSIM."""
        rows = self.page.locator("#scores tbody tr")
        cells = "row => [...row.cells].map(cell => cell.textContent).filter(text => text)"
        return [row.evaluate(cells) for row in rows.all()]

    def choose_format(self, suffix: str) -> None:
        """Choose a file format, and wait until the result is offered in it."""
        self.page.click("#format input")
        self.page.click(f"[role=option][aria-label={suffix.upper()}]")
        self.page.wait_for_selector(f"a:has(#download)[href$='.{suffix}'], #download:enabled")

    def download(self, folder: Path) -> Path:
        """Press Download, and return the file under the name that the browser was told."""
        with self.page.expect_download() as waiting:
            self.page.click("#download:enabled")
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def open_tab(self, name: str) -> None:
        self.page.click(f"[role=tab][data-tab-id={name}]")

    def hosts(self) -> set[str]:
        """Return the hosts that were asked for anything."""
        kept = [url for url in self.asked if not url.startswith(("data:", "blob:"))]
        return {urlsplit(url).hostname for url in kept}
