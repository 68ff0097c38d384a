"""Transposed convolutions under the lens: kernels, stamp, overlap and checkerboard meter."""

from typing import Any

import gradio as gr

from deconv_demo.ui import inspecting, lensing
from deconv_demo.ui.event_kinds import EVERY
from deconv_demo.ui.section_panel import PanelSection, shown, wire_staleness
from deconv_demo.ui.workspace import Workspace
from deconv_demo.weights import load_model


class LensSection(PanelSection):
    """One transposed convolution: its kernels, maps, stamp, overlap and meter."""

    section = "lens"
    properties = {"meter": None}

    def wire(self) -> None:
        """Connect the events."""
        wire_staleness(self.panel, self.context, self.section, layer=True)
        self.panel.look(self._look, self.view, self.panel, **EVERY)
        self.panel.measure(self._measure, self.view, self.panel, **EVERY)

    def _look(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def lens() -> Any:
            names = lensing.transposed_layers(load_model(workspace.task_id))
            # A transposed convolution that was chosen on the map since is looked at here too.
            chosen = layer if layer in names and layer != event.followed else event.layer
            name = chosen if chosen in names else names[-1]
            same = name == event.layer
            wanted = {
                "source": _number(event.input_channel) if same else None,
                "target": _number(event.output_channel) if same else None,
            }
            state = f"{lensing.state_of(workspace, corner)} {name} {wanted}"
            if state == event.have:
                return gr.skip()
            activations = inspecting.activations_of(str(request.session_hash), workspace, corner)
            value = lensing.lens_value(workspace, corner, activations, name, **wanted)
            measured = f"{lensing.state_of(workspace, corner)} {name}"
            return gr.HTML(
                value={
                    **value,
                    "state": state,
                    "measured": measured,
                    "followed": layer,
                    "turn": event.turn,
                }
            )

        return shown(workspace, lens)

    def _measure(
        self, workspace: Workspace, corner, _layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def meter() -> Any:
            names = lensing.transposed_layers(load_model(workspace.task_id))
            name = event.layer if event.layer in names else names[-1]
            activations = inspecting.activations_of(str(request.session_hash), workspace, corner)
            value = lensing.meter_value(workspace, corner, activations, name)
            measured = f"{lensing.state_of(workspace, corner)} {name}"
            return gr.HTML(meter={**value, "measured": measured})

        return shown(workspace, meter)


def _number(sent: Any) -> int | None:
    return None if sent is None else int(sent)
