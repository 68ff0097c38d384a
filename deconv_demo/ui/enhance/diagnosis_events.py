"""The event handlers of "What does this photo need?"."""

from collections.abc import Iterator

import gradio as gr

from deconv_demo.pictures import PictureError
from deconv_demo.tasks import TASKS
from deconv_demo.ui import markup
from deconv_demo.ui.enhance import diagnosis
from deconv_demo.ui.enhance.handlers import EnhanceEvents
from deconv_demo.ui.texts import text
from deconv_demo.ui.workspace import Workspace


class DiagnosisEvents:
    """The handlers of the button that looks and of the one that does what was proposed.

    Args:
        events: The handlers of the tab, which show progress and results.
    """

    def __init__(self, events: EnhanceEvents) -> None:
        self.events = events

    def look(self, workspace: Workspace, language: str) -> Iterator[tuple]:
        """Look at the picture: status, Run, Stop, findings, the button to do it, the steps."""
        line = markup.status(text(language, "status.looking"), progress=0)
        yield line, *self.events.buttons(working=True), gr.skip(), gr.skip(), gr.skip()
        try:
            found, strip = diagnosis.look_at(workspace)
        except Exception as error:
            yield (
                self.events.problem(error, language),
                *self.events.buttons(working=False),
                *diagnosis.empty_diagnosis(),
            )
            return
        yield (
            markup.status(text(language, "status.looked")),
            *self.events.buttons(working=False),
            diagnosis.diagnosis_html(found, strip),
            gr.Button(visible=bool(found.steps)),
            list(found.steps),
        )

    def follow(self, steps: list[str], workspace: Workspace, language: str) -> Iterator[tuple]:
        """Run the steps that were proposed."""
        known = [task_id for task_id in steps if task_id in TASKS]
        if not known:
            yield self.events.failed(PictureError("no_picture"), language)
            return
        yield from self.events.follow_steps(
            diagnosis.run_steps(workspace, known, language, self.events.store), language
        )
