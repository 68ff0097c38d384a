"""The stepper: a transposed convolution worked by hand, wholly in the page."""

from deconv_demo.ui.lab.presets import PRESETS, as_json
from deconv_demo.ui.lab.section import ScriptedSection

_SCRIPTS = (
    "transposed.js",
    "stepper_boards.js",
    "stepper.js",
    "stepper_view.js",
    "stepper_words.js",
    "stepper_redraw.js",
)


class StepperSection(ScriptedSection):
    """The first section of the lab: boards of numbers, and time to step through."""

    name = "lab.stepper"
    prefix = "lab.stepper."

    def build(self) -> None:
        """Lay the section out."""
        # Never sent anew: what a visitor made of it stays, in whatever language.
        presets = {name: as_json(run) for name, run in PRESETS.items()}
        self.build_panel("stepper", _SCRIPTS, {"presets": presets})

    def wire(self) -> None:
        """Connect the events: it has none, every step is taken in the page."""
