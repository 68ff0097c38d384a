"""The box a picture is dropped on."""

from abc import ABCMeta
from collections.abc import Callable
from typing import Any

import gradio as gr


def _path_of(_component: gr.Image, payload: Any) -> str | None:
    return None if payload is None else payload.path


def handing_over(
    component: type, preprocess: Callable[[Any, Any], Any], *, name: str | None = None
) -> type:
    """Return a component whose values reach a function by way of ``preprocess`` alone.

    Made past Gradio's own metaclass, which writes a stub file beside every module that
    subclasses a component. A method set on an instance is lost when a component is updated.
    """
    return ABCMeta.__new__(
        type(component),
        name or component.__name__,
        (component,),
        {"__module__": __name__, "is_template": True, "preprocess": preprocess},
    )


PictureInput = handing_over(gr.Image, _path_of, name="PictureInput")


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
