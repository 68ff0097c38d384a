"""How events of the page are run, as keywords for Gradio's listeners, and what they say."""

from contextlib import suppress

import gradio as gr

# No event shows Gradio's own progress, and none is an endpoint for other programs.
PRIVATE = {"show_progress": "hidden", "api_visibility": "private"}
# What runs no network and takes no time does not wait for its turn.
UNQUEUED = {**PRIVATE, "queue": False}
# One job at a time for all visitors; given on every event that runs a network.
MODEL_QUEUE = {**PRIVATE, "concurrency_id": "model", "concurrency_limit": 1}
# Of what a visitor asks for while an answer is on its way, the last counts.
LATEST_ONLY = {**PRIVATE, "trigger_mode": "always_last"}
# For events that carry data. Their scripts send one request of a kind at a time and remember the
# last one meanwhile (asking.js): Gradio's own "always_last" would send the last event with the data
# of the first.
CLIENT_THROTTLED = {**PRIVATE, "trigger_mode": "multiple"}
# The same, where a network is run.
MODEL_QUEUE_ALL = {**MODEL_QUEUE, "trigger_mode": "multiple"}


def event_field(event: gr.EventData, name: str) -> str:
    """Return what an event says under a name, as text; nothing where a program left it out.

    >>> event_field(gr.EventData(None, {"layer": "head"}), "layer")
    'head'
    """
    with suppress(AttributeError, TypeError):
        return str(getattr(event, name))
    return ""
