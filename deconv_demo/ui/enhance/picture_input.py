"""The input for a picture, as a file that is dropped, pasted or chosen."""

from abc import ABCMeta
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData


class SentPicture(ImageData):
    """The data that a client sends as a picture."""

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> "SentPicture":
        """Accept the data of Gradio's own clients.

        Raises:
            gr.Error: The data is no mapping, or has unknown keys.
        """
        try:
            return super().model_validate(obj, **options)
        except ValueError as error:
            raise _not_uploaded(obj) from error


def _get_path(_component: gr.Image, payload: SentPicture | None) -> str | None:
    """Return the path of a file that was uploaded to this page, or made by it.

    Gradio checks the location of a file only if the client declares it as one: a bare path would
    show any picture of this computer to anybody.
    """
    if payload is None or not payload.path:
        return None
    path, allowed = Path(payload.path), Path(gr.utils.get_upload_folder())
    try:
        is_ours = path.resolve().is_relative_to(allowed.resolve())
    except (OSError, ValueError):  # too long a name, or one with a zero byte
        is_ours = False
    if not is_ours:
        raise _not_uploaded(payload.path)
    return payload.path


def _not_uploaded(sent: Any) -> gr.Error:
    return gr.Error(
        f"A picture must be a file that was uploaded here, got {str(sent)[:40]!r}. Upload it "
        "first, as handle_file of gradio_client does.",
        print_exception=False,
    )


def handing_over(
    component: type,
    preprocess: Callable[[Any, Any], Any],
    *,
    name: str | None = None,
    **attributes: Any,
) -> type:
    """Return a component type whose values reach a function by way of ``preprocess`` alone.

    It is made without Gradio's metaclass, which writes a stub file beside every module that
    subclasses a component. A method set on an instance is lost when a component is updated.
    """
    return ABCMeta.__new__(
        type(component),
        name or component.__name__,
        (component,),
        {"__module__": __name__, "is_template": True, "preprocess": preprocess, **attributes},
    )


PictureInput = handing_over(gr.Image, _get_path, name="PictureInput", data_model=SentPicture)


async def _refuse_address(address: str, cache_dir: str) -> str:
    raise gr.Error(
        "An address has arrived, and a picture is needed: nothing is fetched from other computers "
        "here. Save the picture and send the file.",
        print_exception=False,
    )


# Gradio would fetch any address that a client names in place of a file, for every component.
gr.processing_utils.async_ssrf_protected_download = _refuse_address


def build_picture_input(**options: Any) -> gr.Image:
    """Place a ``gr.Image`` whose value is the path of the unopened file.

    Gradio opens every picture before our code runs, and fails without a message to
    the visitor when it is damaged, too large or no picture at all. This one passes the path
    on; ``pictures.open_picture`` then raises an error with a sentence for the visitor. It also
    keeps the original bytes, with their metadata, orientation and depth.
    """
    return PictureInput(type="filepath", image_mode=None, format="png", **options)
