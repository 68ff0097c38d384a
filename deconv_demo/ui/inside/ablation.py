"""Ablation: switch off channels, blocks and skip connections, and see what the picture loses."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from deconv_demo.ui.event_options import MODEL_QUEUE_ALL, PRIVATE
from deconv_demo.ui.inside import ablation_data
from deconv_demo.ui.inside.panel import PanelSection, panel_update
from deconv_demo.ui.workspace import Workspace


class AblationSection(PanelSection):
    """The section on ablation: a table of what can be switched off, and the edited output."""

    section = "surgery"
    scripts = ("channel_importance.js", "ablation.js")
    properties = {"result": None, "ranking": None}

    def wire(self) -> None:
        """Connect the events."""
        self.wire_staleness()
        ranking = self.panel.rank(self._rank, self.view, self.panel, **MODEL_QUEUE_ALL)
        # The next action of the visitor cancels a ranking, which would be in its way.
        instead = {**MODEL_QUEUE_ALL, "cancels": [ranking]}
        self.panel.look(self._look, self.view, self.panel, **instead)
        self.panel.operate(self._operate, self.view, self.panel, **instead)
        self.panel.stop(None, None, None, cancels=[ranking], queue=False, **PRIVATE)

    def _look(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def table() -> Any:
            subject = ablation_data.load_subject(str(request.session_hash), workspace, corner)
            if event.have == ablation_data.view_key(subject, layer):
                return gr.skip()
            return gr.HTML(value=ablation_data.ablation_view(subject, layer))

        return panel_update(workspace, table)

    def _operate(
        self, workspace: Workspace, corner, _layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def result() -> Any:
            subject = ablation_data.load_subject(str(request.session_hash), workspace, corner)
            edits = ablation_data.edits_from(event.edits, subject)
            return gr.HTML(result={**ablation_data.operate(subject, edits), "turn": event.turn})

        return panel_update(workspace, result)

    def _rank(self, workspace: Workspace, corner, layer, request: gr.Request) -> Iterator[Any]:
        def states() -> Iterator:
            subject = ablation_data.load_subject(str(request.session_hash), workspace, corner)
            yield from ablation_data.rank(subject, layer)

        ranking = states()
        while True:
            update = panel_update(workspace, lambda: next(ranking, None))
            if isinstance(update, gr.HTML):  # why there is none, or no more
                yield update
                return
            if update is None:
                return
            yield gr.HTML(ranking=update)
