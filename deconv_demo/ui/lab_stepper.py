"""The stepper: a transposed convolution worked by hand, wholly in the page."""

from pathlib import Path

import gradio as gr

from deconv_demo.ui.lab_presets import PRESETS, as_json
from deconv_demo.ui.language import Translations
from deconv_demo.ui.texts import texts_under
from deconv_demo.ui.workspace import Shelf, Workspace

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = (
    "transposed.js",
    "stepper_boards.js",
    "stepper.js",
    "stepper_view.js",
    "stepper_redraw.js",
)


class StepperSection:
    """The first section of the lab: boards of numbers, and time to step through.

    Args:
        language: State with the language of the visitor.
        workspace: State with what the visitor is working on.
        translations: Where the texts of components are registered.
        shelf: Where files for the visitor are put.
    """

    name = "lab.stepper"

    def __init__(
        self, language: gr.State, workspace: gr.State, translations: Translations, shelf: Shelf
    ) -> None:
        self.translations = translations

    def build(self) -> None:
        """Lay the section out."""
        self.stepper = gr.HTML(
            # Never sent anew: what a visitor made of it stays, in whatever language.
            value={"presets": {name: as_json(run) for name, run in PRESETS.items()}},
            texts=texts_under("en", "lab.stepper."),
            # A constant, so that Gradio leaves alone what the script has put in.
            html_template='<div class="stepper"></div>',
            js_on_load="\n".join((_STATIC / name).read_text(encoding="utf-8") for name in _SCRIPTS),
            apply_default_css=False,
            elem_id="stepper",
        )

    def wire(self) -> None:
        """Connect the events: it has none, every step is taken in the page."""

    @property
    def told(self) -> list[gr.HTML]:
        """Components whose content is told anew in another language by ``retold``."""
        return [self.stepper]

    def retold(self, workspace: Workspace, language: str) -> list:
        """Return the content of ``told`` in another language."""
        return [gr.HTML(texts=texts_under(language, "lab.stepper."))]
