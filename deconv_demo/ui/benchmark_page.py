"""The page in a headless Chromium of this computer, for the benchmarks of the page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def opened_page(*, width: int = 1280, height: int = 800) -> Iterator[Any]:
    """Serve the page on this computer and open it; both are gone on exit.

    Args:
        width, height: Of the window, CSS pixels.

    Yields:
        A Playwright page that shows it.

    Raises:
        FileNotFoundError: There is no Chromium on the path.
    """
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise FileNotFoundError(f"no Chromium on the path (looked for {', '.join(BROWSERS)})")
    from playwright.sync_api import sync_playwright

    from deconv_demo.ui.page import build_page, launch_options

    page = build_page()
    options = {"prevent_thread_lock": True, "quiet": True, "server_name": "127.0.0.1"}
    _, address, _ = page.launch(**{**launch_options(), **options})
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            tab = browser.new_page(viewport={"width": width, "height": height})
            tab.goto(address)
            yield tab
            browser.close()
    finally:
        page.close(verbose=False)
