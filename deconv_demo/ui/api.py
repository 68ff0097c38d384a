"""The endpoint ``/enhance`` for other programs: the same function as the page's Run button."""

import logging
import math
from typing import Any

import gradio as gr

from deconv_demo.pictures import open_picture
from deconv_demo.restoration import Enhancement, KernelError, enhance_by_tile, parse_blur
from deconv_demo.restoration import diagnose as look_at
from deconv_demo.tasks import TASKS
from deconv_demo.ui.enhance.picture_input import build_picture_input, handing_over
from deconv_demo.ui.enhance.workflow import is_our_fault
from deconv_demo.ui.texts import error_sentence
from deconv_demo.ui.workspace import FileStore, safe_stem

log = logging.getLogger(__name__)

ENDPOINT = "enhance"


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


class PageBlocks(gr.Blocks):
    """Blocks whose endpoints take fewer values than they have inputs: the rest have defaults.

    Programs that were written before an input was added send one value less.
    """

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Fill in what a program left out, then check as Gradio does."""
        if block_fn.api_name == ENDPOINT:
            inputs.extend(block.value for block in block_fn.inputs[len(inputs) :])
        super().validate_inputs(block_fn, inputs)


def build_endpoint(store: FileStore) -> None:
    """Place the endpoint, whose components are never rendered."""

    def enhance(
        picture: str | None,
        task_id: str,
        sigma: float,
        amount: float,
        quality: float = -1,
        blur: str = "",
        careful: bool = False,
        strength: float = 1,
    ):
        """Repair a photograph with the network of a task.

        Args:
            picture: The photograph, in any common format.
            task_id: What to do with it.
            sigma: Noise of 8-bit values for "denoise", 0 to 75; -1: estimate it.
            amount: How much of the change to take, 0 to 1; upscaling takes all.
            quality: Of the JPEG file, for "jpeg", 5 to 100; -1: read it off.
            blur: For "deblur", where it is known: straight:LENGTH:ANGLE, disc:RADIUS,
                gaussian:SIGMA, or weights as JSON; empty: read it off.
            careful: Average all eight flips and turns, for eight times the work.
            strength: Factor of the noise for "denoise", 0 to 2.

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
        quality = _number("quality", quality, -1, 100)
        strength = _number("strength", strength, 0, 2)
        if -1 < quality < 5:
            raise gr.Error(
                f"quality must be -1 or a number from 5 to 100, got {quality:g}",
                print_exception=False,
            )
        if careful not in (True, False, "true", "false"):
            raise gr.Error(
                f"careful must be true or false, got {str(careful)[:40]!r}", print_exception=False
            )
        try:
            kernel = parse_blur("" if blur is None else blur)
        except KernelError as error:
            raise gr.Error(f"blur: {error}", print_exception=False) from error
        controls: dict[str, Any] = {"careful": careful in (True, "true")}
        if TASKS[task_id].scale == 1:
            controls["amount"] = amount
        if task_id == "denoise":
            controls |= {"sigma": None if sigma < 0 else sigma / 255, "strength": strength}
        elif task_id == "jpeg":
            controls["quality"] = None if quality < 0 else quality
        elif task_id == "deblur":
            controls["kernel"] = kernel
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

    def diagnose(picture: str | None):
        """Say what a photograph needs.

        Args:
            picture: The photograph, in any common format.

        Returns:
            The tasks to run, in their order, those that may be of use, and what was found.
        """
        try:
            return look_at(open_picture(picture)).as_record()
        except Exception as error:
            if is_our_fault(error):
                log.exception("unexpected error")
            raise gr.Error(error_sentence("en", error), print_exception=False) from error

    with gr.Row(visible=False):
        picture = build_picture_input(label="picture")
        task = _unchecked(gr.Radio)(choices=list(TASKS), value=next(iter(TASKS)), label="task_id")
        sigma = _unchecked(gr.Slider)(-1, 75, value=-1, label="sigma")
        amount = _unchecked(gr.Slider)(0, 1, value=1, label="amount")
        quality = _unchecked(gr.Slider)(-1, 100, value=-1, label="quality")
        blur = _unchecked(gr.Textbox)(value="", label="blur")
        careful = _unchecked(gr.Checkbox)(value=False, label="careful")
        strength = _unchecked(gr.Slider)(0, 2, value=1, label="strength")
        before = gr.Image(type="filepath", format="png", label="before")
        after = gr.Image(type="filepath", format="png", label="after")
        facts = gr.JSON(label="facts")
        gr.Button().click(
            enhance,
            [picture, task, sigma, amount, quality, blur, careful, strength],
            [before, after, facts],
            api_name=ENDPOINT,
            concurrency_id="model",
            concurrency_limit=1,
        )
        found = gr.JSON(label="diagnosis")
        gr.Button().click(
            diagnose,
            [picture],
            [found],
            api_name="diagnose",
            concurrency_id="model",
            concurrency_limit=1,
        )
