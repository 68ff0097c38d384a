"""The Transposed convolution tab: its sections, each a tab of its own."""

from typing import Any

import gradio as gr

from deconv_demo.ui.i18n import Translations
from deconv_demo.ui.lab.channels import ChannelsSection
from deconv_demo.ui.lab.dimensions import DimensionsSection
from deconv_demo.ui.lab.inverse import InverseSection
from deconv_demo.ui.lab.names import NamesSection
from deconv_demo.ui.lab.overlap import OverlapSection
from deconv_demo.ui.lab.stepper import StepperSection
from deconv_demo.ui.static_files import read_static
from deconv_demo.ui.workspace import Workspace

# A section is one line here: the id of its tab, and its class.
SECTIONS = {
    "stepper": StepperSection,
    "names": NamesSection,
    "channels": ChannelsSection,
    "inverse": InverseSection,
    "overlap": OverlapSection,
    "dimensions": DimensionsSection,
}


class LabTab:
    """The components of the tab and the wiring of their events.

    Args:
        language: State with the language of the visitor.
        workspace: State with the visitor's workspace.
        translations: Registry of the texts of components.

    Call ``build`` inside ``gr.Blocks``, then ``wire``.
    """

    def __init__(self, language: gr.State, workspace: gr.State, translations: Translations) -> None:
        self.translations = translations
        self.sections = {
            name: section(language, workspace, translations) for name, section in SECTIONS.items()
        }

    @staticmethod
    def style_sheets() -> str:
        """Return the style sheets of the tab."""
        return read_static(__file__, "stepper.css", "names.css", "methods.css")

    def build(self) -> None:
        """Build the layout of the tab."""
        tr = self.translations.register
        with gr.Tabs(elem_id="lab-tabs", overflow_behavior="wrap"):
            for name, section in self.sections.items():
                with tr(gr.Tab(id=name), label=section.name):
                    section.build()

    def wire(self) -> None:
        """Connect the events."""
        for section in self.sections.values():
            section.wire()

    @property
    def localized_outputs(self) -> list[Any]:
        """Components whose content is replaced by ``localize`` in another language."""
        return [
            component
            for section in self.sections.values()
            for component in section.localized_outputs
        ]

    def localize(self, workspace: Workspace, language: str) -> list[Any]:
        """Return the content of ``localized_outputs`` in another language."""
        return [
            content
            for section in self.sections.values()
            for content in section.localize(workspace, language)
        ]
