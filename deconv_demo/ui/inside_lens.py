"""Transposed convolutions under the lens: kernels, stamp, overlap and checkerboard meter."""

import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from deconv_demo.ui import inspecting, lensing
from deconv_demo.ui.inside_context import InsideContext
from deconv_demo.ui.language import Translations
from deconv_demo.ui.section_panel import EVERY, build_panel, problem, wire_staleness, words_of
from deconv_demo.ui.workspace import Workspace
from deconv_demo.weights import load_model

log = logging.getLogger(__name__)


class LensSection:
    """The section of the tab. Call ``build`` inside its ``gr.Tab``, then ``wire``."""

    name = "inside.lens.tab"

    def __init__(self, context: InsideContext, translations: Translations) -> None:
        self.context, self.translations = context, translations

    def build(self) -> None:
        """Place the panel."""
        self.panel = build_panel("lens", meter=None)

    def wire(self) -> None:
        """Connect the events."""
        context = self.context
        view = [context.workspace, context.corner, context.layer]
        wire_staleness(self.panel, context, "lens", layer=True)
        self.panel.look(self._look, view, self.panel, **EVERY)
        self.panel.measure(self._measure, view, self.panel, **EVERY)

    @property
    def told(self) -> list[gr.HTML]:
        """Components whose content is told anew in another language by ``retold``."""
        return [self.panel]

    def retold(self, _workspace: Workspace, language: str) -> list[gr.HTML]:
        """Return the content of ``told`` in another language."""
        return [gr.HTML(words=words_of(language, "lens"))]

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

        return _shown(workspace, lens)

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

        return _shown(workspace, meter)


def _number(sent: Any) -> int | None:
    return None if sent is None else int(sent)


def _shown(workspace: Workspace, answer: Callable[[], Any]) -> Any:
    if not inspecting.has_result(workspace):
        return gr.HTML(value={"none": True})
    try:
        return answer()
    except Exception as error:
        log.exception("cannot look at a transposed convolution")
        return gr.HTML(value=problem(error))
