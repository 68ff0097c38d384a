"""The section "uneven overlap" as HTML: counts, ratios, and their effect on a picture."""

import math

import numpy as np

from deconv_demo.inspection import colorize
from deconv_demo.ui.charts import bar_chart
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.lab.overlap_data import Overlap, Upsampled, overlap, paint_at_random, race
from deconv_demo.ui.lab.picture import figure, figures, image_url
from deconv_demo.ui.markup import safe, scrolling_table
from deconv_demo.ui.numbers import fixed
from deconv_demo.ui.texts import text

_MAP_SIDE, _SQUARE_CELLS = 384, 32
# Side of the detail, which is enlarged until a grid of two pixels is visible.
_DETAIL_SIDE = 64


def overlap_html(kernel_size: int, stride: int, layers: int, language: str) -> str:
    """Return the counts along a line and over a square, and both ratios."""
    counts = overlap(kernel_size, stride, layers)
    chart = bar_chart(
        counts.line.tolist(),
        x_label=text(language, "lab.overlap.axis.cell"),
        y_label=text(language, "lab.overlap.axis.count"),
        name=text(language, "lab.overlap.line"),
    )
    note = text(language, "lab.overlap.cut")
    left = (
        f'{_ratios(counts, language)}<p class="lab-fine">'
        f"{safe(text(language, _verdict(counts, kernel_size, stride)))}</p>{chart}"
        f'<p class="lab-fine">{safe(note)}</p>'
    )
    # Fewer cells than along the line, if they cover whole periods: each is visible then.
    line = counts.line if stride**layers > _SQUARE_CELLS // 2 else counts.line[:_SQUARE_CELLS]
    square = np.multiply.outer(line, line)
    pixels = colorize(square, signed=False, limit=float(square.max()))
    times = max(1, _MAP_SIDE // len(line))
    detail = text(language, "lab.overlap.square.detail", low=square.min(), high=square.max())
    drawn = figure(
        data_url(pixels.repeat(times, axis=0).repeat(times, axis=1)),
        text(language, "lab.overlap.square"),
        detail,
    )
    return f'<div class="lab-columns"><div>{left}</div><div>{figures([drawn])}</div></div>'


def _ratios(counts: Overlap, language: str) -> str:
    line = text(language, "lab.overlap.ratio.line", ratio=fixed(counts.ratio_1d, 2))
    square = text(language, "lab.overlap.ratio.square", ratio=fixed(counts.ratio_2d, 2))
    return (
        f'<p class="lab-number" id="overlap-ratio"><b>{fixed(counts.ratio_2d, 2)}</b> '
        f"{safe(square)} · {safe(line)}</p>"
    )


def _verdict(counts: Overlap, kernel_size: int, stride: int) -> str:
    if math.isinf(counts.ratio_2d):
        return "lab.overlap.verdict.holes"
    even = counts.ratio_2d == 1
    return "lab.overlap.verdict.even" if even else "lab.overlap.verdict.uneven"


def painted_html(key: str, kernel_size: int, stride: int, layers: int, language: str) -> str:
    """Return the output of untrained layers of these settings for the picture."""
    small, painted, grid_db = paint_at_random(key, kernel_size, stride, layers)
    height, width = small.shape[-2:]
    return figures(
        [
            figure(
                image_url(small),
                text(language, "lab.overlap.painted.in"),
                text(language, "lab.overlap.painted.size", width=width, height=height),
            ),
            figure(
                image_url(painted),
                text(language, "lab.overlap.painted.out"),
                _grid(grid_db, language),
            ),
        ]
    )


def race_html(key: str, language: str) -> str:
    """Return the six upsamplers on the picture: numbers, details after and before training."""
    trained, untrained = race(key, True), race(key, False)
    headings = [
        text(language, f"lab.overlap.column.{column}")
        for column in ("kind", "psnr", "grid", "grid_before")
    ]
    networks = [result for result in trained if result.name not in ("truth", "bicubic")]
    best = max(networks, key=lambda result: result.psnr_db)
    rows = "".join(
        _row(after, before, language, best=after is best)
        for after, before in zip(trained, untrained, strict=True)
    )
    note = safe(text(language, "lab.overlap.race.note"))
    table = f'{scrolling_table(headings, rows)}<p class="lab-fine">{note}</p>'
    after = figures(_detail(result, language) for result in trained)
    before = figures(_detail(result, language) for result in untrained[2:])
    title = safe(text(language, "lab.overlap.before"))
    return (
        f'<div class="lab-race">{table}{after}'
        f"<details><summary>{title}</summary>{before}</details></div>"
    )


def _row(after: Upsampled, before: Upsampled, language: str, *, best: bool) -> str:
    untrainable = after.name in ("truth", "bicubic")
    psnr_db = "–" if math.isinf(after.psnr_db) else f"{fixed(after.psnr_db, 2)} dB"
    untrained = "–" if untrainable else f"{fixed(before.grid_db, 1)} dB"
    return (
        f'<tr{" class=best" if best else ""}><th scope="row">'
        f"{safe(text(language, f'lab.overlap.kind.{after.name}'))}</th><td>{psnr_db}</td>"
        f"<td>{fixed(after.grid_db, 1)} dB</td><td>{untrained}</td></tr>"
    )


def _detail(result: Upsampled, language: str) -> str:
    top, left = ((length - _DETAIL_SIDE) // 2 for length in result.image.shape[-2:])
    crop = result.image[:, max(top, 0) :, max(left, 0) :][:, :_DETAIL_SIDE, :_DETAIL_SIDE]
    return figure(
        image_url(crop),
        text(language, f"lab.overlap.kind.{result.name}"),
        _grid(result.grid_db, language),
    )


def _grid(grid_db: float, language: str) -> str:
    if math.isnan(grid_db):
        return text(language, "lab.overlap.grid.none")
    return text(language, "lab.overlap.grid", grid=fixed(grid_db, 1))
