"""The strip of example pictures, as buttons that work by pointer and keyboard."""

from functools import cache

import gradio as gr

from deconv_demo.ui.data_url import data_url
from deconv_demo.ui.enhance.examples import EXAMPLES, thumbnail
from deconv_demo.ui.static_files import read_scripts
from deconv_demo.ui.texts import text


def strip_value(language: str) -> dict:
    """Return texts and thumbnails of all examples in ``language``."""
    return {
        "title": text(language, "enhance.examples"),
        "waiting": text(language, "status.waiting"),
        "credits": text(language, "example.credits"),
        "credits_title": text(language, "example.credits.title"),
        "items": [
            {
                "key": example_id,
                "name": text(language, f"example.{example_id}"),
                "task": text(language, f"task.short.{example.task_id}"),
                "picture": _get_picture(example_id),
            }
            for example_id, example in EXAMPLES.items()
        ],
    }


def build_example_strip() -> gr.HTML:
    """Place the strip; its ``pick`` event carries ``key``, the id of the example."""
    return gr.HTML(
        value=strip_value("en"),
        html_template='<div class="examples"></div>',
        js_on_load=read_scripts(__file__, "examples.js"),
        elem_id="examples",
    )


@cache
def _get_picture(example_id: str) -> str:
    return data_url(thumbnail(example_id))
