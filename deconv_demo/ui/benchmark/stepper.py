"""Benchmark of the stepper: ``python -m deconv_demo.ui.benchmark stepper``.

It goes through whole runs in a headless Chromium, with clicks on the button that takes a step, and
measures each from the click until script, styles and layout are done.
"""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deconv_demo.ui.benchmark.page import opened_page

TARGET_MS = 5.0  # per step
READINGS = ("paint", "gather")
LARGEST_GRID_SETTINGS = ("inputSize-8", "kernelSize-5", "stride-4", "dilation-3")

_MAX_STEPS = 320  # a longer run is sampled at this many steps, evenly spread

# Between two steps there is time to draw, as for a visitor: the fastest play leaves more.
_STEPS = """async (most) => {
    const root = document.querySelector(".stepper");
    const next = root.querySelector(".stepper-next");
    const position = root.querySelector(".stepper-position");
    const steps = Number(position.max);
    const count = Math.min(steps, most);
    const times = [];
    for (let index = 0; index < count; index += 1) {
        position.value = Math.floor((index * steps) / count);
        position.dispatchEvent(new Event("input"));
        await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 60)));
        const start = performance.now();
        next.click();
        root.getBoundingClientRect(); // styles and layout, at once
        times.push(performance.now() - start);
    }
    return times;
}"""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps of one run.

    Attributes:
        name: Name of the run in the table.
        milliseconds: Duration of each step.
    """

    name: str
    milliseconds: Sequence[float]

    @property
    def median(self) -> float:
        """Return the median of the steps in milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def slow(self) -> float:
        """Return the 95th percentile of the steps in milliseconds."""
        return statistics.quantiles(self.milliseconds, n=20, method="inclusive")[-1]


def measure_steps() -> list[Steps]:
    """Step through the first preset and through the largest grid, scattering and gathering.

    The window is that of a large screen, where the cells of the largest grid hold numbers.

    Raises:
        FileNotFoundError: There is no Chromium on the path.
    """
    found = []
    with opened_page(width=1920, height=1080) as tab:
        tab.click("[role=tab][data-tab-id=lab]")
        tab.wait_for_selector(".stepper-board .stepper-cell", timeout=120_000)
        for name in ("first preset", "largest grid"):
            if name == "largest grid":
                for setting in LARGEST_GRID_SETTINGS:
                    tab.click(f"[data-setting={setting}]")
            found += [_measure_run(tab, name, reading) for reading in READINGS]
    return found


def _measure_run(tab: Any, name: str, reading: str) -> Steps:
    tab.click(f"[data-reading={reading}]")
    times = tab.evaluate(_STEPS, _MAX_STEPS)
    while len(times) < _MAX_STEPS / 4:  # few steps: go through them again
        times += tab.evaluate(_STEPS, _MAX_STEPS)
    side = tab.locator(".stepper-canvas .stepper-row").count()
    return Steps(name=f"{name}, {side} x {side} cells, {reading}", milliseconds=times)


def report() -> bool:
    """Print a table of milliseconds; return whether every 95th percentile is within the target."""
    runs = measure_steps()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{os.cpu_count()} cores, load average {load}")
    print(f"{'one step: script, styles, layout':42} {'steps':>6} {'median':>9} {'95 %':>9}")
    for run in runs:
        numbers = f"{run.median:6.1f} ms {run.slow:6.1f} ms"
        print(f"{run.name:42} {len(run.milliseconds):6} {numbers}   target {TARGET_MS:.1f} ms")
    return all(run.slow <= TARGET_MS for run in runs)
