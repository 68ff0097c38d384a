"""Benchmark of the Look inside tab: ``python -m deconv_demo.ui.benchmark``.

With ``stepper`` after it, it measures the steps of the stepper.

It serves the page in a process of its own, as ``python app.py`` does, opens it in a headless
Chromium on the same computer, and measures in the browser from a click until the resulting
picture is drawn. It needs the extra ``test`` (Playwright) and a Chromium; nothing of the page
imports this module.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from deconv_demo.ui.benchmark import stepper
from deconv_demo.ui.benchmark.page import PATIENCE_MS, opened_page

# Names on the buttons of the examples: noise and blur, both restored at their own size.
FIRST_EXAMPLE = "astronaut"
EXAMPLES = (FIRST_EXAMPLE, "coffee")
# Both wait for the frame in which the decoded picture is on the screen.
_CLICK = """([selector, ready]) => new Promise((done) => {
    const start = performance.now();
    const check = new Function("return " + ready);
    const finish = () => requestAnimationFrame(() => setTimeout(
        () => done((performance.now() - start) / 1000)));
    const observer = new MutationObserver(() => {
        const address = check();
        if (!address) return;
        observer.disconnect();
        const picture = new Image();
        picture.src = address;
        picture.decode().then(finish);
    });
    observer.observe(document.body, { childList: true, subtree: true, attributes: true });
    document.querySelector(selector).click();
})"""
_GRID = (
    "document.querySelector('.inside-grid')?.ariaLabel.endsWith(' {layer}') && "
    "getComputedStyle(document.querySelector('.inside-columns'))"
    ".getPropertyValue('--atlas').slice(4, -1)"
)
_RESULT = "document.querySelector('.compare [data-side=after] img')?.src"
_SETTLING_MS = 500
_OUTPUT = "document.querySelector('.surgery-pictures img')?.src"
_LARGE = "document.querySelector('.inside-large img.inside-enlarged')?.src"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A delay that a visitor notices.

    Attributes:
        name: Name in the table.
        target: Allowed seconds on two cores.
        run: Function that measures it once on a Playwright page that shows the tab, and returns
            seconds; takes the number of the repetition as well.
    """

    name: str
    target: float
    run: Callable[[Any, int], float]


def seconds_until(page: Any, selector: str, ready: str) -> float:
    """Click and return the seconds until a picture is drawn.

    Args:
        page: Playwright page.
        selector: CSS selector of the element to click.
        ready: JavaScript that returns the address of the picture once it is there, else nothing.
    """
    return page.evaluate(_CLICK, [selector, ready])


def _choose_layer(page: Any, repetition: int) -> float:
    # Two blocks of 64 maps of 128 x 128 in turn.
    layer = ("encoder.1.0", "encoder.1.1")[repetition % 2]
    selector = f".network-node[data-layer='{layer}']"
    return seconds_until(page, selector, _GRID.format(layer=layer))


def _choose_large_layer(page: Any, repetition: int) -> float:
    layer = ("encoder.0.0", "encoder.0.1")[repetition % 2]
    selector = f".network-node[data-layer='{layer}']"
    return seconds_until(page, selector, _GRID.format(layer=layer))


def _enlarge(page: Any, repetition: int) -> float:
    return seconds_until(page, f".inside-map:nth-child({repetition + 1})", _LARGE)


def _switch_off(page: Any, repetition: int, *, layer: str) -> float:
    page.click("#inside-tabs [data-tab-id=surgery]")
    page.click(f".network-node[data-layer='{layer}']")
    page.wait_for_selector(f".surgery-table h4:has-text(' {layer} ')", timeout=PATIENCE_MS)
    # Edits add up, and with one in an early layer all later layers would run each time.
    page.evaluate("document.querySelector('.surgery-reset:enabled')?.click()")
    # The layer was chosen for its channels: the rest of the page that follows it is not timed.
    page.wait_for_timeout(_SETTLING_MS)
    page.evaluate(f"window.formerOutput = {_OUTPUT}")
    selector = f".surgery-tile[data-channel='{repetition}']"
    return seconds_until(page, selector, f"{_OUTPUT} !== window.formerOutput && {_OUTPUT}")


_first_layer = partial(_switch_off, layer="head")
_bottom = partial(_switch_off, layer="bottom.3")
_last_up = partial(_switch_off, layer="up.0")

MEASURES = (
    Measure(name="layer chosen: 64 maps of 128 x 128", target=0.5, run=_choose_layer),
    Measure(name="layer chosen: 32 maps of 256 x 256", target=0.5, run=_choose_large_layer),
    Measure(name="channel clicked: enlarged, 256 x 256", target=0.25, run=_enlarge),
    Measure(name="switched off: channel of the first layer", target=0.4, run=_first_layer),
    Measure(name="switched off: channel of the bottom", target=0.4, run=_bottom),
    Measure(name="switched off: channel of the last up-layer", target=0.4, run=_last_up),
)


def measure(
    measures: Sequence[Measure], repetitions: int, *, example: str = FIRST_EXAMPLE
) -> dict[str, list[float]]:
    """Serve the page, open the tab on an example, and run each measure.

    Args:
        measures: Measures to run, in this order.
        repetitions: Number of timed repetitions, after one that is not counted.
        example: Key of an example that is restored at its own size.

    Returns:
        Name of a measure to the seconds of each repetition.

    Raises:
        FileNotFoundError: There is no Chromium on the path.
    """
    with opened_page() as tab:
        former = tab.evaluate(_RESULT)
        if example != FIRST_EXAMPLE:
            tab.click(f".examples [data-key='{example}']")
            ready = f"former => ![former, undefined].includes({_RESULT})"
            tab.wait_for_function(ready, arg=former, timeout=PATIENCE_MS)
        tab.click("#look-inside")
        tab.wait_for_selector(".inside-map", timeout=PATIENCE_MS)
        return {
            one.name: [one.run(tab, repetition) for repetition in range(repetitions + 1)][1:]
            for one in measures
        }


def main(arguments: list[str] | None = None) -> int:
    """Print a table of seconds; return 0 if every median is within its target, else 1."""
    parser = argparse.ArgumentParser(prog="python -m deconv_demo.ui.benchmark")
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("part", nargs="?", choices=("inside", "stepper"), default="inside")
    parser.add_argument("--example", choices=EXAMPLES, default=FIRST_EXAMPLE)
    options = parser.parse_args(arguments)
    repetitions = options.repetitions
    try:
        if options.part == "stepper":
            return 0 if stepper.report() else 1
        times = measure(MEASURES, repetitions, example=options.example)
    except (FileNotFoundError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(
        f"{os.cpu_count()} cores, load average {load}, "
        f"example {options.example}, {repetitions} repetitions"
    )
    print(f"{'from the click to the picture':42} {'median':>8} {'worst':>8} {'target':>8}")
    late = 0
    for one in MEASURES:
        median, worst = statistics.median(times[one.name]), max(times[one.name])
        late += median > one.target
        print(f"{one.name:42} {median:6.2f} s {worst:6.2f} s {one.target:6.2f} s")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
