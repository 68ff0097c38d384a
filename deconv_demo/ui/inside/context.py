"""What every section of the Look inside tab knows: the picture, the part of it, the layer."""

from dataclasses import dataclass

import gradio as gr

from deconv_demo.ui.workspace import FileStore


@dataclass(frozen=True, kw_only=True)
class InsideContext:
    """What the sections of the tab share.

    Attributes:
        language: State with the language of the visitor.
        workspace: State with what the visitor is working on.
        layer: The component whose value is the name of the chosen layer, None before the tab
            is opened. It changes whether the visitor chose on the map, the slider or the list.
        corner: State with the place of the crop in the given picture, ``(left, top)`` in
            pixels; None for the middle.
        store: Where files are written.
    """

    language: gr.State
    workspace: gr.State
    layer: gr.Dropdown
    corner: gr.State
    store: FileStore
