"""Small pieces of HTML: status, facts and scores. Only numbers and our own strings go in."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from deconv_demo.restoration import Score
from deconv_demo.tasks import TASKS
from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.noise_chart import noise_chart
from deconv_demo.ui.texts import text

MAX_SIGMA = next(c.maximum for c in TASKS["denoise"].controls if c.name == "sigma")
# PSNR of an empty bar and of a full one; pictures worth a look lie between.
MIN_PSNR, MAX_PSNR = 10.0, 50.0


def safe(string: str) -> str:
    """Escape a string for a gr.HTML value, whose template treats ``${...}`` as code."""
    return escape(string).replace("$", "&#36;").replace("{", "&#123;").replace("`", "&#96;")


def status(sentence: str, *, error: bool = False, progress: float | None = None) -> str:
    """Return a sentence for the line under the Run button, with a bar during a run."""
    role, kind = ("alert", "error") if error else ("status", "note")
    bar = ""
    if progress is not None:
        bar = f'<div class="bar"><i style="width:{100 * progress:.1f}%"></i></div>'
    body = f"<p>{safe(sentence)}</p>" if sentence else ""
    return f'<div class="status {kind}" role="{role}" aria-live="polite">{body}{bar}</div>'


def facts_line(language: str, task_id: str | None, facts: dict[str, Any]) -> str:
    """Return the facts of the last run in one line, and the estimated blur kernel."""
    if task_id is None:
        return ""
    steps = facts.get("steps") or [task_id]
    parts = [
        " → ".join(text(language, f"task.short.{step}") for step in steps),
        text(language, "facts.size", width=facts["size"][0], height=facts["size"][1]),
        text(language, "facts.seconds", seconds=f"{facts['seconds']:.1f}"),
        text(
            language, "facts.tile" if facts["tiles"] == 1 else "facts.tiles", count=facts["tiles"]
        ),
        facts["dtype"],
    ]
    if "sigma" in facts:
        key = "facts.estimated" if facts["estimated"] else "facts.sigma"
        parts.append(text(language, key, sigma=f"{facts['sigma'] * 255:.1f}"))
    if "quality" in facts:
        key = "facts.quality.read" if facts["estimated"] else "facts.quality"
        parts.append(text(language, key, quality=round(facts["quality"])))
    if facts.get("careful"):
        parts.append(text(language, "facts.careful"))
    if facts.get("amount", 1) < 1:
        parts.append(text(language, "facts.amount", amount=round(facts["amount"] * 100)))
    if "shown" in facts:
        width, height = facts["shown"]
        parts.append(text(language, "facts.cut", width=width, height=height))
    line = f'<p class="facts">{" · ".join(safe(part) for part in parts)}</p>'
    if facts.get("estimated") and facts.get("sigma", 0) >= MAX_SIGMA:
        line += f'<p class="fine">{safe(text(language, "facts.strongest"))}</p>'
    elif facts.get("left_alone"):
        kept = round(100 * (1 - facts["share"]))
        sentence = text(language, f"alone.{facts['left_alone']}", kept=kept)
        line += f'<p class="fine left-alone">{safe(sentence)}</p>'
    return line + noise_chart(language, facts) + _blurs(language, facts)


def _blurs(language: str, facts: dict[str, Any]) -> str:
    """Return the estimated blur kernel, and beside it the one that was applied."""
    # On one scale, although an estimate may be wider than what was applied.
    side = max((len(facts.get(fact) or ()) for fact in ("blur_kernel", "blur_added")), default=0)
    figures = "".join(
        f'<figure><img src="{_kernel_url(facts[fact], side)}" alt="{safe(name)}" width="75" '
        'height="75">'
        f"<figcaption>{safe(name)}</figcaption></figure>"
        for fact, name in (
            (
                "blur_kernel",
                text(language, f"facts.blur.{'given' if facts.get('told_blur') else 'read'}"),
            ),
            ("blur_added", text(language, "facts.blur.added")),
        )
        if facts.get(fact) is not None
    )
    if "blur_kernel" not in facts:
        return ""
    key = "facts.blur.unread" if facts["blur_kernel"] is None else "facts.blur"
    key = "facts.blur.told" if facts.get("told_blur") else key
    note = f'<p class="fine">{safe(text(language, key))}</p>'
    return f'<div class="blurs">{figures}{note}</div>'


def _kernel_url(kernel: Sequence[Sequence[float]], side: int) -> str:
    """Return a kernel as a picture of ``side`` pixels a side; its largest weight is white."""
    weights = np.pad(np.asarray(kernel), (side - len(kernel)) // 2)
    return data_url(np.rint(255 * weights / weights.max()).astype(np.uint8))


def score_table(language: str, task_id: str | None, scores: Sequence[Score]) -> str:
    """Return the scores of degraded picture, classical method and network as a table with bars."""
    if not scores or task_id is None:
        return ""
    y_channel_metric = TASKS[task_id].y_channel_metric
    names = [
        text(language, "scores.pixels" if y_channel_metric else "scores.damaged"),
        text(language, f"scores.{_classical(task_id)}"),
        text(language, "scores.network"),
    ]
    rows = "".join(
        _row(language, name, score, best=score is scores[-1])
        for name, score in zip(names, scores, strict=True)
    )
    note = text(language, "scores.note_luma" if y_channel_metric else "scores.note")
    title = text(language, "scores.title")
    return (
        f'<table class="scores"><caption>{safe(title)}</caption>'
        f"<thead><tr><th>{safe(text(language, 'scores.method'))}</th>"
        f'<th></th><th scope="col">PSNR</th><th scope="col">SSIM</th></tr></thead>'
        f'<tbody>{rows}</tbody></table><p class="fine">{safe(note)}</p>'
    )


def _classical(task_id: str) -> str:
    names = {"denoise": "wavelet", "deblur": "unsharp", "jpeg": "reapplied"}
    return names.get(task_id, "bicubic")


def _row(language: str, name: str, score: Score, *, best: bool) -> str:
    finite = math.isfinite(score.psnr_db)
    progress = (score.psnr_db - MIN_PSNR) / (MAX_PSNR - MIN_PSNR) if finite else 1
    shown = f"{score.psnr_db:.2f} dB" if finite else text(language, "scores.equal")
    return (
        f'<tr class="{"best" if best else ""}"><th scope="row">{safe(name)}</th>'
        f'<td class="bar"><i style="width:{100 * min(max(progress, 0.02), 1):.1f}%"></i></td>'
        f"<td>{shown}</td><td>{score.ssim:.4f}</td></tr>"
    )


def scrolling_table(headings: Sequence[str], rows: str, *, kind: str = "") -> str:
    """Return a table of the lab that scrolls, by keys too, where it is too wide.

    Args:
        headings: One for each column, as text; together they name the table for a screen reader.
        rows: The rows, as HTML.
        kind: A further class of the table.
    """
    head = "".join(f'<th scope="col">{safe(heading)}</th>' for heading in headings)
    name = safe(", ".join(headings))
    return (
        f'<div class="lab-scroll" tabindex="0" role="group" aria-label="{name}">'
        f'<table class="lab-table {kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
