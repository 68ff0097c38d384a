"""The section on uneven overlap: the cause of checkerboards, and six upsampling layers compared."""

from typing import Any

import gradio as gr

from deconv_demo.ui.event_options import MODEL_QUEUE, UNQUEUED
from deconv_demo.ui.lab.overlap_data import MAX_KERNEL, MAX_LAYERS, MAX_STRIDE, NETWORKS
from deconv_demo.ui.lab.overlap_html import overlap_html, painted_html, race_html
from deconv_demo.ui.lab.picture import picture_key
from deconv_demo.ui.lab.section import (
    ServedSection,
    html_or_problem,
    preset_update,
    wire_controls,
    wire_preset,
)
from deconv_demo.ui.workspace import Workspace

_FIRST = "DeblurGAN"


class OverlapSection(ServedSection):
    """The section with maps of contributions per output cell, and six upsamplers on a picture."""

    name = "lab.overlap"

    def build_content(self) -> None:
        """Place the components of the section."""
        self.build_text("lab.overlap.text")
        kernel_size, stride, layers = NETWORKS[_FIRST]
        with gr.Row():
            self.preset = self.build_preset("overlap-preset", NETWORKS, _FIRST)
            self.kernel = self.build_slider(
                "overlap-kernel", "lab.overlap.kernel", (1, MAX_KERNEL), kernel_size
            )
            self.stride = self.build_slider(
                "overlap-stride", "lab.overlap.stride", (1, MAX_STRIDE), stride
            )
            self.layers = self.build_slider(
                "overlap-layers", "lab.overlap.layers", (1, MAX_LAYERS), layers
            )
        self.map = gr.HTML(overlap_html(kernel_size, stride, layers, "en"), elem_id="overlap-map")
        self.build_text("lab.overlap.painted.text")
        self.painted = gr.HTML(elem_id="overlap-painted")
        self.build_text("lab.overlap.race.text")
        self.race = gr.HTML(elem_id="overlap-race")

    def wire(self) -> None:
        """Connect the events."""
        sliders = [self.kernel, self.stride, self.layers]
        wire_preset(self.preset, NETWORKS, sliders)
        wire_controls(
            [slider.change for slider in sliders],  # also after a preset has moved them
            self._draw,
            [self.workspace, self.language, *sliders],
            [self.preset, self.map, self.painted],
            **UNQUEUED,
        )
        outputs = [self.preset, self.map, self.painted, self.race]
        self.wire_visibility(self._render, sliders, outputs, **MODEL_QUEUE)

    def _draw(
        self, workspace: Workspace, language: str, kernel_size: int, stride: int, layers: int
    ) -> tuple:
        settings = (int(kernel_size), int(stride), int(layers))
        key = picture_key(workspace)
        drawn = html_or_problem(lambda: painted_html(key, *settings, language), language)
        return preset_update(NETWORKS, settings), overlap_html(*settings, language), drawn

    def _render(self, workspace: Workspace, language: str, *sliders: Any) -> tuple:
        drawn = self._draw(workspace, language, *sliders)
        raced = html_or_problem(lambda: race_html(picture_key(workspace), language), language)
        return (*drawn, raced)
