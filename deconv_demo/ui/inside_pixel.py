"""What one pixel sees: fields, their reverse, and units projected back to the picture."""

import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from deconv_demo.ui import inspecting, seeing
from deconv_demo.ui.inside_context import InsideContext
from deconv_demo.ui.language import Translations
from deconv_demo.ui.section_panel import EVERY, build_panel, problem, wire_staleness, words_of
from deconv_demo.ui.workspace import Workspace

log = logging.getLogger(__name__)


class PixelSection:
    """The section of the tab. Call ``build`` inside its ``gr.Tab``, then ``wire``."""

    name = "inside.pixel.tab"

    def __init__(self, context: InsideContext, translations: Translations) -> None:
        self.context, self.translations = context, translations

    def build(self) -> None:
        """Place the panel."""
        self.panel = build_panel("pixel", seen=None, map=None, projection=None)

    def wire(self) -> None:
        """Connect the events."""
        context = self.context
        view = [context.workspace, context.corner, context.layer]
        wire_staleness(self.panel, context, "pixel", layer=True)
        self.panel.look(self._look, view, self.panel, **EVERY)
        self.panel.field(self._field, view, self.panel, **EVERY)
        self.panel.reach(self._reach, view, self.panel, **EVERY)
        self.panel.channel(self._channel, view, self.panel, **EVERY)
        self.panel.unit(self._unit, view, self.panel, **EVERY)

    @property
    def told(self) -> list[gr.HTML]:
        """Components whose content is told anew in another language by ``retold``."""
        return [self.panel]

    def retold(self, _workspace: Workspace, language: str) -> list[gr.HTML]:
        """Return the content of ``told`` in another language."""
        return [gr.HTML(words=words_of(language, "pixel"))]

    def _look(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def pictures() -> Any:
            if event.have == seeing.state_of(workspace, corner, layer):
                return gr.skip()
            activations = inspecting.activations_of(str(request.session_hash), workspace, corner)
            value = seeing.pictures_value(workspace, corner, activations, layer)
            return gr.HTML(value=value)

        return _shown(workspace, pictures)

    def _field(self, workspace: Workspace, corner, _layer, event: gr.EventData) -> Any:
        place = int(event.row), int(event.column)
        return _shown(
            workspace,
            lambda: gr.HTML(
                seen={
                    "state": event.state,
                    "turn": event.turn,
                    **seeing.field_value(workspace, corner, *place),
                }
            ),
        )

    def _reach(self, workspace: Workspace, corner, _layer, event: gr.EventData) -> Any:
        place = int(event.row), int(event.column)
        return _shown(
            workspace,
            lambda: gr.HTML(
                seen={
                    "state": event.state,
                    "turn": event.turn,
                    **seeing.reach_value(workspace, corner, *place),
                }
            ),
        )

    def _channel(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def feature_map() -> Any:
            visitor, channel = str(request.session_hash), int(event.channel)
            activations = inspecting.activations_of(visitor, workspace, corner)
            value = seeing.map_value(workspace, corner, activations, layer, channel)
            return gr.HTML(map={"state": event.state, "turn": event.turn, **value})

        return _shown(workspace, feature_map)

    def _unit(self, workspace: Workspace, corner, layer, event: gr.EventData) -> Any:
        unit = {name: int(getattr(event, name)) for name in ("channel", "row", "column")}

        def projection() -> Any:
            value = seeing.projection_value(workspace, corner, layer, **unit)
            return gr.HTML(projection={"state": event.state, "turn": event.turn, **value})

        return _shown(workspace, projection)


def _shown(workspace: Workspace, answer: Callable[[], Any]) -> Any:
    if not inspecting.has_result(workspace):
        return gr.HTML(value={"none": True})
    try:
        return answer()
    except Exception as error:
        log.exception("cannot show what a pixel sees")
        return gr.HTML(value=problem(error))
