"""The Look inside tab: the network just used as a map, and the feature maps of a layer."""

import dataclasses
import logging
import secrets
from contextlib import suppress
from typing import Any

import gradio as gr

from deconv_demo.ui import markup
from deconv_demo.ui.event_options import (
    CLIENT_THROTTLED,
    LATEST_ONLY,
    MODEL_QUEUE,
    MODEL_QUEUE_ALL,
    UNQUEUED,
    event_field,
)
from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import Activations
from deconv_demo.ui.inside.context import InsideContext
from deconv_demo.ui.inside.maps import MapsSection, ack_token, request_rerun
from deconv_demo.ui.inside.overview_data import card_value, crop_value, map_value
from deconv_demo.ui.inside.sections import SECTIONS
from deconv_demo.ui.inside.view import View, get_note, layer_choices
from deconv_demo.ui.static_files import read_scripts, read_static
from deconv_demo.ui.texts import error_sentence, text
from deconv_demo.ui.workspace import FileStore

log = logging.getLogger(__name__)


class InsideTab:
    """The components of the tab and the wiring of their events.

    The network runs on the crop when the tab is opened or the crop is moved; the outputs of all
    layers are kept (``crop_session.STORE``), so that a walk through the layers runs nothing.

    Args:
        language: State with the language of the visitor.
        workspace: State with the visitor's workspace.
        translations: Registry of the texts of components.
        store: Store that writes the files.

    Call ``build`` inside ``gr.Blocks``, then ``wire``.
    """

    def __init__(
        self, language: gr.State, workspace: gr.State, translations: Translations, store: FileStore
    ) -> None:
        self.language, self.workspace = language, workspace
        self.translations, self.store = translations, store
        self.sections: list = []

    @staticmethod
    def style_sheets() -> str:
        """Return the style sheets of the tab."""
        return read_static(__file__, "tab.css", "map.css", "sections.css")

    def build(self) -> None:
        """Build the layout of the tab."""
        tr = self.translations.register
        self.corner, self.seen = gr.State(None), gr.State(None)
        self.note = gr.HTML(value=markup.status(text("en", "inside.none")), elem_id="inside-note")
        self.network = self._drawn(
            "network", "map.js", elem_id="network-map", chosen=None, ack=None
        )
        with gr.Row(elem_classes="inside-chosen"):
            with gr.Column(scale=0, min_width=190, elem_classes="inside-crop"):
                self.crop = self._drawn(
                    "crop", "crop.js", elem_id="inside-crop", cache_miss=None, ack=None
                )
            with gr.Column(scale=1, min_width=300):
                with gr.Row(elem_classes="inside-bar"):
                    self.previous = tr(
                        gr.Button(scale=0, min_width=110, elem_id="previous-layer"),
                        value="inside.previous",
                    )
                    self.layer = tr(
                        gr.Dropdown(
                            choices=[], scale=1, min_width=240, show_label=False, elem_id="layer"
                        ),
                        label="inside.layer",
                    )
                    self.next = tr(
                        gr.Button(scale=0, min_width=110, elem_id="next-layer"),
                        value="inside.next",
                    )
                self.card = self._drawn("layer-card", "card.js", elem_id="layer-card", ack=None)
        context = InsideContext(
            language=self.language,
            workspace=self.workspace,
            layer=self.layer,
            corner=self.corner,
            store=self.store,
        )
        self.maps = MapsSection(context, self.translations, self.crop)
        with gr.Tabs(elem_id="inside-tabs", overflow_behavior="wrap"):
            with tr(gr.Tab(id="maps"), label=self.maps.name):
                self.maps.build()
            for section_id, section_class in SECTIONS.items():
                section = section_class(context, self.translations)
                with tr(gr.Tab(id=section_id), label=section.name):
                    section.build()
                self.sections.append(section)

    @staticmethod
    def _drawn(class_name: str, script: str, **settings: Any) -> gr.HTML:
        return gr.HTML(
            value=None,
            html_template=f'<div class="{class_name}"></div>',
            js_on_load=read_scripts(__file__, "request_throttle.js", script),
            **settings,
        )

    @property
    def _everything(self) -> list:
        """Outputs of ``_all``."""
        pictures = [self.note, self.network, self.crop, self.card, self.maps.atlas]
        return [self.seen, self.corner, self.layer, *pictures]

    @property
    def localized_outputs(self) -> list:
        """Components whose content is replaced by ``localize`` in another language."""
        sections = [
            component for section in self.sections for component in section.localized_outputs
        ]
        return [*self._everything, *sections]

    @property
    def view(self) -> list:
        """Inputs of ``localize`` besides workspace and language."""
        return [self.seen, self.corner, self.layer, *self.maps.options]

    def localize(self, visitor: str, *values: Any) -> list:
        """Return the content of ``localized_outputs`` in another language.

        Args:
            visitor: Name of the session.
            *values: Values of workspace, language and the components of ``view``.
        """
        view, unchanged = View(*values), gr.skip()
        if view.seen is None:  # not opened yet
            note = markup.status(text(view.language, "inside.none"))
            own = [*((unchanged,) * 3), note, *((unchanged,) * 4)]
        elif crop_session.is_kept(visitor, view.workspace, view.corner):
            own = list(self._all(visitor, view))
        else:
            own = [*((unchanged,) * 5), request_rerun(), *((unchanged,) * 2)]
        sections = [section.localize(view.workspace, view.language) for section in self.sections]
        return [*own, *(value for contents in sections for value in contents)]

    def wire(self, tab: gr.Tab) -> None:
        """Connect the events."""
        view = [self.workspace, self.language, *self.view]
        shown = [self.network, self.layer, self.card, self.maps.atlas, self.crop]
        everything = self._everything
        tab.select(self._wait, view, self.note, **UNQUEUED).then(
            self._open, view, everything, **MODEL_QUEUE
        )
        self.crop.place(self._wait_for_place, self.language, self.note, **UNQUEUED)
        self.crop.place(self._place, view, everything, **MODEL_QUEUE_ALL)
        # Activations that had to make room for others are computed again.
        self.crop.again(self._open, view, everything, **MODEL_QUEUE)
        self.network.pick(self._pick, view, shown, **CLIENT_THROTTLED)
        self.card.pick(self._pick_part, view, shown, **CLIENT_THROTTLED)
        self.layer.input(self._choose, view, shown, **LATEST_ONLY)
        self.previous.click(self._step_back, view, shown, **LATEST_ONLY)
        self.next.click(self._step_on, view, shown, **LATEST_ONLY)
        for option in self.maps.options:
            option.input(self._choose, view, shown, **LATEST_ONLY)
        for section in (self.maps, *self.sections):
            section.wire()

    @staticmethod
    def leave(request: gr.Request) -> None:
        """Drop the activations of a visitor who has closed the page."""
        crop_session.STORE.forget(_visitor(request))

    def _wait(self, request: gr.Request, *values: Any) -> Any:
        """Return a waiting message, before the model queue is free."""
        view = View(*values)
        corner = view.corner if view.seen == str(view.workspace.network_input) else None
        has_result = crop_session.has_result(view.workspace)
        if has_result and not crop_session.is_kept(_visitor(request), view.workspace, corner):
            return self._wait_for_place(view.language)
        return gr.skip()

    @staticmethod
    def _wait_for_place(language: str) -> str:
        return markup.status(text(language, "inside.running"))

    def _open(self, request: gr.Request, *values: Any) -> tuple:
        return self._all(_visitor(request), View(*values))

    def _place(self, request: gr.Request, event: gr.EventData, *values: Any) -> tuple:
        view = View(*values)
        # A request that does not come from the page keeps the corner as it was.
        with suppress(AttributeError, TypeError, ValueError, OverflowError):
            view = dataclasses.replace(view, corner=(int(event.left), int(event.top)))
        *others, crop, card, atlas = self._all(_visitor(request), view)
        return *others, gr.HTML(value=crop, ack=ack_token()), card, atlas

    def _pick(self, request: gr.Request, event: gr.EventData, *values: Any) -> tuple:
        one = self._asked_for(request, event, *values)
        # The map has already marked the pick, before any request.
        return gr.HTML(ack=ack_token()), *one[1:]

    def _pick_part(self, request: gr.Request, event: gr.EventData, *values: Any) -> tuple:
        network, layer, card, *maps = self._asked_for(request, event, *values)
        content = {"value": card} if isinstance(card, dict) and "facts" in card else {}
        return network, layer, gr.HTML(**content, ack=ack_token()), *maps

    def _asked_for(self, request: gr.Request, event: gr.EventData, *values: Any) -> tuple:
        view = dataclasses.replace(View(*values), layer=event_field(event, "layer"))
        return self._one(_visitor(request), view)

    def _choose(self, request: gr.Request, *values: Any) -> tuple:
        return self._one(_visitor(request), View(*values))

    def _step_back(self, request: gr.Request, *values: Any) -> tuple:
        return self._one(_visitor(request), View(*values), step=-1)

    def _step_on(self, request: gr.Request, *values: Any) -> tuple:
        return self._one(_visitor(request), View(*values), step=1)

    def _all(self, visitor: str, view: View) -> tuple:
        """Run the crop if necessary, and return the content of the whole tab."""
        workspace, language = view.workspace, view.language
        if not crop_session.has_result(workspace):
            note = markup.status(text(language, "inside.none"))
            return None, None, gr.skip(), note, *((None,) * 4)
        try:
            given = str(workspace.network_input)
            layers = crop_session.get_layers(workspace)
            known = view.layer in [facts.name for facts in layers]
            view = dataclasses.replace(
                view,
                # Another picture than last time starts at its middle. Another network, without
                # the layer of that name, starts at its first one.
                corner=view.corner if view.seen == given else None,
                layer=view.layer if known else layers[0].name,
            )
            activations = crop_session.compute_activations(visitor, workspace, view.corner)
            drawing = map_value(workspace, activations, view.corner, language)
            return (
                given,
                view.corner,
                gr.Dropdown(choices=layer_choices(layers), value=view.layer),
                get_note(view),
                gr.HTML(value=drawing, chosen=_mark(view.layer)),
                crop_value(workspace, view.corner, language),
                card_value(workspace, view.layer, language),
                self._maps(activations, view),
            )
        except Exception as error:
            log.exception("cannot look inside")
            problem = markup.status(error_sentence(language, error), error=True)
            return gr.skip(), gr.skip(), gr.skip(), problem, *((None,) * 4)

    def _one(self, visitor: str, view: View, *, step: int = 0) -> tuple:
        """Show a layer of the recorded pass: on the map, in the list, its card, its maps."""
        unchanged = (gr.skip(),) * 5
        if view.workspace.network_input is None or view.seen != str(view.workspace.network_input):
            return unchanged  # another picture since: it is shown when the tab is opened
        try:
            names = [facts.name for facts in crop_session.get_layers(view.workspace)]
            if view.layer not in names:
                return unchanged
            layer = names[min(max(names.index(view.layer) + step, 0), len(names) - 1)]
            view = dataclasses.replace(view, layer=layer)
            activations = crop_session.kept_activations(visitor, view.workspace, view.corner)
            maps, rerun = gr.skip(), request_rerun()
            if activations is not None:
                maps, rerun = self._maps(activations, view), gr.skip()
            card = card_value(view.workspace, layer, view.language)
            return gr.HTML(chosen=_mark(layer)), gr.Dropdown(value=layer), card, maps, rerun
        except Exception:
            log.exception("cannot show the layer %r", view.layer)
            return unchanged

    def _maps(self, activations: Activations, view: View) -> dict[str, Any]:
        layer = crop_session.view_layer(view.workspace, view.layer, activations, view.corner)
        return self.maps.shown(view.workspace, layer, view.scale, view.order, view.language)


def _visitor(request: gr.Request) -> str:
    return str(request.session_hash)


def _mark(layer: str) -> dict[str, str]:
    # A visitor may have chosen another layer on the map since this one was marked: the new value
    # must differ from the last one sent, or the page would ignore it.
    return {"layer": layer, "ticket": secrets.token_hex(4)}
