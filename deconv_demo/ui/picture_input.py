"""The box a picture is dropped on."""

from abc import ABCMeta
from typing import Any

import gradio as gr


def _path_of(_component: gr.Image, payload: Any) -> str | None:
    return None if payload is None else payload.path


# Made past Gradio's own metaclass, which writes a stub file beside every module that
# subclasses a component. A method set on an instance is lost when a component is updated.
PictureInput = ABCMeta.__new__(
    type(gr.Image),
    "PictureInput",
    (gr.Image,),
    {"__module__": __name__, "is_template": True, "preprocess": _path_of},
)


async def _refuse_address(address: str, cache_dir: str) -> str:
    raise gr.Error(
        "An address has arrived, and a picture is needed: nothing is fetched from other computers "
        "here. Save the picture and send the file.",
        print_exception=False,
    )


# Gradio would fetch whatever address a client names in the place of a file, for every component.
gr.processing_utils.async_ssrf_protected_download = _refuse_address


def build_picture_input(**options: Any) -> gr.Image:
    """Place a ``gr.Image`` that hands over the file itself, whatever is in it.

    Gradio opens every picture before our code sees it, and fails there without a word to
    the visitor when it is damaged, too large or no picture at all. This one passes the path
    on; ``images.open_picture`` then says what is wrong and what to do. It also keeps the
    original bytes, with their metadata, orientation and depth.
    """
    return PictureInput(type="filepath", image_mode=None, format="png", **options)
