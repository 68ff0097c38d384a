"""The section "not the inverse" as HTML: arrays, pictures, curves and maps with their numbers."""

import math

from torch import Tensor

from deconv_demo.ui.charts import Line, line_chart, score_map
from deconv_demo.ui.lab.inverse_data import (
    ITERATIONS,
    MAX_DB,
    REGULARIZERS,
    STOPS,
    Search,
    Trial,
    closed_forms,
    nine_numbers,
)
from deconv_demo.ui.lab.picture import figure, figures, image_url
from deconv_demo.ui.markup import safe, scrolling_table
from deconv_demo.ui.numbers import fixed, short
from deconv_demo.ui.texts import text


def arrays_html(kernel_id: str, language: str) -> str:
    """Return X, Y, Wᵀ Y and the solution side by side, with the condition number of W."""
    numbers = nine_numbers(kernel_id)
    parts = [
        _array("X", numbers.array),
        _step("→", text(language, "lab.inverse.step.convolve")),
        _array("K", numbers.kernel),
        _step("=", ""),
        _array("Y = W X", numbers.convolved),
        _step("→", text(language, "lab.inverse.step.transpose")),
        _array("Wᵀ Y", numbers.transposed),
    ]
    solving = text(language, "lab.inverse.step.solve")
    if numbers.solved is None:
        condition = text(language, "lab.inverse.singular")
    else:
        parts += [_step("→", solving), _array("W⁻¹ Y", numbers.solved, same=True)]
        condition = text(language, "lab.inverse.condition", condition=fixed(numbers.condition, 0))
    return (
        f'<div class="lab-nine"><div class="lab-arrays">{"".join(parts)}</div>'
        f'<p class="lab-fine">{safe(condition)}</p></div>'
    )


def _array(name: str, values: Tensor, *, same: bool = False) -> str:
    rows = "".join(
        "<tr>" + "".join(f"<td>{_plain(value)}</td>" for value in row) + "</tr>"
        for row in values.tolist()
    )
    kind = ' class="same"' if same else ""
    return f"<table{kind}><caption>{name}</caption><tbody>{rows}</tbody></table>"


def _plain(value: float) -> str:
    return short(round(value, 6), 4)


def _step(sign: str, sentence: str) -> str:
    return f'<div class="then"><b>{sign}</b>{safe(sentence)}</div>'


def given_html(run: Trial, language: str) -> str:
    """Return ground truth, observation, one transposed convolution of it, and network result."""
    named = [
        ("clean", run.clean, None),
        ("observed", run.observed, run.score(run.observed)),
        ("adjoint", run.blur.adjoint(run.observed), run.score(run.blur.adjoint(run.observed))),
        ("learned", run.learned, run.score(run.learned)),
    ]
    return figures(
        figure(
            image_url(image),
            text(language, f"lab.inverse.{name}"),
            _db(score) if score is not None else text(language, "lab.inverse.clean.detail"),
        )
        for name, image, score in named
    )


def courses_html(run: Trial, iteration: int, language: str) -> str:
    """Return the iterate of each method at one step."""
    drawn = []
    for name, course in run.courses.items():
        index = min(int(iteration), len(course.psnr_db)) - 1
        step = text(language, "lab.inverse.at", count=index + 1)
        drawn.append(
            figure(
                image_url(course.pixels[index].float() / 255),
                text(language, f"lab.inverse.{name}"),
                f"{step} · {_db(course.psnr_db[index])}",
                best=index == course.peak,
            )
        )
    return figures(drawn)


def curves_html(run: Trial, iteration: int, language: str) -> str:
    """Return PSNR by iteration with its peaks and stops, as curves and as a table."""
    blurred, learned = run.score(run.observed), run.score(run.learned)
    names = {name: text(language, f"lab.inverse.{name}") for name in run.courses}
    highest = max(learned, *(max(course.psnr_db) for course in run.courses.values()))
    chart = line_chart(
        [
            Line(
                name=names[name],
                points=list(enumerate(course.psnr_db, 1)),
                dot=course.peak,
                ring=course.stop,
            )
            for name, course in run.courses.items()
        ],
        x_label=text(language, "lab.inverse.axis.iterations"),
        y_label="PSNR, dB",
        name=text(language, "lab.inverse.curves"),
        # A diverging iteration leaves the chart at the bottom.
        y_range=(math.floor(blurred - 3), math.ceil(highest + 0.5)),
        levels=[
            (blurred, text(language, "lab.inverse.observed")),
            (learned, text(language, "lab.inverse.learned")),
        ],
        now=int(iteration),
    )
    never = safe(text(language, "lab.inverse.never", count=ITERATIONS))
    rows = "".join(
        f'<tr><th scope="row">{safe(names[name])}</th>'
        f"<td>{_db(course.psnr_db[course.peak])}</td><td>{course.peak + 1}</td>"
        + (
            f"<td>{_db(course.psnr_db[course.stop])}</td><td>{course.stop + 1}</td>"
            if course.stop is not None
            else f'<td colspan="2">{never}</td>'
        )
        + "</tr>"
        for name, course in run.courses.items()
    )
    headings = [
        text(language, f"lab.inverse.column.{column}")
        for column in ("method", "peak", "peak_at", "stop", "stop_at")
    ]
    note = safe(text(language, "lab.inverse.curves.note"))
    table = f'{scrolling_table(headings, rows)}<p class="lab-fine">{note}</p>'
    return f'<div class="lab-columns"><div>{chart}</div><div>{table}</div></div>'


def closed_html(run: Trial, exponent: float, language: str) -> str:
    """Return the results of the two filters for the blurred picture at one regularizer."""
    return figures(
        figure(image_url(image), text(language, f"lab.inverse.{name}"), _db(run.score(image)))
        for name, image in closed_forms(run, 10**exponent).items()
    )


def search_html(found: Search, language: str) -> str:
    """Return the map of scores, and the best result of each kind of search."""
    row, column = divmod(int(found.grid.argmax()), len(REGULARIZERS))
    best = max(range(len(found.draws)), key=found.draw_scores.__getitem__)
    chart = score_map(
        found.grid,
        columns=REGULARIZERS,
        rows=STOPS,
        x_label=text(language, "lab.inverse.axis.regulariser"),
        y_label=text(language, "lab.inverse.axis.iterations"),
        name=text(language, "lab.inverse.search"),
        unit="dB",
        draws=found.draws,
    )
    results = [
        ("grid", found.grid.size, REGULARIZERS[column], STOPS[row], found.grid.max()),
        ("random", len(found.draws), *found.draws[best], found.draw_scores[best]),
    ]
    headings = [
        text(language, f"lab.inverse.column.{name}")
        for name in ("search", "tries", "regulariser", "iterations", "best")
    ]
    rows = "".join(
        f'<tr><th scope="row">{safe(text(language, f"lab.inverse.search.{name}"))}</th>'
        f"<td>{tries}</td><td>{short(regularizer, 2)}</td><td>{round(count)}</td>"
        f"<td>{_db(score)}</td></tr>"
        for name, tries, regularizer, count, score in results
    )
    note = safe(text(language, "lab.inverse.search.note"))
    table = f'{scrolling_table(headings, rows)}<p class="lab-fine">{note}</p>'
    return f'<div class="lab-columns"><div>{chart}</div><div>{table}</div></div>'


def alone_html(results: dict[str, tuple[Tensor, float]], language: str) -> str:
    """Return a picture with noise and no blur, and the results of two filters."""
    return figures(
        figure(
            image_url(image),
            text(language, f"lab.inverse.alone.{name}"),
            f"∞ dB: {text(language, 'scores.equal')}" if score >= MAX_DB else _db(score),
        )
        for name, (image, score) in results.items()
    )


def _db(value: float) -> str:
    return "∞ dB" if value >= MAX_DB else f"{fixed(value, 2)} dB"
