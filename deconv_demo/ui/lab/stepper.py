"""The stepper: a transposed convolution by hand, entirely in the browser."""

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
    """The first section of the lab: boards of numbers, with steps to go through."""

    name = "lab.stepper"
    prefix = "lab.stepper."

    def build(self) -> None:
        """Build the layout of the section."""
        # Sent only once: a visitor's changes stay, in any language.
        presets = {name: as_json(run) for name, run in PRESETS.items()}
        self.build_panel("stepper", _SCRIPTS, {"presets": presets})

    def wire(self) -> None:
        """Connect no events, because every step is taken in the browser."""
