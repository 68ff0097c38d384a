"""The page in a headless Chromium of this computer, for benchmarks."""

import multiprocessing
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 120_000


@contextmanager
def opened_page(*, width: int = 1280, height: int = 800) -> Iterator[Any]:
    """Serve the page on this computer and open it; server and browser are gone on exit.

    Args:
        width, height: Size of the window, in CSS pixels.

    Yields:
        A Playwright page that shows it, with its first example finished.

    Raises:
        FileNotFoundError: There is no Chromium on the path.
    """
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise FileNotFoundError(f"no Chromium on the path (looked for {', '.join(BROWSERS)})")
    from playwright.sync_api import sync_playwright

    with _served_page() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto(address)
        tab.wait_for_selector("#scores tbody tr", timeout=PATIENCE_MS)
        yield tab
        browser.close()


@contextmanager
def _served_page() -> Iterator[str]:
    """Serve the page from a process of its own, as ``python app.py`` does; yield its address."""
    # Spawned, not forked: it shares nothing with this process.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join()


def _serve(connection: Any) -> None:
    from deconv_demo.ui.page import build_page, launch_options

    page = build_page()
    options = {"prevent_thread_lock": True, "quiet": True, "server_name": "127.0.0.1"}
    _, address, _ = page.launch(**{**launch_options(), **options})
    connection.send(address)
    try:
        connection.recv()
    except EOFError:  # the measuring process is done
        page.close(verbose=False)
