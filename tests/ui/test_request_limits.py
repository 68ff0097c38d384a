"""What is refused before Gradio sees it, asked for by hand; all else goes through."""

import http.client
import json
import secrets
from urllib.parse import urlsplit

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from deconv_demo.ui.request_limits import MAX_MESSAGE_BYTES

PREDICT = "/gradio_api/run/predict"
HUNG_UP = 0
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def ask(page_address):
    """Send a request as it is, and return status and text of the answer."""

    def send(method, path, body=None, headers=JSON):
        connection = http.client.HTTPConnection(urlsplit(page_address).netloc, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionError:  # closed while the rest was still being sent
            return HUNG_UP, ""
        finally:
            connection.close()

    return send


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/deep_link?session_hash=mine"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/component_server/"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/proxy=https://one.hf.space/"),
        ("GET", "/gradio_api/%64eep_link?session_hash=mine"),
    ],
)
def test_routes_that_the_page_does_not_use_are_not_there(ask, method, path):
    status, told = ask(method, path, b"{}" if method == "POST" else None)
    assert status == 404
    assert "no such address" in told


@pytest.mark.parametrize("place", ["file=", "file/"])
@pytest.mark.parametrize("address", ["http://example.com/a.png", "https://example.com/a.png"])
def test_nothing_is_fetched_from_elsewhere(ask, place, address):
    status, told = ask("GET", f"/gradio_api/{place}{address}")
    assert status == 404
    assert "other computers" in told


def test_nobody_watches_the_others(ask):
    assert ask("GET", "/gradio_api/monitoring/summary")[0] == 404


def message(size):
    body = {"fn_index": 0, "data": ["A" * size], "session_hash": secrets.token_hex(6)}
    return json.dumps(body).encode()


def test_large_messages_are_refused_whatever_they_say_of_their_size(ask):
    refused = (413, HUNG_UP)
    assert ask("POST", PREDICT, message(MAX_MESSAGE_BYTES))[0] in refused
    pieces = iter([b" " * 90_000] * 4)  # chunked: nothing is said
    assert ask("POST", PREDICT, pieces)[0] in refused
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ask("POST", PREDICT, message(MAX_MESSAGE_BYTES), multipart)[0] in refused
    assert ask("POST", PREDICT, message(MAX_MESSAGE_BYTES // 2))[0] not in refused


def test_files_may_be_larger(page_address, tmp_path):
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    assert path.stat().st_size > 1.5 * MAX_MESSAGE_BYTES
    client = Client(page_address, verbose=False, download_files=tmp_path)
    with pytest.raises(Exception, match="task_id must be one of"):  # after the upload
        client.predict(handle_file(path), "none", api_name="/enhance")
    client.close()


def test_what_runs_a_network_waits_for_its_turn(ask, served_page):
    page, _ = served_page
    (queued,) = [index for index, fn in page.fns.items() if fn.api_name == "enhance"]
    body = {"fn_index": queued, "data": [None, "denoise", -1, 1], "session_hash": "impatient"}
    status, told = ask("POST", PREDICT, json.dumps(body).encode())
    assert status >= 400
    assert "queue" in told
