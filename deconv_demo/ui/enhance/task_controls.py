"""The controls of the Enhance tab that belong to a task: which are shown, and what they say."""

from typing import Any

import gradio as gr

from deconv_demo.restoration import BLUR_SIZES, SIZES, KernelError, NoKernelError, parse_blur
from deconv_demo.tasks import TASKS
from deconv_demo.ui.enhance.blur_pad import build_blur_pad
from deconv_demo.ui.event_options import UNQUEUED, event_field
from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.slider import Slider

# How the blur is known: it is read off the picture, or told by a shape or a drawing.
BLUR_SOURCES = ("read", "straight", "disc", "gaussian", "drawn")
_USUAL = {"straight": 9.0, "disc": 3.0, "gaussian": 1.6}


class TaskControls:
    """The widgets of all tasks, of which those of the chosen one are shown.

    Args:
        translations: Registry of the texts of components.

    Call ``build`` inside ``gr.Blocks``, then ``wire``.
    """

    def __init__(self, translations: Translations) -> None:
        self._tr = translations.register

    def build(self, task_id: str) -> None:
        """Build the widgets, those of ``task_id`` visible."""
        tr = self._tr
        (sigma,) = (c for c in TASKS["denoise"].controls if c.name == "sigma")
        with gr.Group(visible=task_id == "denoise") as self.denoise_group:
            self.estimate = tr(
                gr.Checkbox(value=True, elem_id="estimate"), label="enhance.estimate"
            )
            self.strength = tr(
                Slider(0, 200, value=100, step=5, elem_id="strength"),
                label="enhance.strength",
                info="enhance.strength.info",
            )
            self.sigma = tr(
                Slider(
                    sigma.minimum * sigma.shown_per_unit,
                    round(sigma.maximum * sigma.shown_per_unit),
                    value=25,
                    step=sigma.step * sigma.shown_per_unit,
                    visible=False,
                    elem_id="sigma",
                ),
                label="enhance.sigma",
                info="enhance.sigma.info",
            )
        with gr.Group(visible=task_id == "deblur") as self.deblur_group:
            self.blur = tr(
                gr.Dropdown(choices=list(BLUR_SOURCES), value="read", elem_id="blur-source"),
                label="enhance.blur",
                info="enhance.blur.info",
                choices=[(f"enhance.blur.{source}", source) for source in BLUR_SOURCES],
            )
            self.blur_size = tr(
                Slider(*SIZES["straight"], value=9, step=0.1, visible=False, elem_id="blur-size"),
                label="enhance.blur.size",
            )
            self.blur_angle = tr(
                Slider(0, 180, value=0, step=1, visible=False, elem_id="blur-angle"),
                label="enhance.blur.angle",
            )
            with gr.Column(visible=False) as self.pad_group:
                self.pad = build_blur_pad()
        with gr.Group(visible=task_id == "jpeg") as self.jpeg_group:
            self.read_quality = tr(
                gr.Checkbox(value=True, elem_id="read-quality"), label="enhance.read_quality"
            )
            self.quality = tr(
                Slider(5, 100, value=50, step=1, visible=False, elem_id="quality"),
                label="enhance.quality",
                info="enhance.quality.info",
            )
        with gr.Group(visible=TASKS[task_id].scale == 1) as self.amount_group:
            self.amount = tr(
                Slider(0, 100, value=100, step=5, elem_id="amount"),
                label="enhance.amount",
                info="enhance.amount.info",
            )
        self.careful = tr(
            gr.Checkbox(value=False, elem_id="careful"),
            label="enhance.careful",
            info="enhance.careful.info",
        )
        self.drawn = gr.State("")

    @property
    def inputs(self) -> list[Any]:
        """Components whose values ``read_controls`` takes, in this order."""
        return [
            self.estimate,
            self.strength,
            self.sigma,
            self.blur,
            self.blur_size,
            self.blur_angle,
            self.drawn,
            self.read_quality,
            self.quality,
            self.amount,
            self.careful,
        ]

    @property
    def groups(self) -> list[gr.Group]:
        """Groups in the order of ``show_controls``."""
        return [self.denoise_group, self.deblur_group, self.jpeg_group, self.amount_group]

    def wire(self) -> None:
        """Connect what hides and shows widgets."""
        self.estimate.change(
            lambda estimate: (gr.Slider(visible=bool(estimate)), gr.Slider(visible=not estimate)),
            self.estimate,
            [self.strength, self.sigma],
            **UNQUEUED,
        )
        self.read_quality.change(
            lambda read: gr.Slider(visible=not read), self.read_quality, self.quality, **UNQUEUED
        )
        self.blur.change(
            show_blur, self.blur, [self.blur_size, self.blur_angle, self.pad_group], **UNQUEUED
        )
        self.pad.draw(take_drawing, None, self.drawn, **UNQUEUED)


def take_drawing(event: gr.EventData) -> str:
    """Return the weights that were drawn, as the text that ``parse_blur`` takes."""
    weights = event_field(event, "weights")
    try:
        parse_blur(weights)
    except KernelError:  # only a program sends such
        return ""
    return weights


def show_controls(task_id: str) -> tuple:
    """Show what belongs to a task, and hide the rest."""
    is_deblur = task_id == "deblur"
    # Upscaling is judged on a small picture alone; noise is offered, but starts at none.
    noise = {"denoise": 25, "deblur": 2}.get(task_id, 0)
    jpeg = 20 if task_id == "jpeg" else 100
    scale = TASKS[task_id].scale if task_id in TASKS else 1
    return (
        gr.Group(visible=task_id == "denoise"),
        gr.Group(visible=is_deblur),
        gr.Group(visible=task_id == "jpeg"),
        gr.Group(visible=scale == 1),
        gr.Group(visible=is_deblur),
        noise,
        jpeg,
    )


def show_blur(source: str) -> tuple:
    """Show the widgets of one way to tell a blur."""
    size = gr.Slider(visible=False)
    if source in SIZES:
        least, most = SIZES[source]
        size = gr.Slider(visible=True, minimum=least, maximum=most, value=_USUAL[source])
    return size, gr.Slider(visible=source == "straight"), gr.Column(visible=source == "drawn")


def show_blur_size(blur: str) -> Any:
    """Give the slider of the blur's size the range of that blur."""
    if blur not in BLUR_SIZES:
        return gr.Slider(interactive=False)
    smallest, largest, usual = BLUR_SIZES[blur]
    return gr.Slider(minimum=smallest, maximum=largest, value=usual, interactive=True)


def read_controls(
    task_id: str,
    estimate: bool,
    strength: float,
    sigma: float,
    blur: str,
    blur_size: float,
    blur_angle: float,
    drawn: str,
    read_quality: bool,
    quality: float,
    amount: float,
    careful: bool,
) -> dict[str, Any]:
    """Return the keywords of ``enhance`` from the widgets of the page, in its units.

    Raises:
        KernelError: What was told of the blur is no kernel.
    """
    controls: dict[str, Any] = {"careful": True} if careful else {}
    if task_id in TASKS and TASKS[task_id].scale == 1:
        controls["amount"] = amount / 100
    if task_id == "denoise":
        controls["sigma"] = None if estimate else sigma / 255
        controls["strength"] = strength / 100 if estimate else 1.0
    elif task_id == "jpeg":
        controls["quality"] = None if read_quality else quality
    elif task_id == "deblur" and blur in BLUR_SOURCES and blur != "read":
        told = drawn if blur == "drawn" else f"{blur}:{blur_size:g}"
        told += f":{blur_angle:g}" if blur == "straight" else ""
        if (kernel := parse_blur(told)) is None:
            raise NoKernelError("nothing is drawn on the pad yet")
        controls["kernel"] = kernel
    return controls


DEFAULTS = (True, 100, 25, "read", 9, 0, "", True, 50, 100, False)
