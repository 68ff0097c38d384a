"""Not the inverse: why a transposed convolution does not undo a convolution, and what does."""

import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from deconv_demo.restoration import BLUR_SIZES, BLURS
from deconv_demo.ui import markup
from deconv_demo.ui.event_options import INSTANT, MODEL_QUEUE
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
from deconv_demo.ui.lab.section import ServedSection
from deconv_demo.ui.slider import Slider
from deconv_demo.ui.texts import error_sentence, text
from deconv_demo.ui.workspace import Workspace

log = logging.getLogger(__name__)

_FIRST_ITERATION, _FIRST_EXPONENT = 20, -2.0


class InverseSection(ServedSection):
    """Nine numbers and a photo: Y = W X, Wᵀ Y, and what solving W X = Y takes."""

    name = "lab.inverse"

    def build(self) -> None:
        """Lay the section out."""
        named = self.translations.named
        self.build_seen()
        named(gr.Markdown(elem_classes="lab-text"), value="lab.inverse.numbers.text")
        kernels = list(inverse_data.ARRAYS)
        self.kernel = named(
            gr.Radio(value=kernels[0], elem_id="inverse-kernel"),
            label="lab.inverse.kernel",
            choices=[(f"lab.inverse.kernel.{kernel}", kernel) for kernel in kernels],
        )
        self.arrays = gr.HTML(arrays_html(kernels[0], "en"), elem_id="inverse-arrays")

        named(gr.Markdown(elem_classes="lab-text"), value="lab.inverse.photo.text")
        with gr.Row():
            self.blur = named(
                gr.Radio(value="gaussian", elem_id="inverse-blur", min_width=260),
                label="lab.inverse.blur",
                choices=[(f"lab.inverse.blur.{blur}", blur) for blur in BLURS],
            )
            low, high, usual = BLUR_SIZES["gaussian"]
            self.size = named(
                Slider(low, high, value=usual, step=0.1, min_width=200, elem_id="inverse-size"),
                label="lab.inverse.size",
            )
            self.noise = named(
                Slider(0, 10, value=2.5, step=0.5, min_width=200, elem_id="inverse-noise"),
                label="lab.inverse.noise",
            )
        self.status = gr.HTML(elem_id="inverse-status")
        self.given = gr.HTML(elem_id="inverse-given")
        named(gr.Markdown(elem_classes="lab-text"), value="lab.inverse.iterations.text")
        self.iteration = named(
            Slider(
                1,
                inverse_data.ITERATIONS,
                value=_FIRST_ITERATION,
                step=1,
                elem_id="inverse-iteration",
            ),
            label="lab.inverse.iteration",
        )
        self.courses = gr.HTML(elem_id="inverse-courses")
        self.curves = gr.HTML(elem_id="inverse-curves")
        named(gr.Markdown(elem_classes="lab-text"), value="lab.inverse.closed.text")
        self.exponent = named(
            Slider(-5, 0, value=_FIRST_EXPONENT, step=0.1, elem_id="inverse-exponent"),
            label="lab.inverse.exponent",
        )
        self.closed = gr.HTML(elem_id="inverse-closed")
        named(gr.Markdown(elem_classes="lab-text"), value="lab.inverse.search.text")
        self.search = gr.HTML(elem_id="inverse-search")
        named(gr.Markdown(elem_classes="lab-text"), value="lab.inverse.alone.text")
        self.alone = gr.HTML(elem_id="inverse-alone")

    def wire(self) -> None:
        """Connect the events."""
        trial = [self.blur, self.size, self.noise]
        choices = [self.iteration, self.exponent]
        given = [self.workspace, self.language, *trial, *choices]
        everything = [
            self.status,
            self.given,
            self.courses,
            self.curves,
            self.closed,
            self.search,
            self.alone,
            self.shown,
        ]
        self.kernel.change(arrays_html, [self.kernel, self.language], self.arrays, **INSTANT)
        self.blur.input(_size_of, self.blur, self.size, **INSTANT).then(
            self._run, given, everything, **MODEL_QUEUE
        )
        for control in (self.size, self.noise):
            # Not at the end of a drag alone: the arrow keys move sliders too.
            control.change(self._run, given, everything, trigger_mode="always_last", **MODEL_QUEUE)
        self.seen.seen(self._arrive, [self.shown, *given], everything, **MODEL_QUEUE)
        self.seen.seen(arrays_html, [self.kernel, self.language], self.arrays, **INSTANT)
        view = [self.shown, self.language, *trial]
        self.iteration.change(
            self._look_at_iteration,
            [*view, self.iteration],
            [self.status, self.courses, self.curves],
            trigger_mode="always_last",
            **MODEL_QUEUE,
        )
        self.exponent.change(
            self._regularise,
            [*view, self.exponent],
            [self.status, self.closed],
            trigger_mode="always_last",
            **MODEL_QUEUE,
        )

    def _arrive(
        self, shown: str, workspace: Workspace, language: str, *controls: Any
    ) -> Iterator[tuple]:
        if shown == _mark(workspace, language):
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
            # A size that belongs to another blur may arrive in the moment that the blur changes.
            low, high, _ = BLUR_SIZES[blur_id]
            case = (picture_key(workspace), blur_id, min(max(size, low), high), noise)
            run = inverse_data.trial(*case)
            pictures = (
                given_html(run, language),
                courses_html(run, iteration, language),
                curves_html(run, iteration, language),
                closed_html(run, exponent, language),
            )
            mark = _mark(workspace, language)
            yield working, *pictures, gr.skip(), gr.skip(), mark
            rest = (
                search_html(inverse_data.search(*case), language),
                alone_html(inverse_data.noise_alone(case[0], noise), language),
            )
            yield "", *(gr.skip(),) * 4, *rest, mark
        except Exception as error:
            log.exception("cannot deconvolve")
            yield markup.status(error_sentence(language, error), error=True), *("",) * 7

    def _look_at_iteration(
        self, shown: str, language: str, blur_id: str, size: float, noise: float, iteration: int
    ) -> tuple:
        try:
            run = _trial_of(shown, blur_id, size, noise)
            if run is None:
                return (gr.skip(),) * 3
            return (
                "",
                courses_html(run, iteration, language),
                curves_html(run, iteration, language),
            )
        except Exception as error:
            log.exception("cannot show an iteration")
            sentence = error_sentence(language, error)
            return markup.status(sentence, error=True), gr.skip(), gr.skip()

    def _regularise(
        self, shown: str, language: str, blur_id: str, size: float, noise: float, exponent: float
    ) -> tuple:
        try:
            run = _trial_of(shown, blur_id, size, noise)
            if run is None:
                return gr.skip(), gr.skip()
            return "", closed_html(run, exponent, language)
        except Exception as error:
            log.exception("cannot regularise")
            return markup.status(error_sentence(language, error), error=True), gr.skip()


def _trial_of(shown: str, blur_id: str, size: float, noise: float) -> inverse_data.Trial | None:
    """Return the trial that is shown, from memory if it was not long ago; None before the first."""
    return inverse_data.trial(_key_of(shown), blur_id, size, noise) if shown else None


def _size_of(blur_id: str) -> dict:
    low, high, usual = BLUR_SIZES[blur_id]
    return gr.update(minimum=low, maximum=high, value=usual)


def _mark(workspace: Workspace, language: str) -> str:
    """Return what is shown and how; not empty where it is the built-in picture."""
    return f"{language}:{picture_key(workspace)}"


def _key_of(mark: str) -> str:
    return mark.partition(":")[2]
