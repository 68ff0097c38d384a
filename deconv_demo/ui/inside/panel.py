"""The one component that a section of the Look inside tab draws everything in."""

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
        context: What the sections share.
        translations: Not used: a panel has its texts itself. Every section takes them.

    Attributes:
        section: Its name in file names and text keys.
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
        """Key of the label of its tab."""
        return f"inside.{self.section}.tab"

    def build(self) -> None:
        """Place the panel."""
        self.panel = build_panel(self.section, *self.scripts, **self.properties)

    @property
    def view(self) -> list:
        """What its events are given: the workspace, the place of the crop, the chosen layer."""
        return [self.context.workspace, self.context.corner, self.context.layer]

    @property
    def localized_outputs(self) -> list[gr.HTML]:
        """Components whose content is replaced in another language, by ``localize``."""
        return [self.panel]

    def localize(self, _workspace: Workspace, language: str) -> list[gr.HTML]:
        """Return the content of ``localized_outputs`` in another language."""
        return [gr.HTML(texts=get_texts(language, self.section))]


def build_panel(section: str, *scripts: str, **properties: Any) -> gr.HTML:
    """Place the panel of a section, drawn by scripts of ``static``.

    Its property ``texts`` holds the strings of one language, so that another language is a
    matter of drawing again; ``value`` holds what does not depend on a language.

    Args:
        section: Its name in file names and text keys.
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
    """Return the strings that a panel needs, and which language they are."""
    return {"language": language, **texts_under(language, f"inside.{section}.")}


def wire_staleness(panel: gr.HTML, context: InsideContext, section: str, *, layer: bool) -> None:
    """Tell the panel when what it shows is out of date; it asks for more once it is seen.

    Args:
        panel: Of the section.
        context: What the sections share.
        section: Its name in text keys.
        layer: Whether it shows the chosen layer.
    """

    def other(language: str) -> gr.HTML:
        # Properties that reach a panel before it was ever drawn take the place of all others.
        return gr.HTML(stale=secrets.token_hex(4), texts=get_texts(language, section))

    # Another picture comes while the tab is out of sight, and the panel asks when it is seen.
    for component in [context.corner, *([context.layer] if layer else [])]:
        component.change(other, context.language, panel, **UNQUEUED)


def problem(error: Exception) -> dict[str, Any]:
    """Return the value of a panel that says what went wrong, in every language."""
    return {"problem": {language: error_sentence(language, error) for language in LANGUAGES}}


def panel_update(workspace: Workspace, build: Callable[[], Any]) -> Any:
    """Return the update of a panel that ``build`` makes, or one that says why there is none."""
    if not crop_session.has_result(workspace):
        return gr.HTML(value={"none": True})
    try:
        return build()
    except Exception as error:
        log.exception("cannot answer an event of a panel")
        return gr.HTML(value=problem(error))
