"""A visibility trigger: an element that fires when it comes into view, so that work can wait."""

import gradio as gr

from deconv_demo.ui.static_files import read_static


def build_visibility_trigger(**options: str) -> gr.HTML:
    """Place the trigger, whose event ``in_view`` fires when it comes near the window.

    Its value is the language of the page: if it is among the components that are localized,
    ``in_view`` fires after a change of language too. The ``change`` of a ``gr.State``
    would not: Gradio does not send it after an event outside the queue.
    """
    return gr.HTML(
        "en",
        html_template='<div class="lab-seen"></div>',
        js_on_load=read_static(__file__, "visibility.js"),
        **options,
    )
