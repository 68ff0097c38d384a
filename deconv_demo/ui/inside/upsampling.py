"""The upsampling section: kernels, kernel copy, overlap and meter of a transposed convolution."""

from typing import Any

import gradio as gr

from deconv_demo.restoration import load_model
from deconv_demo.ui.event_options import MODEL_QUEUE_ALL
from deconv_demo.ui.inside import crop_session, upsampling_data
from deconv_demo.ui.inside.panel import PanelSection, panel_update
from deconv_demo.ui.workspace import Workspace


class UpsamplingSection(PanelSection):
    """The section on one transposed convolution: kernels, maps, kernel copy, overlap and meter."""

    section = "lens"
    scripts = ("upsampling.js",)
    properties = {"meter": None}

    def wire(self) -> None:
        """Connect the events."""
        self.wire_staleness()
        self.panel.look(self._look, self.view, self.panel, **MODEL_QUEUE_ALL)
        self.panel.measure(self._measure, self.view, self.panel, **MODEL_QUEUE_ALL)

    def _look(
        self, workspace: Workspace, corner, layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def lens() -> Any:
            names = upsampling_data.transposed_layers(load_model(workspace.task_id))
            # A transposed convolution that was chosen on the map since then is shown here too.
            chosen = layer if layer in names and layer != event.followed else event.layer
            name = chosen if chosen in names else names[-1]
            same = name == event.layer
            wanted = {
                "source": _number(event.input_channel) if same else None,
                "target": _number(event.output_channel) if same else None,
            }
            state = f"{crop_session.view_key(workspace, corner)} {name} {wanted}"
            if state == event.have:
                return gr.skip()
            activations = crop_session.compute_activations(
                str(request.session_hash), workspace, corner
            )
            value = upsampling_data.upsampling_view(workspace, corner, activations, name, **wanted)
            measured = f"{crop_session.view_key(workspace, corner)} {name}"
            return gr.HTML(
                value={
                    **value,
                    "state": state,
                    "measured": measured,
                    "followed": layer,
                    "turn": event.turn,
                }
            )

        return panel_update(workspace, lens)

    def _measure(
        self, workspace: Workspace, corner, _layer, request: gr.Request, event: gr.EventData
    ) -> Any:
        def meter() -> Any:
            names = upsampling_data.transposed_layers(load_model(workspace.task_id))
            name = event.layer if event.layer in names else names[-1]
            activations = crop_session.compute_activations(
                str(request.session_hash), workspace, corner
            )
            value = upsampling_data.checkerboard_view(workspace, corner, activations, name)
            measured = f"{crop_session.view_key(workspace, corner)} {name}"
            return gr.HTML(meter={**value, "measured": measured})

        return panel_update(workspace, meter)


def _number(sent: Any) -> int | None:
    return None if sent is None else int(sent)
