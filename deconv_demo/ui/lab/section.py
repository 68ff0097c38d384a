"""What the sections of the lab have in common."""

from typing import Any

import gradio as gr

from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.static_files import read_static
from deconv_demo.ui.texts import texts_under
from deconv_demo.ui.visibility import build_seen
from deconv_demo.ui.workspace import Workspace


class LabSection:
    """A section of the lab: a tab inside the tab.

    Args:
        language: State with the language of the visitor.
        workspace: State with what the visitor is working on.
        translations: Where the texts of components are registered.

    Attributes:
        name: Text key of its title.
    """

    name: str

    def __init__(self, language: gr.State, workspace: gr.State, translations: Translations) -> None:
        self.language, self.workspace, self.translations = language, workspace, translations


class ServedSection(LabSection):
    """A section that is worked out on the server, once somebody comes to it.

    ``build`` has to begin with ``build_seen``.
    """

    def build_seen(self) -> None:
        """Place what tells that somebody is here, and what remembers what is shown."""
        self.seen = build_seen()
        # So that coming back to the same picture costs nothing.
        self.shown = gr.State("")

    @property
    def told(self) -> list[gr.HTML]:
        """The one that makes the section tell itself anew; its content depends on controls."""
        return [self.seen]

    def retold(self, workspace: Workspace, language: str) -> list[str]:
        """Return the content of ``told``."""
        return [language]


class ScriptedSection(LabSection):
    """A section that a script draws: one component, with all of its words.

    Attributes:
        prefix: What the text keys of the script begin with.
    """

    prefix: str

    def build_panel(self, name: str, scripts: tuple[str, ...], value: Any) -> gr.HTML:
        """Place it.

        Args:
            name: Class of the element that the script fills, and the component's id.
            scripts: Files of ``static`` that are run one after another, as one.
            value: What the script shows first.
        """
        self.panel = gr.HTML(
            value=value,
            texts=texts_under("en", self.prefix),
            # A constant, so that Gradio leaves alone what the script has put in.
            html_template=f'<div class="{name}"></div>',
            js_on_load=read_static(__file__, *scripts),
            apply_default_css=False,
            elem_id=name,
        )
        return self.panel

    @property
    def told(self) -> list[gr.HTML]:
        """Components whose content is told anew in another language by ``retold``."""
        return [self.panel]

    def retold(self, workspace: Workspace, language: str) -> list[gr.HTML]:
        """Return the content of ``told`` in another language."""
        return [gr.HTML(texts=texts_under(language, self.prefix))]
