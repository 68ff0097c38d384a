"""Not the inverse: why a transposed convolution does not undo a convolution, and what does."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from deconv_demo.restoration import BLUR_SIZES, BLURS
from deconv_demo.ui import markup
from deconv_demo.ui.event_options import MODEL_QUEUE, UNQUEUED
from deconv_demo.ui.lab import inverse_data
from deconv_demo.ui.lab.inverse_html import (
    alone_html,
    arrays_html,
    closed_html,
    courses_html,
    curves_html,
    given_html,
    search_html,
)
from deconv_demo.ui.lab.picture import picture_key
from deconv_demo.ui.lab.section import ServedSection, problem_html, render_key, wire_controls
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import Workspace

log = logging.getLogger(__name__)

_FIRST_ITERATION, _FIRST_EXPONENT = 20, -2.0


class InverseSection(ServedSection):
    """The section on inversion, on nine numbers and a photo: Y = W X, Wᵀ Y, and solving W X = Y."""

    name = "lab.inverse"

    def build_content(self) -> None:
        """Place the components of the section."""
        tr = self.translations.register
        self.build_text("lab.inverse.numbers.text")
        kernels = list(inverse_data.ARRAYS)
        self.kernel = tr(
            gr.Radio(value=kernels[0], elem_id="inverse-kernel"),
            label="lab.inverse.kernel",
            choices=[(f"lab.inverse.kernel.{kernel}", kernel) for kernel in kernels],
        )
        self.arrays = gr.HTML(arrays_html(kernels[0], "en"), elem_id="inverse-arrays")

        self.build_text("lab.inverse.photo.text")
        with gr.Row():
            self.blur = tr(
                gr.Radio(value="gaussian", elem_id="inverse-blur", min_width=260),
                label="lab.inverse.blur",
                choices=[(f"lab.inverse.blur.{blur}", blur) for blur in BLURS],
            )
            low, high, usual = BLUR_SIZES["gaussian"]
            self.size = self.build_slider(
                "inverse-size", "lab.inverse.size", (low, high), usual, step=0.1
            )
            self.noise = self.build_slider(
                "inverse-noise", "lab.inverse.noise", (0, 10), 2.5, step=0.5
            )
        self.status = gr.HTML(elem_id="inverse-status")
        self.inputs = gr.HTML(elem_id="inverse-given")
        self.build_text("lab.inverse.iterations.text")
        self.iteration = self.build_slider(
            "inverse-iteration",
            "lab.inverse.iteration",
            (1, inverse_data.ITERATIONS),
            _FIRST_ITERATION,
        )
        self.courses = gr.HTML(elem_id="inverse-courses")
        self.curves = gr.HTML(elem_id="inverse-curves")
        self.build_text("lab.inverse.closed.text")
        self.exponent = self.build_slider(
            "inverse-exponent", "lab.inverse.exponent", (-5, 0), _FIRST_EXPONENT, step=0.1
        )
        self.closed = gr.HTML(elem_id="inverse-closed")
        self.build_text("lab.inverse.search.text")
        self.search = gr.HTML(elem_id="inverse-search")
        self.build_text("lab.inverse.alone.text")
        self.alone = gr.HTML(elem_id="inverse-alone")

    def wire(self) -> None:
        """Connect the events."""
        trial = [self.blur, self.size, self.noise]
        choices = [self.iteration, self.exponent]
        inputs = [self.workspace, self.language, *trial, *choices]
        everything = [
            self.status,
            self.inputs,
            self.courses,
            self.curves,
            self.closed,
            self.search,
            self.alone,
            self.rendered_key,
        ]
        self.kernel.change(arrays_html, [self.kernel, self.language], self.arrays, **UNQUEUED)
        self.blur.input(_get_size, self.blur, self.size, **UNQUEUED).then(
            self._run, inputs, everything, **MODEL_QUEUE
        )
        # ``change``, not only ``release``: the arrow keys move sliders too.
        events = [control.change for control in (self.size, self.noise)]
        wire_controls(events, self._run, inputs, everything, **MODEL_QUEUE)
        self.visibility.in_view(
            self._on_visible, [self.rendered_key, *inputs], everything, **MODEL_QUEUE
        )
        self.visibility.in_view(arrays_html, [self.kernel, self.language], self.arrays, **UNQUEUED)
        view = [self.rendered_key, self.language, *trial]
        self.iteration.change(
            self._look_at_iteration,
            [*view, self.iteration],
            [self.status, self.courses, self.curves],
            trigger_mode="always_last",
            **MODEL_QUEUE,
        )
        self.exponent.change(
            self._regularize,
            [*view, self.exponent],
            [self.status, self.closed],
            trigger_mode="always_last",
            **MODEL_QUEUE,
        )

    def _on_visible(
        self, rendered_key: str, workspace: Workspace, language: str, *controls: Any
    ) -> Iterator[tuple]:
        if rendered_key == render_key(workspace, language):
            yield (gr.skip(),) * 8
        else:
            yield from self._run(workspace, language, *controls)

    def _run(
        self,
        workspace: Workspace,
        language: str,
        blur_id: str,
        size: float,
        noise: float,
        iteration: int,
        exponent: float,
    ) -> Iterator[tuple]:
        working = markup.status(text(language, "lab.inverse.working"))
        yield working, *(gr.skip(),) * 7
        try:
            # A size for another blur may arrive at the moment that the blur changes.
            low, high, _ = BLUR_SIZES[blur_id]
            case = (picture_key(workspace), blur_id, min(max(size, low), high), noise)
            run = inverse_data.trial(*case)
            pictures = (
                given_html(run, language),
                courses_html(run, iteration, language),
                curves_html(run, iteration, language),
                closed_html(run, exponent, language),
            )
            key = render_key(workspace, language)
            yield working, *pictures, gr.skip(), gr.skip(), key
            rest = (
                search_html(inverse_data.search(*case), language),
                alone_html(inverse_data.noise_alone(case[0], noise), language),
            )
            yield "", *(gr.skip(),) * 4, *rest, key
        except Exception as error:
            log.exception("cannot deconvolve")
            yield problem_html(error, language), *("",) * 7

    def _look_at_iteration(
        self,
        rendered_key: str,
        language: str,
        blur_id: str,
        size: float,
        noise: float,
        iteration: int,
    ) -> tuple:
        return _of_trial(
            (rendered_key, blur_id, size, noise),
            language,
            lambda run: courses_html(run, iteration, language),
            lambda run: curves_html(run, iteration, language),
        )

    def _regularize(
        self,
        rendered_key: str,
        language: str,
        blur_id: str,
        size: float,
        noise: float,
        exponent: float,
    ) -> tuple:
        return _of_trial(
            (rendered_key, blur_id, size, noise),
            language,
            lambda run: closed_html(run, exponent, language),
        )


def _of_trial(
    trial: tuple[str, str, float, float],
    language: str,
    *panels: Callable[[inverse_data.Trial], str],
) -> tuple:
    """Return a message and each panel drawn of the trial; what is shown stays on any problem."""
    unchanged = (gr.skip(),) * len(panels)
    try:
        run = _load_trial(*trial)
        if run is None:
            return gr.skip(), *unchanged
        return "", *(panel(run) for panel in panels)
    except Exception as error:
        log.exception("cannot draw a trial")
        return problem_html(error, language), *unchanged


def _load_trial(
    rendered_key: str, blur_id: str, size: float, noise: float
) -> inverse_data.Trial | None:
    """Return the trial on the page, from the cache if it is recent; None before the first."""
    return (
        inverse_data.trial(_picture_key_in(rendered_key), blur_id, size, noise)
        if rendered_key
        else None
    )


def _get_size(blur_id: str) -> dict:
    low, high, usual = BLUR_SIZES[blur_id]
    return gr.update(minimum=low, maximum=high, value=usual)


def _picture_key_in(rendered_key: str) -> str:
    return rendered_key.partition(":")[2]
