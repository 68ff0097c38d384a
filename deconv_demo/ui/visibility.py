"""A place in the page that tells when somebody comes to it, so that work waits until then."""

import gradio as gr

from deconv_demo.ui.static_files import read_static


def build_visibility_trigger(**options: str) -> gr.HTML:
    """Place it; its event ``in_view`` fires when it comes near the window.

    Its value is the language of the page: where it is among the components that change
    with it, ``in_view`` fires after a change of language too. The ``change`` of a ``gr.State``
    would not: Gradio does not send it after an event outside the queue.
    """
    return gr.HTML(
        "en",
        html_template='<div class="lab-seen"></div>',
        js_on_load=read_static(__file__, "visibility.js"),
        **options,
    )
