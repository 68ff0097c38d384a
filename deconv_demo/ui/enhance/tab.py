"""The Enhance tab: layout, and the wiring of its events."""

import gradio as gr

from deconv_demo.restoration import BLURS
from deconv_demo.tasks import TASKS
from deconv_demo.ui.enhance.compare import build_compare
from deconv_demo.ui.enhance.diagnosis import empty_diagnosis
from deconv_demo.ui.enhance.diagnosis_events import DiagnosisEvents
from deconv_demo.ui.enhance.example_strip import build_example_strip
from deconv_demo.ui.enhance.examples import EXAMPLES
from deconv_demo.ui.enhance.handlers import FIRST_EXAMPLE, EnhanceEvents
from deconv_demo.ui.enhance.picture_input import build_picture_input
from deconv_demo.ui.enhance.task_controls import (
    DEFAULTS,
    TaskControls,
    show_blur_size,
    show_controls,
)
from deconv_demo.ui.event_options import MODEL_QUEUE, PRIVATE, UNQUEUED
from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.slider import Slider
from deconv_demo.ui.static_files import read_static
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import FileStore, Workspace

_OPEN_FILE_DIALOG = "() => document.querySelector('#picture input[type=file]').click()"
_SETTLE_EXAMPLES = "() => window.deconvLab.settleExamples()"
_SHOW_RESULT = "() => window.deconvLab.showResult()"
FORMATS = ("png", "jpg", "webp", "tiff", "avif")


class EnhanceTab:
    """The components of the tab and the wiring of their events.

    Args:
        language: State with the language of the visitor.
        workspace: State with the visitor's workspace; both tabs share it.
        translations: Registry of the texts of components.
        store: Store that writes the pictures.

    Call ``build`` inside ``gr.Blocks``, then ``wire`` once all tabs are built.
    """

    def __init__(
        self, language: gr.State, workspace: gr.State, translations: Translations, store: FileStore
    ) -> None:
        self.language, self.workspace = language, workspace
        self.translations, self.events = translations, EnhanceEvents(store)
        self.looking = DiagnosisEvents(self.events)
        self.task_controls = TaskControls(translations)

    @staticmethod
    def style_sheets() -> str:
        """Return the style sheets of the tab."""
        return "\n".join(read_static(__file__, name) for name in ("compare.css", "blur_pad.css"))

    def build(self) -> None:
        """Build the layout of the tab."""
        with gr.Row(elem_classes="enhance"):
            with gr.Column(scale=0, min_width=340, elem_classes="controls"):
                self._build_controls()
            with gr.Column(scale=1, min_width=320, elem_classes="result"):
                self._build_result()

    def _build_controls(self) -> None:
        tr = self.translations.register
        self.picture = tr(
            build_picture_input(
                sources=["upload", "clipboard", "webcam"], elem_id="picture", height=170
            ),
            label="enhance.picture",
            alt_text="enhance.picture.alt",
        )
        # A filled box has no button for another file: its file dialog opens from here, too.
        self.own = tr(gr.Button(size="md", elem_id="own"), value="enhance.own")
        self.examples = build_example_strip()
        self.diagnose = tr(gr.Button(size="md", elem_id="diagnose"), value="enhance.diagnose")
        self.diagnosis = gr.HTML(elem_id="diagnosis")
        self.follow = tr(
            gr.Button(visible=False, variant="primary", size="md", elem_id="follow"),
            value="enhance.follow",
        )
        self.steps = gr.State([])
        first_task = EXAMPLES[FIRST_EXAMPLE].task_id
        self.task = tr(
            gr.Radio(
                choices=[(text("en", f"task.{task_id}"), task_id) for task_id in TASKS],
                value=first_task,
                elem_id="task",
            ),
            label="enhance.task",
            choices=[(f"task.{task_id}", task_id) for task_id in TASKS],
        )
        self.task_controls.build(first_task)
        # Progress and errors appear beside the Run button, visible on any screen.
        with gr.Column(elem_classes="dock"):
            self.status = gr.HTML(elem_id="status")
            with gr.Row(elem_classes="run-row"):
                self.run = tr(
                    gr.Button(variant="primary", size="lg", scale=2, elem_id="run"),
                    value="enhance.run",
                )
                self.stop = tr(
                    gr.Button(
                        variant="stop", size="lg", scale=1, elem_id="stop", interactive=False
                    ),
                    value="enhance.stop",
                )
        with tr(gr.Accordion(open=False, elem_id="known-answer"), label="enhance.answer"):
            self._build_reference_test()

    def _build_reference_test(self) -> None:
        tr = self.translations.register
        tr(gr.Markdown(), value="enhance.answer.text")
        self.noise = tr(Slider(0, 55, value=25, step=1), label="enhance.answer.noise")
        blurs = ["none", *BLURS]
        with gr.Group(visible=False) as self.blur_group:
            self.blur = tr(
                gr.Radio(choices=blurs, value="gaussian"),
                label="enhance.answer.blur",
                choices=[(f"enhance.answer.blur.{blur}", blur) for blur in blurs],
            )
            self.blur_size = tr(Slider(0.4, 3, value=1.6, step=0.1), label="enhance.answer.size")
        self.jpeg = tr(Slider(10, 100, value=100, step=1), label="enhance.answer.jpeg")
        self.answer_run = tr(gr.Button(elem_id="answer-run"), value="enhance.answer.run")

    def _build_result(self) -> None:
        tr = self.translations.register
        self.compare = build_compare(elem_id="compare")
        self.facts = gr.HTML(elem_id="facts")
        self.scores = gr.HTML(elem_id="scores")
        with gr.Row(elem_classes="take"):
            self.format = tr(
                gr.Dropdown(
                    choices=[(suffix.upper(), suffix) for suffix in FORMATS],
                    value=FORMATS[0],
                    elem_id="format",
                    min_width=120,
                    scale=0,
                ),
                label="enhance.format",
            )
            self.download = tr(
                gr.DownloadButton(elem_id="download", interactive=False, min_width=180),
                label="enhance.download",
            )
            self.look_inside = tr(
                gr.Button(elem_id="look-inside", min_width=180), value="enhance.inside"
            )

    def wire(self, opened: gr.events.Dependency) -> None:
        """Connect the events, once all components of the page are built.

        Args:
            opened: Event after which the page opens with a finished example.
        """
        shown, working = self._result_outputs, self._run_outputs
        self.task_controls.wire()
        controls = [self.task, *self.task_controls.inputs]
        state = [self.workspace, self.language]

        self.task.change(
            show_controls,
            self.task,
            [*self.task_controls.groups, self.blur_group, self.noise, self.jpeg],
            **UNQUEUED,
        )
        self.blur.change(show_blur_size, self.blur, self.blur_size, **UNQUEUED)
        buttons = [self.status, self.run, self.stop]
        run_event = self.run.click(self.events.waiting, self.language, buttons, **UNQUEUED).then(
            self.events.run,
            [*controls, *state],
            working,
            **MODEL_QUEUE,
        )
        answer_event = self.answer_run.click(
            self.events.waiting, self.language, buttons, **UNQUEUED
        ).then(
            self.events.run_reference_test,
            [self.noise, self.blur, self.blur_size, self.jpeg, *controls, *state],
            working,
            **MODEL_QUEUE,
        )
        example_event = self.examples.pick(
            self.events.pick_example,
            self.language,
            [self.picture, self.task, *working],
            **MODEL_QUEUE,
        )
        example_event.then(None, None, None, js=_SETTLE_EXAMPLES, queue=False)
        # Its result was made with these values; with others, Run would give another.
        # What is drawn stays on the pad, and is told again where the visitor chooses so.
        reset = [one for one in self.task_controls.inputs if one is not self.task_controls.drawn]
        defaults = [value for value in DEFAULTS if value != ""]
        self.examples.pick(lambda: defaults, None, reset, **UNQUEUED)
        # A finished result is shown without the queue, so that nobody finds an empty page.
        advice = [self.diagnosis, self.follow, self.steps]
        diagnosis_event = self.diagnose.click(
            self.events.waiting, self.language, buttons, **UNQUEUED
        ).then(self.looking.look, state, [*buttons, *advice], **MODEL_QUEUE)
        follow_event = self.follow.click(
            self.events.waiting, self.language, buttons, **UNQUEUED
        ).then(self.looking.follow, [self.steps, *state], working, **MODEL_QUEUE)
        for forget in (self.examples.pick, self.picture.upload, self.picture.clear):
            forget(empty_diagnosis, None, advice, cancels=[diagnosis_event], **UNQUEUED)
        opening_event = opened.then(
            self.events.open_finished,
            self.language,
            [self.picture, self.task, *working],
            **UNQUEUED,
        ).then(
            self.events.open_first,
            state,
            [self.picture, self.task, *working],
            **MODEL_QUEUE,
        )
        for event in (run_event, answer_event, follow_event):
            event.then(None, None, None, js=_SHOW_RESULT, queue=False)
        running = [run_event, answer_event, example_event, opening_event, follow_event]
        diagnosis_event.then(self.events.idle, None, [self.run, self.stop], **UNQUEUED)
        for event in running:
            # ``.then`` also fires after a cancel, but only when the running tile has finished.
            # Until then Run stays disabled, or a click on it would be lost.
            event.then(self.events.idle, None, [self.run, self.stop], **UNQUEUED)
            event.then(self.events.refresh_language, state, self.localized_outputs[:-1], **UNQUEUED)
            event.then(self.events.show_kernel, state, self.task_controls.pad, **UNQUEUED)
            self._offer_after(event)
        # Not ``input``: that one also follows a removal, still with the picture removed.
        self.picture.upload(
            self.events.choose,
            [self.picture, self.language],
            [self.picture, self.status, *shown],
            cancels=[*running, diagnosis_event],
            **PRIVATE,
        )
        self.picture.clear(
            self.events.clear,
            self.language,
            [self.status, *shown],
            cancels=[*running, diagnosis_event],
            **UNQUEUED,
        )
        self.own.click(None, None, None, js=_OPEN_FILE_DIALOG, queue=False)
        self.stop.click(
            self.events.stopped,
            self.language,
            [self.status, self.stop],
            cancels=[*running, diagnosis_event],
            **UNQUEUED,
        )
        # ``input``, not only ``release``: the arrow keys move the slider too.
        self._offer_after(
            self.task_controls.amount.input(
                self.events.change_amount,
                [self.task_controls.amount, *state],
                [self.status, *shown],
                trigger_mode="always_last",
                **PRIVATE,
            )
        )
        self._offer_after(
            self.format.input(
                lambda: gr.DownloadButton(interactive=False), None, self.download, **UNQUEUED
            )
        )

    def _offer_after(self, event: gr.events.Dependency) -> None:
        """Offer the result for download, in the format chosen at that time."""
        event.then(
            self.events.offer,
            [self.format, self.workspace, self.language],
            [self.download, self.status],
            **PRIVATE,
        )

    @property
    def _result_outputs(self) -> list:
        return [self.compare, self.facts, self.scores, self.download, self.workspace]

    @property
    def _run_outputs(self) -> list:
        """Outputs of a run, in the order of its updates."""
        return [self.status, self.run, self.stop, *self._result_outputs, self.task_controls.sigma]

    @property
    def localized_outputs(self) -> list[gr.HTML]:
        """Components whose content is replaced by ``localize`` in another language."""
        return [self.status, self.compare, self.facts, self.scores, self.task_controls.pad]

    def localize(self, workspace: Workspace, language: str) -> list:
        """Return the content of ``localized_outputs`` in another language."""
        return [
            *self.events.localize(workspace, language),
            self.events.show_kernel(workspace, language),
        ]
