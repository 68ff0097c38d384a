"""The pad on which a visitor draws the path of a shake, or corrects the kernel that was read."""

from typing import Any

import gradio as gr

from deconv_demo.degradations import SHAKE_KERNEL_SIZE
from deconv_demo.ui.static_files import read_static
from deconv_demo.ui.texts import text

_SKELETON = """
<div class="blur-pad">
  <canvas tabindex="0" role="application"></canvas>
  <div class="blur-pad-tools">
    <button type="button" data-do="draw"></button>
    <button type="button" data-do="erase"></button>
    <button type="button" data-do="clear"></button>
    <button type="button" data-do="read"></button>
  </div>
  <p class="blur-pad-note"></p>
</div>
"""
_TEXTS = ("draw", "erase", "clear", "read", "pad", "note")


def build_blur_pad() -> gr.HTML:
    """Place the pad; its ``draw`` event carries ``weights``: rows as JSON, empty for none."""
    return gr.HTML(
        value=pad_value("en", None),
        html_template=_SKELETON,
        js_on_load=read_static(__file__, "blur_pad.js"),
        apply_default_css=False,
        elem_id="blur-pad",
    )


def pad_value(language: str, kernel: list[list[float]] | None) -> dict[str, Any]:
    """Return the value of the pad: its size, its texts, and the kernel that was read, if any."""
    return {
        "side": SHAKE_KERNEL_SIZE,
        "kernel": kernel,
        "texts": {name: text(language, f"enhance.pad.{name}") for name in _TEXTS},
    }
