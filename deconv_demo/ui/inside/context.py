"""The context that every section of the Look inside tab has: picture, crop and layer."""

from dataclasses import dataclass

import gradio as gr

from deconv_demo.ui.workspace import FileStore


@dataclass(frozen=True, kw_only=True)
class InsideContext:
    """Components and states that the sections of the tab share.

    Attributes:
        language: State with the language of the visitor.
        workspace: State with the visitor's workspace.
        layer: Component whose value is the name of the chosen layer, None before the tab
            is opened. It changes for a choice on the map, the slider or the list alike.
        corner: State with the place of the crop in the input image, ``(left, top)`` in
            pixels; None for the middle.
        store: Store that writes the files.
    """

    language: gr.State
    workspace: gr.State
    layer: gr.Dropdown
    corner: gr.State
    store: FileStore
