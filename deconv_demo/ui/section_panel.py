"""The one component that a section of the Look inside tab draws everything in."""

import secrets
from pathlib import Path
from typing import Any

import gradio as gr

from deconv_demo.ui.inside_context import InsideContext
from deconv_demo.ui.texts import LANGUAGES, error_sentence, texts_under

QUIET = {"show_progress": "hidden", "api_visibility": "private"}
MODEL_QUEUE = {**QUIET, "concurrency_id": "model", "concurrency_limit": 1}
# A panel sends one request of a kind at a time and remembers the last one meanwhile: Gradio's
# own "always_last" would send the last event with the data of the first.
EVERY = {**MODEL_QUEUE, "trigger_mode": "multiple"}

_STATIC = Path(__file__).parent / "static"


def build_panel(section: str, **properties: Any) -> gr.HTML:
    """Place the panel of a section, drawn by ``static/inside_<section>.js``.

    Its property ``words`` holds the strings of one language, so that another language is a
    matter of drawing again; ``value`` holds what does not depend on a language.

    Args:
        section: Its name in file names and text keys.
        **properties: Further properties that the script watches, with their first values.
    """
    scripts = ("inside_parts.js", f"inside_{section}.js")
    return gr.HTML(
        value=None,
        html_template=f'<div class="inside-panel inside-{section}"></div>',
        js_on_load="\n".join((_STATIC / name).read_text(encoding="utf-8") for name in scripts),
        elem_id=f"inside-{section}",
        words=words_of("en", section),
        stale=0,
        **properties,
    )


def words_of(language: str, section: str) -> dict[str, str]:
    """Return the strings that a panel needs, and which language they are."""
    return {"language": language, **texts_under(language, f"inside.{section}.")}


def wire_staleness(panel: gr.HTML, context: InsideContext, section: str, *, layer: bool) -> None:
    """Tell the panel when what it shows is out of date; it asks for more once it is seen.

    Args:
        panel: Of the section.
        context: What the sections share.
        section: Its name in text keys.
        layer: Whether it shows the chosen layer.
    """

    def other(language: str) -> gr.HTML:
        # Properties that reach a panel before it was ever drawn take the place of all others.
        return gr.HTML(stale=secrets.token_hex(4), words=words_of(language, section))

    # Another picture comes while the tab is out of sight, and the panel asks when it is seen.
    for component in [context.corner, *([context.layer] if layer else [])]:
        component.change(other, context.language, panel, queue=False, **QUIET)


def problem(error: Exception) -> dict[str, Any]:
    """Return the value of a panel that says what went wrong, in every language."""
    return {"problem": {language: error_sentence(language, error) for language in LANGUAGES}}
