"""The controls of the Enhance tab that belong to a task: which are shown, and what they say."""

from typing import Any

import gradio as gr

from deconv_demo.restoration import BLUR_SIZES


def show_controls(task_id: str) -> tuple:
    """Show what belongs to a task, and hide the rest."""
    is_deblur = task_id == "deblur"
    # Upscaling is judged on a small picture alone; noise is offered, but starts at none.
    noise = {"denoise": 25, "deblur": 2}.get(task_id, 0)
    return (
        gr.Group(visible=task_id == "denoise"),
        gr.Group(visible=is_deblur),
        gr.Group(visible=is_deblur),
        noise,
    )


def show_blur_size(blur: str) -> Any:
    """Give the slider of the blur's size the range of that blur."""
    if blur not in BLUR_SIZES:
        return gr.Slider(interactive=False)
    smallest, largest, usual = BLUR_SIZES[blur]
    return gr.Slider(minimum=smallest, maximum=largest, value=usual, interactive=True)


def get_controls(task_id: str, estimate: bool, sigma: float, amount: float) -> dict:
    """Return the controls of a task from the widgets of the page, in the units of ``enhance``."""
    if task_id == "denoise":
        return {"sigma": None if estimate else sigma / 255}
    if task_id == "deblur":
        return {"amount": amount / 100}
    return {}
