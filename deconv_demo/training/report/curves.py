"""The training curves as SVG: validation PSNR of every network by minute, run after run."""

from collections.abc import Sequence
from html import escape
from typing import Any

PANEL_WIDTH, PANEL_HEIGHT = 380, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 30, 34
_COLUMNS = 2
# Readable on white and on black, because a card is read on both.
_INK, _GRID, _CURVE, _DOT = "#7a7a7a", "#9994", "#2f81c7", "#d9822b"
_TICKS = 4

Points = list[tuple[float, float]]


def draw_curves(tasks: dict[str, dict[str, Any]]) -> str:
    """Draw one panel for each network on an SVG sheet.

    Runs follow each other along the axis of minutes. Each has a line of its own: the validation
    may have changed between two, and a line across would show a gain that is none.

    Args:
        tasks: Task id to an entry of ``metrics.json`` with its ``runs``.
    """
    panels = [_panel(task_id, run_lines(entry["runs"])) for task_id, entry in tasks.items()]
    rows = -(-len(panels) // _COLUMNS)
    placed = [
        f'<g transform="translate({index % _COLUMNS * PANEL_WIDTH} '
        f'{index // _COLUMNS * PANEL_HEIGHT})">{panel}</g>'
        for index, panel in enumerate(panels)
    ]
    width, height = _COLUMNS * PANEL_WIDTH, rows * PANEL_HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12" '
        f'fill="{_INK}">{"".join(placed)}</svg>\n'
    )


def run_lines(runs: Sequence[dict[str, Any]]) -> list[Points]:
    """Return the points ``(minutes of training so far, dB)`` of each run.

    A run without a recorded curve is one point, at its end.

    >>> run_lines([{"seconds": 600, "validation_psnr": 25.0},
    ...            {"seconds": 300, "curve": [[0, 25.0], [5, 25.5]]}])
    [[(10.0, 25.0)], [(10.0, 25.0), (15.0, 25.5)]]
    """
    lines, before = [], 0.0
    for run in runs:
        minutes = run["seconds"] / 60
        curve = run.get("curve", [(minutes, run.get("validation_psnr"))])
        lines.append([(before + minute, value) for minute, value in curve])
        before += minutes
    return lines


def _panel(task_id: str, lines: list[Points]) -> str:
    minutes = [minute for line in lines for minute, _ in line]
    values = [value for line in lines for _, value in line]
    longest = max(minutes) or 1.0
    low, high = min(values), max(values)
    room = max(high - low, 0.1) * 0.1
    low, high = low - room, high + room

    def place(minute: float, value: float) -> tuple[float, float]:
        x = _LEFT + minute / longest * (PANEL_WIDTH - _LEFT - _RIGHT)
        share = (value - low) / (high - low)
        return x, PANEL_HEIGHT - _BOTTOM - share * (PANEL_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(task_id)}</text>',
        f'<text x="{PANEL_WIDTH - _RIGHT}" y="18" text-anchor="end">dB on validation crops</text>',
        f'<text x="{PANEL_WIDTH - _RIGHT}" y="{PANEL_HEIGHT - 4}" text-anchor="end">'
        "minutes of training</text>",
    ]
    for step in range(_TICKS + 1):
        value = low + (high - low) * step / _TICKS
        _, y = place(0, value)
        x, bottom = place(longest * step / _TICKS, low)
        parts += [
            f'<line x1="{_LEFT}" x2="{PANEL_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{_GRID}"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>',
            f'<text x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">'
            f"{longest * step / _TICKS:.0f}</text>",
        ]
    for line in lines:
        places = [place(*point) for point in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        x, y = places[-1]
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{_CURVE}" stroke-width="2"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_DOT}"/>',
        ]
    return "".join(parts)
