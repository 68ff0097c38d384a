"""The feature maps of the chosen layer: all of them, one of them enlarged, and their export."""

import logging
import secrets
from typing import Any

import gradio as gr

from deconv_demo.restoration import load_model
from deconv_demo.ui.event_options import CLIENT_THROTTLED, MODEL_QUEUE
from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.context import InsideContext
from deconv_demo.ui.inside.crop_session import LayerView
from deconv_demo.ui.inside.export import take_value, write_activations
from deconv_demo.ui.inside.maps_data import ORDERS, SCALES, GridOptions, enlarged_value, grid_value
from deconv_demo.ui.static_files import read_scripts
from deconv_demo.ui.workspace import Workspace, get_url

log = logging.getLogger(__name__)

_SCRIPTS = ("request_throttle.js", "maps.js", "export.js")


def request_rerun() -> dict[str, Any]:
    """Return the update of the crop that makes its script request another run ("again")."""
    # Round trip through the browser: an unqueued event cannot start a queued one.
    return gr.HTML(cache_miss=secrets.token_hex(4))


def ack_token() -> str:
    """Return a fresh token; a change of ``ack`` tells the script that its request was handled."""
    return secrets.token_hex(4)  # only a property that changes triggers the script


class MapsSection:
    """The section with the grid of maps.

    Args:
        context: Components and states that all sections share.
        translations: Registry of the texts of components.
        crop: Component that has the network run again when its activations are no longer
            kept; takes ``request_rerun()``.
    """

    name = "inside.tab.maps"

    def __init__(self, context: InsideContext, translations: Translations, crop: gr.HTML) -> None:
        self.context, self.translations, self.crop = context, translations, crop

    def build(self) -> None:
        """Build the layout of the section."""
        with gr.Row(elem_classes="inside-options"):
            self.scale = self._switch("scale", SCALES)
            self.order = self._switch("order", ORDERS)
        self.atlas = gr.HTML(
            value=None,
            enlarged=None,
            ack=None,
            file=None,
            html_template='<div class="inside"></div>',
            js_on_load=read_scripts(__file__, *_SCRIPTS),
            elem_id="atlas",
        )

    def _switch(self, name: str, choices: tuple[str, ...]) -> gr.Radio:
        return self.translations.register(
            gr.Radio(
                choices=list(choices),
                value=choices[0],
                scale=0,
                min_width=280,
                elem_id=f"maps-{name}",
                elem_classes="switch",
                container=False,
            ),
            label=f"inside.{name}",
            choices=[(f"inside.{name}.{choice}", choice) for choice in choices],
        )

    @property
    def options(self) -> list[gr.Radio]:
        """Components whose values ``shown`` takes as scale and order."""
        return [self.scale, self.order]

    def shown(
        self, workspace: Workspace, view: LayerView, scale: str, order: str, language: str
    ) -> dict[str, Any]:
        """Return the content of the grid."""
        options = GridOptions(scale=scale, order=order)
        grid = grid_value(view, options, language)
        return {**grid, "take": take_value(workspace, view, options, language)}

    def wire(self) -> None:
        """Connect the events inside the grid."""
        chosen = [self.context.workspace, self.context.layer, self.context.corner]
        # Kept activations need no network, so this event need not wait in the model queue.
        self.atlas.pick(
            self._enlarge,
            [*chosen, *self.options, self.context.language],
            [self.atlas, self.crop],
            **CLIENT_THROTTLED,
        )
        self.atlas.take(self._take, chosen, self.atlas, **MODEL_QUEUE)

    def _enlarge(
        self,
        request: gr.Request,
        event: gr.EventData,
        workspace: Workspace,
        layer: str,
        corner: tuple[int, int] | None,
        scale: str,
        order: str,
        language: str,
    ) -> tuple:
        try:
            visitor = str(request.session_hash)
            activations = crop_session.kept_activations(visitor, workspace, corner)
            if activations is None:
                return gr.HTML(ack=ack_token()), request_rerun()
            enlarged = enlarged_value(
                crop_session.view_layer(workspace, layer, activations, corner),
                load_model(workspace.task_id),
                int(event.channel),
                GridOptions(scale=scale, order=order),
                language,
            )
            # The script tells by the ticket to which of its requests this is the answer.
            enlarged["ticket"] = int(event.ticket)
            return gr.HTML(enlarged=enlarged, ack=ack_token()), gr.skip()
        except Exception:
            log.exception("cannot enlarge a map of %r", layer)
            return gr.HTML(ack=ack_token()), gr.skip()

    def _take(
        self,
        request: gr.Request,
        event: gr.EventData,
        workspace: Workspace,
        layer: str,
        corner: tuple[int, int] | None,
    ) -> Any:
        try:
            visitor = str(request.session_hash)
            activations = crop_session.compute_activations(visitor, workspace, corner)
            view = crop_session.view_layer(workspace, layer, activations, corner)
            everything = activations if event.which == "all" else None
            path = write_activations(workspace, view, everything, self.context.store)
            return gr.HTML(file={"address": get_url(path), "name": path.name})
        except Exception:
            log.exception("cannot write activations of %r", layer)
            return gr.skip()
