"""The panel of a section of the Look inside tab: one component that scripts fill."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

import gradio as gr

from deconv_demo.ui.event_options import UNQUEUED
from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.context import InsideContext
from deconv_demo.ui.static_files import read_scripts
from deconv_demo.ui.texts import LANGUAGES, error_sentence, texts_under
from deconv_demo.ui.workspace import Workspace

log = logging.getLogger(__name__)


class PanelSection:
    """A section of the tab that is one panel. Call ``build`` inside its ``gr.Tab``, then ``wire``.

    Args:
        context: Components and states that the sections share.
        translations: Not used, because a panel has its own texts. Every section takes it.

    Attributes:
        section: Name of the section in element ids, CSS classes and text keys.
        properties: Properties that its script watches, with their first values.
        scripts: Files in ``static`` that draw it, after those that all panels share.
    """

    section: str
    scripts: tuple[str, ...]
    properties: dict[str, Any]

    def __init__(self, context: InsideContext, translations: Translations) -> None:
        self.context = context

    @property
    def name(self) -> str:
        """Text key of the label of its tab."""
        return f"inside.{self.section}.tab"

    def build(self) -> None:
        """Place the panel."""
        self.panel = build_panel(self.section, *self.scripts, **self.properties)

    @property
    def view(self) -> list:
        """Inputs of its events: the workspace, the corner of the crop, the chosen layer."""
        return [self.context.workspace, self.context.corner, self.context.layer]

    @property
    def localized_outputs(self) -> list[gr.HTML]:
        """Components whose content is replaced by ``localize`` in another language."""
        return [self.panel]

    def localize(self, _workspace: Workspace, language: str) -> list[gr.HTML]:
        """Return the content of ``localized_outputs`` in another language."""
        return [gr.HTML(texts=get_texts(language, self.section))]

    def wire_staleness(self) -> None:
        """Tell the panel when its content is out of date; it asks for more once it is seen."""

        def other(language: str) -> gr.HTML:
            # Properties that reach a panel before its first drawing replace all others.
            return gr.HTML(stale=secrets.token_hex(4), texts=get_texts(language, self.section))

        # Another picture comes while the tab is out of sight; the panel asks when it is seen.
        for component in (self.context.corner, self.context.layer):
            component.change(other, self.context.language, self.panel, **UNQUEUED)


def build_panel(section: str, *scripts: str, **properties: Any) -> gr.HTML:
    """Place the panel of a section, drawn by scripts of ``static``.

    Its property ``texts`` holds the strings of one language, so that another language only needs
    a new drawing; ``value`` holds the data that does not depend on a language.

    Args:
        section: Name of the section in element ids, CSS classes and text keys.
        *scripts: Files in ``static`` that draw it, after those that all panels share.
        **properties: Further properties that the script watches, with their first values.
    """
    return gr.HTML(
        value=None,
        html_template=f'<div class="inside-panel inside-{section}"></div>',
        js_on_load=read_scripts(__file__, "request_throttle.js", "parts.js", *scripts),
        elem_id=f"inside-{section}",
        texts=get_texts("en", section),
        stale=0,
        **properties,
    )


def get_texts(language: str, section: str) -> dict[str, str]:
    """Return the strings that a panel needs, and their language."""
    return {"language": language, **texts_under(language, f"inside.{section}.")}


def problem(error: Exception) -> dict[str, Any]:
    """Return the value of a panel for an error, as a sentence in every language."""
    return {"problem": {language: error_sentence(language, error) for language in LANGUAGES}}


def panel_update(workspace: Workspace, build: Callable[[], Any]) -> Any:
    """Return the panel update that ``build`` makes, or one with the reason why there is none."""
    if not crop_session.has_result(workspace):
        return gr.HTML(value={"none": True})
    try:
        return build()
    except Exception as error:
        log.exception("cannot answer an event of a panel")
        return gr.HTML(value=problem(error))
