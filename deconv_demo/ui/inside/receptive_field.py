"""Receptive fields of pixels, influence of pixels, and units projected back to the picture."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from deconv_demo.ui.event_options import MODEL_QUEUE_ALL
from deconv_demo.ui.inside import crop_session, receptive_field_data, unit_projection_data
from deconv_demo.ui.inside.panel import PanelSection, panel_update
from deconv_demo.ui.workspace import Workspace


class ReceptiveFieldSection(PanelSection):
    """The section on receptive fields and on units projected back to the picture."""

    section = "pixel"
    scripts = ("receptive_field.js",)
    properties = dict.fromkeys(("seen", "map", "projection"))

    def wire(self) -> None:
        """Connect the events."""
        view = self.view
        self.wire_staleness()
        self.panel.look(self._look, view, self.panel, **MODEL_QUEUE_ALL)
        self.panel.field(self._field, view, self.panel, **MODEL_QUEUE_ALL)
        self.panel.reach(self._reach, view, self.panel, **MODEL_QUEUE_ALL)
        self.panel.channel(self._channel, view, self.panel, **MODEL_QUEUE_ALL)
        self.panel.unit(self._unit, view, self.panel, **MODEL_QUEUE_ALL)

    def _look(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def pictures() -> Any:
            if event.have == receptive_field_data.view_key(workspace, corner, layer):
                return gr.skip()
            activations = crop_session.compute_activations(
                str(request.session_hash), workspace, corner
            )
            value = receptive_field_data.pictures_value(workspace, corner, activations, layer)
            return gr.HTML(value=value)

        return panel_update(workspace, pictures)

    def _field(self, workspace: Workspace, corner, _layer, event: gr.EventData) -> Any:
        return self._seen(receptive_field_data.field_value, workspace, corner, event)

    def _reach(self, workspace: Workspace, corner, _layer, event: gr.EventData) -> Any:
        return self._seen(receptive_field_data.reach_value, workspace, corner, event)

    @staticmethod
    def _seen(
        value_of: Callable[..., dict[str, Any]], workspace: Workspace, corner, event: gr.EventData
    ) -> Any:
        def seen() -> Any:
            value = value_of(workspace, corner, int(event.row), int(event.column))
            return gr.HTML(seen={"state": event.state, "turn": event.turn, **value})

        return panel_update(workspace, seen)

    def _channel(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def feature_map() -> Any:
            visitor, channel = str(request.session_hash), int(event.channel)
            activations = crop_session.compute_activations(visitor, workspace, corner)
            value = receptive_field_data.feature_map_view(
                workspace, corner, activations, layer, channel
            )
            return gr.HTML(map={"state": event.state, "turn": event.turn, **value})

        return panel_update(workspace, feature_map)

    def _unit(self, workspace: Workspace, corner, layer, event: gr.EventData) -> Any:
        def projection() -> Any:
            unit = {name: int(getattr(event, name)) for name in ("channel", "row", "column")}
            value = unit_projection_data.projection_value(workspace, corner, layer, **unit)
            return gr.HTML(projection={"state": event.state, "turn": event.turn, **value})

        return panel_update(workspace, projection)
