"""Refusal of requests before Gradio: routes that this page does not use, and large messages.

Gradio keeps the data that a client sends for a component as long as the session, refused or not,
and limits only the size of files. Some of its routes write files to disk that nothing deletes, or
fetch an address that a client names.
"""

import json
import re
from contextlib import suppress

import fastapi
import gradio as gr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The largest message of the page itself, with edits of every channel of a network, has 150 kB.
MAX_MESSAGE_BYTES = 200_000
# Copies of a session for others, functions of components, recordings, other applications.
_UNUSED = re.compile(r"/gradio_api/(?:deep_link|component_server|process_recording|proxy=)")
_UPLOAD = "/gradio_api/upload"


class RequestLimitMiddleware:
    """ASGI middleware that answers requests that should not reach Gradio.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with status 404 or 413."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = scope["path"]
        if _UNUSED.search(path):
            return await _answer(send, 404, "This page has no such address.")
        if path.rstrip("/").endswith(_UPLOAD):  # limited by Gradio while it reads
            return await self.app(scope, receive, send)
        meter = _Meter(receive, send)
        with suppress(_TooLargeError):
            await self.app(scope, meter.receive, meter.send)


class _TooLargeError(Exception):
    pass


class _Meter:
    """A counter of received bytes that ends a request with too many."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._taken, self._has_begun = 0, False

    async def receive(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body") or b"")
        if self._is_too_large():
            sentence = f"A message may have {MAX_MESSAGE_BYTES:,} bytes; send files as uploads."
            if not self._has_begun:
                await _answer(self._send, 413, sentence)
            raise _TooLargeError
        return message

    async def send(self, message: Message) -> None:
        if not self._is_too_large():  # if it is, it has been answered
            self._has_begun = True
            await self._send(message)

    def _is_too_large(self) -> bool:
        return self._taken > MAX_MESSAGE_BYTES


async def _answer(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": sentence}).encode()})


async def _refuse_address(*_: object) -> None:
    raise fastapi.HTTPException(404, "Nothing is fetched from other computers here.")


# Gradio would fetch any address given in place of a file, and pass it on.
gr.routes.secure_url_stream_response = _refuse_address
