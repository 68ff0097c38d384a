"""Surgery: switch off channels, blocks and skip connections, and see what the picture loses."""

import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from deconv_demo.ui import inspecting, operating
from deconv_demo.ui.inside_context import InsideContext
from deconv_demo.ui.language import Translations
from deconv_demo.ui.section_panel import (
    EVERY,
    QUIET,
    build_panel,
    problem,
    wire_staleness,
    words_of,
)
from deconv_demo.ui.workspace import Workspace

log = logging.getLogger(__name__)


class SurgerySection:
    """The section of the tab. Call ``build`` inside its ``gr.Tab``, then ``wire``."""

    name = "inside.surgery.tab"

    def __init__(self, context: InsideContext, translations: Translations) -> None:
        self.context, self.translations = context, translations

    def build(self) -> None:
        """Place the panel."""
        self.panel = build_panel("surgery", result=None, ranking=None)

    def wire(self) -> None:
        """Connect the events."""
        context = self.context
        view = [context.workspace, context.corner, context.layer]
        wire_staleness(self.panel, context, "surgery", layer=True)
        ranking = self.panel.rank(self._rank, view, self.panel, **EVERY)
        # What the visitor does now takes the place of a ranking, which would be in the way.
        instead = {**EVERY, "cancels": [ranking]}
        self.panel.look(self._look, view, self.panel, **instead)
        self.panel.operate(self._operate, view, self.panel, **instead)
        self.panel.stop(None, None, None, cancels=[ranking], queue=False, **QUIET)

    @property
    def told(self) -> list[gr.HTML]:
        """Components whose content is told anew in another language by ``retold``."""
        return [self.panel]

    def retold(self, _workspace: Workspace, language: str) -> list[gr.HTML]:
        """Return the content of ``told`` in another language."""
        return [gr.HTML(words=words_of(language, "surgery"))]

    def _look(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        if not inspecting.has_result(workspace):
            return gr.HTML(value={"none": True})
        try:
            subject = operating.subject_of(str(request.session_hash), workspace, corner)
            if event.have == operating.state_of(subject, layer):
                return gr.skip()
            return gr.HTML(value=operating.table_value(subject, layer))
        except Exception as error:
            log.exception("cannot prepare the surgery")
            return gr.HTML(value=problem(error))

    def _operate(
        self, workspace: Workspace, corner, _layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        if not inspecting.has_result(workspace):
            return gr.HTML(value={"none": True})
        try:
            subject = operating.subject_of(str(request.session_hash), workspace, corner)
            edits = operating.edits_from(event.edits, subject)
            return gr.HTML(result={**operating.operate(subject, edits), "turn": event.turn})
        except Exception as error:
            log.exception("cannot operate")
            return gr.HTML(value=problem(error))

    def _rank(self, workspace: Workspace, corner, layer, request: gr.Request) -> Iterator[Any]:
        if not inspecting.has_result(workspace):
            yield gr.HTML(value={"none": True})
            return
        try:
            subject = operating.subject_of(str(request.session_hash), workspace, corner)
            for state in operating.rank(subject, layer):
                yield gr.HTML(ranking=state)
        except Exception as error:
            log.exception("cannot rank the channels of %r", layer)
            yield gr.HTML(value=problem(error))
