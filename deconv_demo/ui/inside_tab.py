"""The Look inside tab: pick a layer of the network just used, see its maps on the picture."""

import logging
from pathlib import Path

import gradio as gr

from deconv_demo.ui import inspecting, markup
from deconv_demo.ui.inside_context import InsideContext
from deconv_demo.ui.inside_sections import SECTIONS
from deconv_demo.ui.language import Translations
from deconv_demo.ui.texts import error_sentence, text
from deconv_demo.ui.workspace import Shelf, Workspace

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).parent / "static" / "inside.js"
_QUIET = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_id": "model",
    "concurrency_limit": 1,
}


class InsideTab:
    """The components of the tab and what their events do.

    Args:
        language: State with the language of the visitor.
        workspace: State with what the visitor is working on.
        translations: Where the texts of components are registered.
        shelf: Where files are written.

    Call ``build`` inside ``gr.Blocks``, then ``wire``.
    """

    def __init__(
        self, language: gr.State, workspace: gr.State, translations: Translations, shelf: Shelf
    ) -> None:
        self.language, self.workspace = language, workspace
        self.translations, self.shelf = translations, shelf
        self.sections: list = []

    def build(self) -> None:
        """Lay the tab out."""
        named = self.translations.named
        named(gr.Markdown(), value="inside.intro")
        with gr.Row(elem_classes="inside-bar"):
            self.previous = named(
                gr.Button(scale=0, min_width=120, elem_id="previous-layer"),
                value="inside.previous",
            )
            self.layer = named(
                gr.Dropdown(choices=[], scale=1, min_width=260, elem_id="layer"),
                label="inside.layer",
            )
            self.next = named(
                gr.Button(scale=0, min_width=120, elem_id="next-layer"), value="inside.next"
            )
        self.corner = gr.State(None)
        self.note = gr.HTML(value=markup.status(text("en", "inside.none")), elem_id="inside-note")
        context = InsideContext(
            language=self.language,
            workspace=self.workspace,
            layer=self.layer,
            corner=self.corner,
            shelf=self.shelf,
        )
        with gr.Tabs(elem_id="inside-tabs"):
            with named(gr.Tab(id="maps"), label="inside.tab.maps"):
                self._build_maps()
            for section_id, section_class in SECTIONS.items():
                section = section_class(context, self.translations)
                with named(gr.Tab(id=section_id), label=section.name):
                    section.build()
                self.sections.append(section)

    def _build_maps(self) -> None:
        self.common_scale = self.translations.named(
            gr.Checkbox(value=False, scale=0, min_width=240), label="inside.scale"
        )
        self.atlas = gr.HTML(
            value=None,
            enlarged=None,
            html_template='<div class="inside"></div>',
            js_on_load=_SCRIPT.read_text(encoding="utf-8"),
            elem_id="atlas",
        )

    @property
    def told(self) -> list:
        """Components whose content is told anew in another language by ``retold``."""
        return [self.note, self.atlas, *(one for section in self.sections for one in section.told)]

    @property
    def view(self) -> list:
        """What ``retold`` needs to know beside workspace and language."""
        return [self.layer, self.common_scale]

    def retold(
        self, workspace: Workspace, language: str, layer: str | None, common_scale: bool
    ) -> list:
        """Return the content of ``told`` in another language."""
        if layer is None:  # not opened yet
            own = [markup.status(text(language, "inside.none")), None]
        else:
            own = list(self._show(workspace, layer, common_scale, language)[1:])
        sections = [section.retold(workspace, language) for section in self.sections]
        return [*own, *(value for told in sections for value in told)]

    def wire(self, tab: gr.Tab) -> None:
        """Connect the events."""
        shown = [self.layer, self.note, self.atlas]
        view = [self.workspace, self.layer, self.common_scale, self.language]
        tab.select(self._show, view, shown, **_QUIET)
        self.layer.input(self._show, view, shown, **_QUIET)
        self.common_scale.input(self._show, view, shown, **_QUIET)
        self.previous.click(self._step_back, view, shown, **_QUIET)
        self.next.click(self._step_on, view, shown, **_QUIET)
        self.atlas.pick(
            self._enlarge, [self.workspace, self.layer, self.language], self.atlas, **_QUIET
        )
        for section in self.sections:
            section.wire()

    def _step_back(self, *view) -> tuple:
        return self._show(*view, step=-1)

    def _step_on(self, *view) -> tuple:
        return self._show(*view, step=1)

    def _show(
        self,
        workspace: Workspace,
        layer: str | None,
        common_scale: bool,
        language: str,
        step: int = 0,
    ) -> tuple:
        if not inspecting.has_result(workspace):
            return gr.skip(), markup.status(text(language, "inside.none")), None
        try:
            layers = inspecting.layers_of(workspace)
            names = [facts.name for facts in layers]
            # A network without the layer of that name was used since: start at its first one.
            index = names.index(layer) if layer in names else 0
            name = names[min(max(index + step, 0), len(names) - 1)]
            view = inspecting.view_layer(workspace, name)
        except Exception as error:
            log.exception("cannot show the layer %r", layer)
            return gr.skip(), markup.status(error_sentence(language, error), error=True), None
        width, height = view.crop
        task = text(language, f"task.short.{workspace.task_id}")
        note = f"{task} · {text(language, 'inside.crop', width=width, height=height)}"
        return (
            gr.Dropdown(choices=_choices(layers), value=name),
            markup.status(note),
            inspecting.atlas_value(view, language, common_scale=common_scale),
        )

    def _enlarge(
        self, workspace: Workspace, layer: str, language: str, event: gr.EventData
    ) -> dict:
        if not inspecting.has_result(workspace):
            return gr.skip()
        try:
            view = inspecting.view_layer(workspace, layer)
            return gr.HTML(enlarged=inspecting.enlarged_value(view, int(event.channel), language))
        except Exception:
            log.exception("cannot enlarge a map of %r", layer)
            return gr.skip()


def _choices(layers: list) -> list[tuple[str, str]]:
    """Number the layers, and say shape and kind of each, in terms that need no translation."""
    kinds = {"transposed_conv": "ConvTranspose2d", "conv": "Conv2d", "block": "ResidualBlock"}
    return [
        (
            f"{number} · {facts.name} · {kinds.get(facts.kind, facts.kind)} · "
            f"{facts.channels} × {facts.height} × {facts.width}",
            facts.name,
        )
        for number, facts in enumerate(layers, start=1)
    ]
