"""The section "beyond two dimensions": transposed convolutions of a sound, a block and a clip."""

import gradio as gr

from deconv_demo.ui.event_options import PRIVATE, UNQUEUED
from deconv_demo.ui.lab.dimensions_data import MAX_KERNEL, SHAPES, SOUND_NETWORKS, STRIDES
from deconv_demo.ui.lab.dimensions_html import block_html, clip_html, sound_html
from deconv_demo.ui.lab.picture import picture_key
from deconv_demo.ui.lab.section import (
    ServedSection,
    html_or_problem,
    preset_update,
    wire_controls,
    wire_preset,
)
from deconv_demo.ui.workspace import Workspace

_FIRST_SOUND = (12, 8, "box")
_FIRST_BLOCK = (2, 3, 2)


class DimensionsSection(ServedSection):
    """The section on the same operator along one axis and along three."""

    name = "lab.dimensions"

    def build_content(self) -> None:
        """Place the components of the section."""
        tr = self.translations.register
        self.build_text("lab.dimensions.sound.text")
        kernel_size, stride, shape = _FIRST_SOUND
        with gr.Row():
            self.preset = self.build_preset(
                "dimensions-preset", SOUND_NETWORKS, None, min_width=160
            )
            self.kernel = self.build_slider(
                "dimensions-kernel", "lab.overlap.kernel", (1, MAX_KERNEL), kernel_size
            )
            self.stride = tr(
                gr.Radio(
                    choices=list(STRIDES), value=stride, min_width=180, elem_id="dimensions-stride"
                ),
                label="lab.overlap.stride",
            )
            self.shape = tr(
                gr.Radio(value=shape, min_width=200, elem_id="dimensions-weights"),
                label="lab.dimensions.weights",
                choices=[(f"lab.dimensions.weights.{name}", name) for name in SHAPES],
            )
        self.sound = gr.HTML(elem_id="dimensions-sound")

        self.build_text("lab.dimensions.block.text")
        input_size, kernel_size, stride = _FIRST_BLOCK
        with gr.Row():
            self.block_input = self.build_slider(
                "block-input", "lab.dimensions.input", (1, 4), input_size, min_width=180
            )
            self.block_kernel = self.build_slider(
                "block-kernel", "lab.overlap.kernel", (1, 4), kernel_size, min_width=180
            )
            self.block_stride = self.build_slider(
                "block-stride", "lab.overlap.stride", (1, 3), stride, min_width=180
            )
        self.block = gr.HTML(elem_id="dimensions-block")
        self.build_text("lab.dimensions.clip.text")
        self.clip = gr.HTML(elem_id="dimensions-clip")

    def wire(self) -> None:
        """Connect the events."""
        hearing = [self.kernel, self.stride, self.shape]
        building = [self.block_input, self.block_kernel, self.block_stride]
        wire_preset(self.preset, SOUND_NETWORKS, [self.kernel, self.stride])
        wire_controls(
            [control.change for control in hearing],  # also after a preset has moved them
            self._hear,
            [*hearing, self.language],
            [self.preset, self.sound],
            **UNQUEUED,
        )
        wire_controls(
            [control.input for control in building],
            self._build_block,
            [*building, self.language],
            self.block,
            **UNQUEUED,
        )
        outputs = [self.sound, self.block, self.clip]
        self.wire_visibility(self._render, [*hearing, *building], outputs, **PRIVATE)

    def _hear(self, kernel_size: int, stride: int, shape: str, language: str) -> tuple:
        settings = (int(kernel_size), int(stride))
        return preset_update(SOUND_NETWORKS, settings), sound_html(*settings, shape, language)

    def _build_block(self, input_size: int, kernel_size: int, stride: int, language: str) -> str:
        return block_html(int(input_size), int(kernel_size), int(stride), language)

    def _render(
        self,
        workspace: Workspace,
        language: str,
        kernel_size: int,
        stride: int,
        shape: str,
        *block: int,
    ) -> tuple:
        clip = html_or_problem(lambda: clip_html(picture_key(workspace), language), language)
        heard = sound_html(int(kernel_size), int(stride), shape, language)
        return heard, self._build_block(*block, language), clip
