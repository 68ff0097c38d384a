"""The section on channels as HTML: arrays that add up, and tables of costs and sizes."""

import numpy as np

from deconv_demo.convolution import output_size, overlap_ratio
from deconv_demo.ui.lab.channels_data import DOUBLING, Layer, Sums, add_up, costs
from deconv_demo.ui.markup import safe, scrolling_table
from deconv_demo.ui.numbers import fixed, short
from deconv_demo.ui.texts import text

_MAX_OPACITY = 65  # percent of colour behind a readable number


def sums_html(layer: Layer, seed: int, language: str) -> str:
    """Return every array of a layer: a row for each input channel, the sums in the last one."""
    sums = add_up(layer, seed)
    place = (sums.y.shape[1] // 2, sums.y.shape[2] // 2)
    heads = "".join(
        f'<th scope="col">{safe(text(language, "lab.channels.output", number=o))}</th>'
        for o in range(layer.out_channels)
    )
    rows = "".join(
        f"<tr><td>{_array(f'X[{c}]', x, sums.x)}</td>"
        + "".join(
            f'<td><div class="channels-pair">{_array(f"K[{c}, {o}]", kernel, sums.weight)}'
            f"{_array(painted, sums.shares[c, o], sums.y, framed=place)}</div></td>"
            for o, kernel in enumerate(sums.weight[c])
        )
        + "</tr>"
        for c, x in enumerate(sums.x)
        for painted in [text(language, "lab.channels.painted", number=c)]
    )
    totals = "".join(
        f'<td><div class="channels-pair channels-sum">{_array(f"Y[{o}]", y, sums.y, framed=place)}'
        f"</div></td>"
        for o, y in enumerate(sums.y)
    )
    total = safe(text(language, "lab.channels.total"))
    difference = text(language, "lab.channels.difference", difference=short(sums.difference, 2))
    written = "".join(f"<p>{_sum(sums, o, place, language)}</p>" for o in range(len(sums.y)))
    return (
        f'<div class="lab-scroll" tabindex="0" role="group" aria-label="{total}">'
        f'<table class="channels"><thead><tr><th></th>{heads}</tr></thead>'
        f'<tbody>{rows}<tr><th scope="row">{total}</th>{totals}</tr></tbody></table></div>'
        f'<div class="channels-written">{written}<p>{safe(difference)}</p></div>'
    )


def _array(name: str, values: np.ndarray, like: np.ndarray, framed: tuple | None = None) -> str:
    """Return one array; the colours of ``like`` are shared by all arrays of its kind."""
    largest = max(np.abs(like).max(), 1)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="{"minus" if value < 0 else "plus"}{" framed" * ((y, x) == framed)}" '
            f'style="--share:{_MAX_OPACITY * min(abs(value) / largest, 1):.0f}%">'
            f"{fixed(value, 0)}</td>"
            for x, value in enumerate(row)
        )
        + "</tr>"
        for y, row in enumerate(values)
    )
    caption = f"<caption>{safe(name)}</caption>"
    return f'<table class="channels-array">{caption}<tbody>{rows}</tbody></table>'


def _sum(sums: Sums, output: int, place: tuple[int, int], language: str) -> str:
    """Return the sum of one framed cell with its numbers."""
    row, column = place
    shares = [fixed(share, 0) for share in sums.shares[:, output, row, column]]
    parts = [f"({share})" if share.startswith("−") else share for share in shares]
    bias = text(language, "lab.channels.bias", value=fixed(sums.bias[output], 0))
    result = fixed(sums.y[output, row, column], 0)
    return (
        f"Y[{output}][{row}, {column}] = {' + '.join(parts)} + {safe(bias)} = <b>{safe(result)}</b>"
    )


def costs_html(layer: Layer, side: int, language: str) -> str:
    """Return parameters, work and receptive field of the layer beside those of its relatives."""
    columns = ("layer", "size", "parameters", "macs", "sees", "reaches")
    headings = [text(language, f"lab.channels.column.{name}") for name in columns]
    rows = "".join(
        f'<tr><th scope="row"><b>{safe(text(language, f"lab.channels.kind.{cost.kind}"))}</b>'
        f"<code>{cost.code}</code></th>"
        f"<td>{side} → {cost.side}</td><td>{cost.parameters:,}</td><td>{cost.macs:,}</td>"
        f"<td>{cost.sees} × {cost.sees}</td><td>{cost.reaches} × {cost.reaches}</td></tr>"
        for cost in costs(layer, side)
    )
    return scrolling_table(headings, rows, kind="channels-costs")


def doubling_html(side: int, language: str) -> str:
    """Return the output size of each recipe for twice the side."""
    columns = ("recipe", "size", "ratio")
    headings = [text(language, f"lab.channels.column.{name}") for name in columns]
    rows = ""
    for kernel_size, stride, padding, output_padding in DOUBLING:
        settings = {"stride": stride, "padding": padding, "output_padding": output_padding}
        doubled = output_size(side, kernel_size, **settings)
        code = f"kernel_size={kernel_size}, " + ", ".join(
            f"{name}={value}" for name, value in settings.items()
        )
        best = ' class="best"' if kernel_size % stride == 0 and doubled == 2 * side else ""
        rows += (
            f'<tr{best}><th scope="row"><code>{code}</code></th><td>{side} → {doubled}</td>'
            f"<td>{fixed(overlap_ratio(kernel_size, stride), 2)}</td></tr>"
        )
    return scrolling_table(headings, rows, kind="channels-doubling")
