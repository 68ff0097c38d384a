"""Uneven overlap: where a checkerboard comes from, and what each upsampling layer leaves of it."""

import logging
from typing import Any

import gradio as gr

from deconv_demo.ui import markup
from deconv_demo.ui.event_options import INSTANT, MODEL_QUEUE
from deconv_demo.ui.lab.overlap_data import LARGEST_KERNEL, LARGEST_STRIDE, MOST_LAYERS, NETWORKS
from deconv_demo.ui.lab.overlap_html import overlap_html, painted_html, race_html
from deconv_demo.ui.lab.picture import picture_key
from deconv_demo.ui.lab.section import ServedSection
from deconv_demo.ui.slider import Slider
from deconv_demo.ui.texts import error_sentence
from deconv_demo.ui.workspace import Workspace

log = logging.getLogger(__name__)

_FIRST = "DeblurGAN"


class OverlapSection(ServedSection):
    """Maps of how often each output cell is painted, and six upsamplers on a picture."""

    name = "lab.overlap"

    def build(self) -> None:
        """Lay the section out."""
        named = self.translations.named
        self.build_seen()
        named(gr.Markdown(elem_classes="lab-text"), value="lab.overlap.text")
        kernel_size, stride, layers = NETWORKS[_FIRST]
        with gr.Row():
            self.preset = named(
                gr.Dropdown(
                    choices=list(NETWORKS), value=_FIRST, min_width=200, elem_id="overlap-preset"
                ),
                label="lab.overlap.preset",
            )
            self.kernel = named(
                Slider(
                    1,
                    LARGEST_KERNEL,
                    value=kernel_size,
                    step=1,
                    min_width=200,
                    elem_id="overlap-kernel",
                ),
                label="lab.overlap.kernel",
            )
            self.stride = named(
                Slider(
                    1,
                    LARGEST_STRIDE,
                    value=stride,
                    step=1,
                    min_width=200,
                    elem_id="overlap-stride",
                ),
                label="lab.overlap.stride",
            )
            self.layers = named(
                Slider(
                    1, MOST_LAYERS, value=layers, step=1, min_width=200, elem_id="overlap-layers"
                ),
                label="lab.overlap.layers",
            )
        self.map = gr.HTML(overlap_html(kernel_size, stride, layers, "en"), elem_id="overlap-map")
        named(gr.Markdown(elem_classes="lab-text"), value="lab.overlap.painted.text")
        self.painted = gr.HTML(elem_id="overlap-painted")
        named(gr.Markdown(elem_classes="lab-text"), value="lab.overlap.race.text")
        self.race = gr.HTML(elem_id="overlap-race")

    def wire(self) -> None:
        """Connect the events."""
        sliders = [self.kernel, self.stride, self.layers]
        context = [self.workspace, self.language]
        kept = (gr.skip(),) * len(sliders)  # for a name that only a program sends
        self.preset.input(lambda name: NETWORKS.get(name, kept), self.preset, sliders, **INSTANT)
        for slider in sliders:
            # Also after a preset has moved it.
            slider.change(
                self._draw,
                [*context, *sliders],
                [self.preset, self.map, self.painted],
                trigger_mode="always_last",
                **INSTANT,
            )
        self.seen.seen(
            self._arrive,
            [self.shown, *context, *sliders],
            [self.preset, self.map, self.painted, self.race, self.shown],
            **MODEL_QUEUE,
        )

    def _draw(
        self, workspace: Workspace, language: str, kernel_size: int, stride: int, layers: int
    ) -> tuple:
        settings = (int(kernel_size), int(stride), int(layers))
        # A preset keeps its name as long as the sliders stand as it set them.
        fitting = [name for name, others in NETWORKS.items() if others == settings]
        preset = gr.update() if fitting else gr.update(value=None)
        try:
            drawn = painted_html(picture_key(workspace), *settings, language)
        except Exception as error:
            log.exception("cannot paint at random")
            drawn = markup.status(error_sentence(language, error), error=True)
        return preset, overlap_html(*settings, language), drawn

    def _arrive(self, shown: str, workspace: Workspace, language: str, *sliders: Any) -> tuple:
        key = picture_key(workspace)
        mark = f"{language}:{key}"
        if shown == mark:
            return (gr.skip(),) * 5
        drawn = self._draw(workspace, language, *sliders)
        try:
            raced = race_html(key, language)
        except Exception as error:
            log.exception("cannot compare the upsamplers")
            raced = markup.status(error_sentence(language, error), error=True)
        return (*drawn, raced, mark)
