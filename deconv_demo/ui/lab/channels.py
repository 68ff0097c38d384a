"""The section on channels: the sum over them, and cost and receptive field of such a layer."""

import gradio as gr

from deconv_demo.ui.event_options import UNQUEUED
from deconv_demo.ui.lab.channels_data import Layer
from deconv_demo.ui.lab.channels_html import costs_html, doubling_html, sums_html
from deconv_demo.ui.lab.section import ServedSection, wire_controls
from deconv_demo.ui.markup import safe
from deconv_demo.ui.slider import Slider
from deconv_demo.ui.texts import text

# Lowest, highest and first value of each control.
_RANGES = {
    "in_channels": (1, 3, 2),
    "out_channels": (1, 3, 2),
    "kernel_size": (1, 4, 3),
    "stride": (1, 3, 2),
    "padding": (0, 2, 1),
    "output_padding": (0, 2, 1),
}
_SIDES = (8, 64, 32)


class ChannelsSection(ServedSection):
    """The section on a layer of several channels: sums, costs and sizes."""

    name = "lab.channels"

    def build_content(self) -> None:
        """Place the components of the section."""
        tr = self.translations.register
        self.build_text("lab.channels.sum.text")
        self.controls = []
        for names in (list(_RANGES)[:3], list(_RANGES)[3:]):
            with gr.Row():
                self.controls += map(self._build_control, names)
        self.seed = gr.State(0)
        self.again = tr(
            gr.Button(size="sm", elem_id="channels-again", scale=0, min_width=200),
            value="lab.channels.again",
        )
        self.sums = gr.HTML(elem_id="channels-sums")
        self.build_text("lab.channels.costs.text")
        low, high, first = _SIDES
        self.side = self.build_slider("channels-side", "lab.channels.side", (low, high), first)
        self.costs = gr.HTML(elem_id="channels-costs")
        self.build_text("lab.channels.doubling.text")
        self.doubling = gr.HTML(elem_id="channels-doubling")

    def _build_control(self, name: str) -> Slider:
        low, high, first = _RANGES[name]
        place = f"channels-{name.replace('_', '-')}"
        return self.build_slider(place, f"lab.channels.{name}", (low, high), first, min_width=240)

    def wire(self) -> None:
        """Connect the events."""
        inputs = [*self.controls, self.side, self.seed, self.language]
        shown = [self.sums, self.costs, self.doubling]
        events = [control.input for control in (*self.controls, self.side)]
        wire_controls(events, _show, inputs, shown, **UNQUEUED)
        self.again.click(lambda seed: seed + 1, self.seed, self.seed, **UNQUEUED).then(
            _show, inputs, shown, **UNQUEUED
        )
        self.visibility.in_view(_show, inputs, shown, **UNQUEUED)


def _show(*inputs: int | str) -> tuple[str, str, str]:
    *numbers, side, seed, language = inputs
    settings = dict(zip(_RANGES, map(int, numbers), strict=True))
    doubling = doubling_html(int(side), language)
    try:
        layer = Layer(**settings)
    except ValueError:
        why = text(language, _refusal(settings), **settings)
        return f'<p class="lab-number" role="status">{safe(why)}</p>', "", doubling
    return sums_html(layer, seed, language), costs_html(layer, int(side), language), doubling


def _refusal(settings: dict[str, int]) -> str:
    """Return the key of the sentence with the reason why PyTorch refuses these settings."""
    if settings["output_padding"] >= settings["stride"]:
        return "lab.channels.refused.output_padding"
    return "lab.channels.refused.empty"
