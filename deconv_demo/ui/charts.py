"""Charts as inline SVG: lines, bars and maps of numbers. Text comes from our own strings alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deconv_demo.inspection import colorize
from deconv_demo.ui.markup import safe
from deconv_demo.ui.numbers import fixed, short

WIDTH = 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 14, 24, 38


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve of a chart.

    Attributes:
        name: Name in the legend.
        points: ``(x, y)``.
        dot: Index of the point with a full dot, None for none.
        ring: Index of the point with an open ring.
    """

    name: str
    points: Sequence[tuple[float, float]]
    dot: int | None = None
    ring: int | None = None


class _Axes:
    """Axes that map values to the sheet, and draw the frame with its numbers."""

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        height: int,
        x_log: bool = False,
    ) -> None:
        self.x_range, self.y_range, self.height, self.x_log = x_range, y_range, height, x_log

    def x(self, value: float) -> float:
        low, high = self.x_range
        if self.x_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return _LEFT + (value - low) / (high - low or 1) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return (
            self.height
            - _BOTTOM
            - (value - low) / (high - low or 1) * (self.height - _TOP - _BOTTOM)
        )

    def frame(self, x_label: str, y_label: str, *, whole: bool = False) -> str:
        bottom = self.height - _BOTTOM
        parts = [
            f'<text class="title" x="{_LEFT - 6}" y="13">{safe(y_label)}</text>',
            f'<text class="title" x="{WIDTH - _RIGHT}" y="{self.height - 4}" '
            f'text-anchor="end">{safe(x_label)}</text>',
        ]
        for tick in ticks(*self.y_range):
            if whole and tick != round(tick):
                continue
            y = self.y(tick)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>'
            )
        for tick in decades(*self.x_range) if self.x_log else ticks(*self.x_range):
            parts.append(
                f'<text x="{self.x(tick):.1f}" y="{bottom + 16}" text-anchor="middle">'
                f"{_number(tick)}</text>"
            )
        return "".join(parts)


def line_chart(
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    name: str,
    y_range: tuple[float, float] | None = None,
    levels: Sequence[tuple[float, str]] = (),
    marks: Sequence[tuple[float, str]] = (),
    now: float | None = None,
    x_log: bool = False,
    height: int = 250,
) -> str:
    """Draw curves on one pair of axes.

    Args:
        lines: At most four curves.
        x_label, y_label: Labels of the axes.
        name: Description of the chart for screen readers.
        y_range: Range of the y axis; None takes that of the points.
        levels: Dashed horizontals with their names.
        marks: Dashed verticals with their names.
        now: A dotted vertical.
        x_log: Whether the x axis is logarithmic.
        height: Height of the sheet, which is 460 wide.

    Returns:
        A ``div`` with the drawing and, for several curves, a legend.
    """
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    axes = _Axes((min(xs), max(xs)), y_range or (min(ys), max(ys)), height=height, x_log=x_log)
    parts = [axes.frame(x_label, y_label)]
    for value, _ in levels:
        y = axes.y(value)
        parts.append(
            f'<line class="level" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    for value, label in marks:
        parts.append(_vertical(axes, value, "level"))
        parts.append(f'<text x="{axes.x(value) + 4:.1f}" y="{_TOP + 10}">{safe(label)}</text>')
    if now is not None:
        parts.append(_vertical(axes, now, "now"))
    for index, line in enumerate(lines):
        parts.append(f'<g class="s{index}"><path class="line" d="{_path(line.points, axes)}"/>')
        for kind, place in (("dot", line.dot), ("ring", line.ring)):
            if place is not None:
                x, y = line.points[place]
                if not axes.y_range[0] <= y <= axes.y_range[1]:
                    continue
                parts.append(
                    f'<circle class="{kind}" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="5"/>'
                )
        parts.append("</g>")
    parts += [
        f'<text class="over" x="{WIDTH - _RIGHT}" y="{axes.y(value) + 14:.1f}" '
        f'text-anchor="end">{safe(label)}</text>'
        for value, label in levels
    ]
    legend = ""
    if len(lines) > 1:
        entries = "".join(
            f'<li class="s{index}"><i></i>{safe(line.name)}</li>'
            for index, line in enumerate(lines)
        )
        legend = f'<ul class="lab-legend">{entries}</ul>'
    return _sheet("".join(parts), height, name, legend)


def _path(points: Sequence[tuple[float, float]], axes: _Axes) -> str:
    """Return a curve through the points, clipped where it leaves the sheet."""
    low, high = axes.y_range
    parts, pen = [], None  # where the pen stands
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        # The fractions of this segment at which it enters and leaves the sheet.
        if y0 == y1:
            start, end = (0, 1) if low <= y0 <= high else (1, 0)
        else:
            enters, leaves = sorted((edge - y0) / (y1 - y0) for edge in (low, high))
            start, end = max(0, enters), min(1, leaves)
        if start > end:
            continue
        ends = [
            f"{axes.x(x0 + share * (x1 - x0)):.1f},{axes.y(y0 + share * (y1 - y0)):.1f}"
            for share in (start, end)
        ]
        parts.append(f"L{ends[1]}" if pen == ends[0] else f"M{ends[0]}L{ends[1]}")
        pen = ends[1]
    return "".join(parts)


def bar_chart(
    values: Sequence[float], *, x_label: str, y_label: str, name: str, height: int = 170
) -> str:
    """Draw one bar for each count, from zero up; each has its count as a tooltip."""
    axes = _Axes((0, len(values)), (0, max(values)), height=height)
    bottom = height - _BOTTOM
    bars = "".join(
        f'<rect class="bar" x="{axes.x(n) + 0.5:.1f}" y="{axes.y(value):.1f}" '
        f'width="{max(axes.x(1) - axes.x(0) - 1, 0.6):.1f}" height="{bottom - axes.y(value):.1f}">'
        f"<title>{n}: {_number(value)}</title></rect>"
        for n, value in enumerate(values)
    )
    return _sheet(
        f'{axes.frame(x_label, y_label, whole=True)}<g class="s0">{bars}</g>', height, name
    )


def score_map(
    scores: np.ndarray,
    *,
    columns: Sequence[float],
    rows: Sequence[float],
    x_label: str,
    y_label: str,
    name: str,
    unit: str,
    draws: Sequence[tuple[float, float]] = (),
    height: int = 300,
) -> str:
    """Draw a score over a logarithmic grid: light is better, the best cell is framed.

    Args:
        scores: ``(rows, columns)``; higher is better.
        columns, rows: Values of the grid, each the same multiple of the one before.
        x_label, y_label: Labels of the axes.
        name: Description of the chart for screen readers.
        unit: Unit of the scores.
        draws: Further points ``(column value, row value)``, drawn as small circles.
        height: Height of the sheet, which is 460 wide.
    """
    half_column = math.sqrt(columns[1] / columns[0])
    x_range = (columns[0] / half_column, columns[-1] * half_column)
    axes = _Axes(x_range, (0, len(rows)), height=height, x_log=True)
    low, high = np.quantile(scores, 0.15), scores.max()  # a few disasters must not flatten the rest
    colors = colorize((scores - low).clip(0), signed=False, limit=float(high - low) or 1.0)
    best = np.unravel_index(scores.argmax(), scores.shape)
    cell_width = axes.x(columns[0] * half_column) - axes.x(x_range[0])
    cell_height = axes.y(0) - axes.y(1)
    parts, frame = [], ""
    for (row, column), score in np.ndenumerate(scores):
        x, y = axes.x(columns[column] / half_column), axes.y(row + 1)
        red, green, blue = colors[row, column]
        place = f'x="{x:.1f}" y="{y:.1f}" width="{cell_width + 0.3:.1f}" height="{cell_height:.1f}"'
        parts.append(
            f'<rect {place} fill="rgb({red},{green},{blue})"><title>{_number(columns[column])} × '
            f"{_number(rows[row])}: {fixed(score, 2)} {unit}</title></rect>"
        )
        if (row, column) == best:
            frame = f'<rect class="draw" {place}/><rect class="draw inner" {place}/>'
    for tick in decades(rows[0], rows[-1]):
        y = axes.y(math.log(tick / rows[0]) / math.log(rows[1] / rows[0]) + 0.5)
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>'
        )
    for tick in decades(columns[0], columns[-1]):
        parts.append(
            f'<text x="{axes.x(tick):.1f}" y="{height - _BOTTOM + 16}" text-anchor="middle">'
            f"{_number(tick)}</text>"
        )
    for column, row in draws:
        y = axes.y(math.log(row / rows[0]) / math.log(rows[1] / rows[0]) + 0.5)
        for kind in ("draw", "draw inner"):
            parts.append(f'<circle class="{kind}" cx="{axes.x(column):.1f}" cy="{y:.1f}" r="3.5"/>')
    parts.append(
        f'<text class="title" x="{_LEFT - 6}" y="13">{safe(y_label)}</text>'
        f'<text class="title" x="{WIDTH - _RIGHT}" y="{height - 4}" text-anchor="end">'
        f"{safe(x_label)}</text>"
    )
    return _sheet("".join(parts) + frame, height, name)


def ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers from ``low`` to ``high``.

    >>> ticks(0, 80)
    [0, 20, 40, 60, 80]
    """
    if high <= low:
        return [low]
    rough = (high - low) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return the powers of ten from ``low`` to ``high``.

    >>> decades(0.001, 1)
    [0.001, 0.01, 0.1, 1.0]
    """
    exponents = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    return [10.0**exponent for exponent in exponents]


def _vertical(axes: _Axes, value: float, kind: str) -> str:
    x, bottom = axes.x(value), axes.height - _BOTTOM
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'


def _sheet(body: str, height: int, name: str, below: str = "") -> str:
    return (
        f'<div class="lab-chart"><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{safe(name)}">{body}</svg>{below}</div>'
    )


def _number(value: float) -> str:
    return fixed(value, 0) if abs(value) >= 100 else short(value)
