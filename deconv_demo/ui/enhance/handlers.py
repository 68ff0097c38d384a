"""The event handlers of the Enhance tab: values of components in, updates of components out."""

import dataclasses
import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from deconv_demo.restoration import KernelError
from deconv_demo.tasks import TASKS
from deconv_demo.ui import markup
from deconv_demo.ui.enhance import workflow
from deconv_demo.ui.enhance.blur_pad import pad_value
from deconv_demo.ui.enhance.compare import TEXT_KEYS, compare_value
from deconv_demo.ui.enhance.examples import EXAMPLES, cache_result, cached_result, open_example
from deconv_demo.ui.enhance.task_controls import DEFAULTS, read_controls
from deconv_demo.ui.event_options import event_field
from deconv_demo.ui.texts import error_sentence, text
from deconv_demo.ui.workspace import FileStore, Workspace, get_url

log = logging.getLogger(__name__)

FIRST_EXAMPLE = next(iter(EXAMPLES))


class EnhanceEvents:
    """The handlers of the tab, which write pictures to ``store``.

    A run updates status, Run, Stop, those of ``result_updates`` and the strength, in this order.
    """

    def __init__(self, store: FileStore) -> None:
        self.store = store

    def choose(self, path: str | None, language: str) -> tuple:
        """Take the picture that a visitor dropped, pasted or took."""
        try:
            workspace, preview = workflow.choose(path, self.store)
        except Exception as error:
            return None, self.problem(error, language), *self.result_updates(Workspace(), language)
        picture = gr.skip() if preview is None else str(preview)
        return (
            picture,
            self._status_line(workspace, language),
            *self.result_updates(workspace, language),
        )

    def clear(self, language: str) -> tuple:
        """Forget the picture."""
        return markup.status(""), *self.result_updates(Workspace(), language)

    def run(self, task_id: str, *values: Any) -> Iterator[tuple]:
        """Run the task on the picture.

        Args:
            task_id: Key of ``TASKS``.
            *values: Those of ``TaskControls.inputs``, then workspace and language.
        """
        *given, workspace, language = values
        try:
            controls = read_controls(task_id, *given)
        except KernelError as error:
            yield self.failed(error, language)
            return
        steps = workflow.run_task(workspace, task_id, controls, language, self.store)
        yield from self.follow_steps(steps, language)

    def run_reference_test(
        self,
        noise: float,
        blur: str,
        blur_size: float,
        jpeg_quality: float,
        task_id: str,
        *values: Any,
    ) -> Iterator[tuple]:
        """Degrade the picture, restore it, and score the result; ``values`` as for ``run``."""
        *given, workspace, language = values
        spec = workflow.degradation_from_controls(
            task_id, noise=noise, blur=blur, blur_size=blur_size, jpeg_quality=jpeg_quality
        )
        try:
            controls = read_controls(task_id, *given)
        except KernelError as error:
            yield self.failed(error, language)
            return
        steps = workflow.run_reference_test(
            workspace, task_id, controls, spec, language, self.store
        )
        yield from self.follow_steps(steps, language)

    def pick_example(self, language: str, event: gr.EventData) -> Iterator[tuple]:
        """Open the example whose button was pressed."""
        yield from self.open_example(event_field(event, "key"), language)

    def open_finished(self, language: str) -> tuple:
        """Show the first example if it is finished, else a waiting message."""
        kept = self._kept(FIRST_EXAMPLE, language)
        return kept or (gr.skip(), gr.skip(), *self.waiting(language), *((gr.skip(),) * 6))

    def _kept(self, example_id: str, language: str) -> tuple | None:
        """Return the updates that show a finished example, None where it is not finished."""
        done = cached_result(example_id)
        if done is None:
            return None
        return str(done.source), EXAMPLES[example_id].task_id, *self._finished(done, language)

    def open_first(self, workspace: Workspace, language: str) -> Iterator[tuple]:
        """Open the first example, unless something is on the page already."""
        if workspace.source is None:
            yield from self.open_example(FIRST_EXAMPLE, language)
        else:  # without any step Gradio would empty the page
            yield (gr.skip(),) * 11

    def open_example(self, example_id: str, language: str) -> Iterator[tuple]:
        """Show an example with its finished result; an unknown id opens the first."""
        if example_id not in EXAMPLES:
            example_id = FIRST_EXAMPLE
        task_id = EXAMPLES[example_id].task_id
        try:
            workspace = open_example(example_id)
        except Exception as error:
            yield gr.skip(), gr.skip(), *self.failed(error, language)
            return
        if kept := self._kept(example_id, language):
            yield kept
            return
        controls = read_controls(task_id, *DEFAULTS)
        # It can be run again although this run may be stopped.
        ready, buttons = self._status_line(workspace, language), self.buttons(working=True)
        result_updates = self.result_updates(workspace, language)
        yield str(workspace.source), task_id, ready, *buttons, *result_updates, gr.skip()
        # Kept for all visitors: a class that opens the page at once waits for one run.
        steps = workflow.run_task(workspace, task_id, controls, language, FileStore())
        remembered = cache_result(example_id, steps)
        for update in self.follow_steps(remembered, language):
            yield str(workspace.source), task_id, *update

    def waiting(self, language: str) -> tuple:
        """Answer a click at once, before the model queue is free."""
        return markup.status(text(language, "status.waiting"), progress=0), *self.buttons(
            working=True
        )

    def stopped(self, language: str) -> tuple:
        """Say that no further tile will start; ``idle`` follows when the last one has ended."""
        return markup.status(text(language, "status.stopped")), gr.Button(interactive=False)

    def idle(self) -> tuple:
        """Enable Run again."""
        return self.buttons(working=False)

    def refresh_language(self, workspace: Workspace, language: str) -> tuple:
        """Localize a result again if the language was changed while it was being computed."""
        if workspace.language in (None, language):
            return (gr.skip(),) * 4
        return self.localize(workspace, language)

    def localize(self, workspace: Workspace, language: str) -> tuple:
        """Return values for status, comparison, facts and scores."""
        if workspace.source is None:
            # There is no result, or not yet: the page may just be opening its first example.
            return (gr.skip(),) * 4
        return self._status_line(workspace, language), *self.result_updates(workspace, language)[:3]

    @staticmethod
    def _status_line(workspace: Workspace, language: str) -> str:
        """Return the status line while no run is going on."""
        sentence = ""
        if workspace.after is not None:
            seconds = f"{workspace.facts['seconds']:.1f}"
            sentence = text(language, "status.done", seconds=seconds)
        elif workspace.source is not None:
            width, height = workspace.size
            sentence = text(
                language, "status.ready", name=workspace.name, width=width, height=height
            )
        return markup.status(sentence)

    def follow_steps(self, steps: Iterator[Any], language: str) -> Iterator[tuple]:
        """Turn the steps of a run into updates of the page; an error becomes its sentence."""
        unchanged = (gr.skip(),) * 5
        try:
            for step in steps:
                if isinstance(step, Workspace):
                    yield self._finished(step, language)
                    return
                sentence, progress = step
                line = markup.status(sentence, progress=progress or 0)
                yield line, *self.buttons(working=True), *unchanged, gr.skip()
        except Exception as error:
            yield self.failed(error, language)

    def _finished(self, workspace: Workspace, language: str) -> tuple:
        workspace = dataclasses.replace(workspace, language=language)
        sigma = workspace.facts.get("sigma")
        strength = gr.skip() if sigma is None else round(sigma * 255)
        return (
            self._status_line(workspace, language),
            *self.buttons(working=False),
            *self.result_updates(workspace, language),
            strength,
        )

    def failed(self, error: Exception, language: str) -> tuple:
        """Return the updates of a run that ended with an error."""
        unchanged = (gr.skip(),) * 6
        return self.problem(error, language), *self.buttons(working=False), *unchanged

    def change_amount(self, amount: float, workspace: Workspace, language: str) -> tuple:
        """Blend the last result again with a new amount."""
        if workspace.restored is None or TASKS[workspace.task_id].scale > 1:
            return (gr.skip(),) * 6
        try:
            workspace = workflow.change_amount(workspace, amount / 100, self.store)
        except Exception as error:
            return self.problem(error, language), *((gr.skip(),) * 5)
        line = markup.status(text(language, "status.blended", amount=round(amount)))
        return line, *self.result_updates(workspace, language)

    def show_kernel(self, workspace: Workspace, language: str) -> dict:
        """Return the value of the pad, which can start from the kernel that was read."""
        return pad_value(language, workspace.facts.get("blur_kernel"))

    def offer(self, suffix: str, workspace: Workspace, language: str) -> tuple:
        """Offer the result for download in a format."""
        if workspace.after is None:
            return gr.skip(), gr.skip()
        try:
            path = workflow.encode(workspace, suffix, self.store)
        except Exception as error:
            return gr.skip(), self.problem(error, language)
        return gr.DownloadButton(value=str(path), interactive=True), gr.skip()

    def result_updates(self, workspace: Workspace, language: str) -> tuple:
        """Return values for comparison, facts, scores, download (``offer`` fills it), workspace."""
        return (
            self.comparison(workspace, language),
            markup.facts_line(language, workspace.task_id, workspace.facts),
            markup.score_table(language, workspace.task_id, workspace.scores),
            gr.DownloadButton(value=None, interactive=False),
            workspace,
        )

    @staticmethod
    def comparison(workspace: Workspace, language: str) -> dict | None:
        """Return the value of the before/after slider."""
        if workspace.after is None:
            return None
        task = TASKS[workspace.task_id]
        before = "compare.before"
        if task.scale > 1:
            before = "compare.before.bicubic"
        elif workspace.truth is not None:
            before = "compare.before.damaged"
        steps = workspace.facts.get("steps") or [workspace.task_id]
        label = " → ".join(text(language, f"task.short.{step}") for step in steps)
        keys = TEXT_KEYS - {"before", "after"}
        return compare_value(
            before_url=get_url(workspace.before),
            after_url=get_url(workspace.preview_after or workspace.after),
            width=workspace.size[0],
            height=workspace.size[1],
            texts={
                "before": text(language, before, scale=task.scale),
                "after": text(language, "compare.after", task=label),
                **{key: text(language, f"compare.{key}") for key in keys},
            },
        )

    @staticmethod
    def buttons(*, working: bool) -> tuple:
        """Return updates of Run and Stop."""
        return gr.Button(interactive=not working), gr.Button(interactive=working)

    @staticmethod
    def problem(error: Exception, language: str) -> str:
        """Return the status line of an error, and log what is no visitor's fault."""
        if workflow.is_our_fault(error):
            log.exception("unexpected error", exc_info=error)
        return markup.status(error_sentence(language, error), error=True)
