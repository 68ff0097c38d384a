"""The endpoint ``/enhance`` for other programs: the same function as the page's Run button."""

import logging
import math
from typing import Any

import gradio as gr

from deconv_demo.pictures import open_picture
from deconv_demo.restoration import Enhancement, enhance_by_tile
from deconv_demo.tasks import TASKS
from deconv_demo.ui.enhance.picture_input import build_picture_input, handing_over
from deconv_demo.ui.enhance.workflow import is_our_fault
from deconv_demo.ui.texts import error_sentence
from deconv_demo.ui.workspace import FileStore, safe_stem

log = logging.getLogger(__name__)


def _unchecked(component: type) -> type:
    """Return a component that skips its own checks, whose errors would reach no program as text."""
    return handing_over(component, lambda _self, payload: payload)


def _number(name: str, value: Any, least: float, most: float) -> float:
    """Return a number from ``least`` to ``most``; a program may send it as text.

    Raises:
        gr.Error: The value is no number, or out of range.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not least <= number <= most:
        raise gr.Error(
            f"{name} must be a number from {least:g} to {most:g}, got {str(value)[:40]!r}",
            print_exception=False,
        )
    return number


def build_endpoint(store: FileStore) -> None:
    """Place the endpoint, whose components are never rendered."""

    def enhance(picture: str | None, task_id: str, sigma: float, amount: float):
        """Repair a photograph with the network of a task.

        Args:
            picture: The photograph, in any common format.
            task_id: What to do with it.
            sigma: Noise of 8-bit values for "denoise", 0 to 75; -1: estimate it.
            amount: Strength of "deblur", 0 to 1.

        Returns:
            The picture before and after, as PNG of equal size, and what was done.
        """
        if not isinstance(task_id, str) or task_id not in TASKS:
            raise gr.Error(
                f"task_id must be one of {', '.join(TASKS)}, got {str(task_id)[:40]!r}",
                print_exception=False,
            )
        # Controls of other tasks are checked too: a mistake should not go unnoticed.
        sigma, amount = _number("sigma", sigma, -1, 75), _number("amount", amount, 0, 1)
        controls = {}
        if task_id == "denoise":
            controls["sigma"] = None if sigma < 0 else sigma / 255
        elif task_id == "deblur":
            controls["amount"] = amount
        try:
            opened = open_picture(picture)
            for step in enhance_by_tile(opened, task_id, **controls):
                if isinstance(step, Enhancement):
                    result = step
                else:
                    yield gr.skip(), gr.skip(), gr.skip()
            name = f"{safe_stem(picture)}-{task_id}"
            before = store.save_image(result.before, f"{name}-before.png")
            after = store.save_image(result.after, f"{name}.png")
        except Exception as error:
            if is_our_fault(error):
                log.exception("unexpected error")
            raise gr.Error(error_sentence("en", error), print_exception=False) from error
        yield str(before), str(after), {**result.facts, "seconds": result.seconds}

    with gr.Row(visible=False):
        picture = build_picture_input(label="picture")
        task = _unchecked(gr.Radio)(choices=list(TASKS), value=next(iter(TASKS)), label="task_id")
        sigma = _unchecked(gr.Slider)(-1, 75, value=-1, label="sigma")
        amount = _unchecked(gr.Slider)(0, 1, value=1, label="amount")
        before = gr.Image(type="filepath", format="png", label="before")
        after = gr.Image(type="filepath", format="png", label="after")
        facts = gr.JSON(label="facts")
        gr.Button().click(
            enhance,
            [picture, task, sigma, amount],
            [before, after, facts],
            api_name="enhance",
            concurrency_id="model",
            concurrency_limit=1,
        )
