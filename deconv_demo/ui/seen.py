"""A place in the page that tells when somebody comes to it, so that work waits until then."""

from pathlib import Path

import gradio as gr

_SCRIPT = Path(__file__).parent / "static" / "seen.js"


def build_seen(**options: str) -> gr.HTML:
    """Place it; its event ``seen`` fires when it comes near the window.

    Its value is the language of the page: where it is among the components that are told
    anew, ``seen`` fires after a change of language too. The ``change`` of a ``gr.State`` would
    not: Gradio does not send it after an event outside the queue.
    """
    return gr.HTML(
        "en",
        html_template='<div class="lab-seen"></div>',
        js_on_load=_SCRIPT.read_text(encoding="utf-8"),
        **options,
    )
