"""Options of the page's events, as keywords for Gradio's listeners, and access to event data."""

from contextlib import suppress

import gradio as gr

# Events have no progress display of Gradio's, and are no endpoints for other programs.
PRIVATE = {"show_progress": "hidden", "api_visibility": "private"}
# An event that runs no network and takes no time does not wait in the queue.
UNQUEUED = {**PRIVATE, "queue": False}
# One job at a time for all visitors; passed to every event that runs a network.
MODEL_QUEUE = {**PRIVATE, "concurrency_id": "model", "concurrency_limit": 1}
# Of the requests that a visitor makes while one is being handled, only the last is run.
LATEST_ONLY = {**PRIVATE, "trigger_mode": "always_last"}
# For events that carry data. Their scripts have one request of a kind in flight and remember the
# last one meanwhile (request_throttle.js): Gradio's own "always_last" would send the last event
# with the data of the first.
CLIENT_THROTTLED = {**PRIVATE, "trigger_mode": "multiple"}
# The same, for events that run a network.
MODEL_QUEUE_ALL = {**MODEL_QUEUE, "trigger_mode": "multiple"}


def event_field(event: gr.EventData, name: str) -> str:
    """Return a field of an event's data as text, empty where a program left it out.

    >>> event_field(gr.EventData(None, {"layer": "head"}), "layer")
    'head'
    """
    with suppress(AttributeError, TypeError):
        return str(getattr(event, name))
    return ""
