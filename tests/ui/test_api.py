"""The endpoint for other programs is the function of the page, refusals included."""

import http.server
import json
import os
import threading
import urllib.request
from pathlib import Path

import gradio
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from deconv_demo.pictures.errors import MESSAGES
from deconv_demo.pictures.image_tensors import open_picture
from deconv_demo.restoration.diagnosis import diagnose
from deconv_demo.restoration.enhancement import enhance
from deconv_demo.restoration.known_blur import shaped_kernel
from deconv_demo.tasks import TASKS
from deconv_demo.ui import api


@pytest.fixture(scope="module")
def client(page_address, tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloads")
    client = Client(page_address, verbose=False, download_files=folder)
    yield client
    client.close()


@pytest.fixture
def noise_file(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    return path


def predict(client, path, *arguments):
    return client.predict(handle_file(path), *arguments, api_name="/enhance")


@pytest.mark.parametrize("task_id", TASKS)
def test_pixels_are_those_of_enhance(client, noise_file, task_id):
    before, after, facts = predict(client, noise_file, task_id)
    expected = enhance(open_picture(noise_file), task_id)
    for path, picture in ((before, expected.before), (after, expected.after)):
        with Image.open(path) as received:
            assert received.format == "PNG"
            assert np.array_equal(received, picture)
    assert facts["tiles"] == 1
    assert facts["seconds"] > 0
    assert ("blur_kernel" in facts) == (task_id == "deblur")


@pytest.mark.parametrize(
    ("task_id", "sent", "controls"),
    [
        ("denoise", (60, 1), {"sigma": 60 / 255}),
        ("denoise", (40, 1, -1, "", False, 0.5), {"sigma": 40 / 255, "strength": 0.5}),
        ("deblur", (-1, 0.25), {"amount": 0.25}),
        ("deblur", (-1, 1, -1, "disc:2"), {"kernel": shaped_kernel("disc", 2)}),
        ("jpeg", (-1, 1, 20), {"quality": 20}),
        ("jpeg", (-1, 1, 20, "", True), {"quality": 20, "careful": True}),
    ],
)
def test_controls_arrive(client, noise_file, task_id, sent, controls):
    _, after, _ = predict(client, noise_file, task_id, *sent)
    expected = enhance(open_picture(noise_file), task_id, **controls)
    with Image.open(after) as received:
        assert np.array_equal(received, expected.after)


def test_alpha_and_resolution_come_back(client, tmp_path):
    path = tmp_path / "scan.png"
    Image.new("RGBA", (20, 16), (200, 100, 50, 77)).save(path, dpi=(300, 300))
    _, after, _ = predict(client, path, "upscale_x2")
    with Image.open(after) as received:
        assert received.mode == "RGBA"
        assert received.size == (40, 32)
        assert received.getchannel("A").getextrema() == (77, 77)
        assert received.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("text.png", b"Dear diary, this is no picture at all.", "not_a_picture"),
        ("empty.png", b"", "empty"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
    ],
)
def test_a_bad_file_gets_its_sentence(client, tmp_path, upload_folder, name, content, code):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AppError) as caught:
        predict(client, path, "denoise")
    assert MESSAGES[code] in str(caught.value)
    assert str(upload_folder) not in str(caught.value)


def test_no_picture(client):
    with pytest.raises(AppError, match="No picture has arrived"):
        client.predict(None, "denoise", api_name="/enhance")


def test_an_unknown_task_is_refused(client, noise_file, upload_folder):
    with pytest.raises(AppError) as caught:
        predict(client, noise_file, "colourise")
    assert str(upload_folder) not in str(caught.value)


@pytest.mark.parametrize(("task_id", "controls"), [("denoise", (300, 1)), ("deblur", (-1, 7))])
def test_a_control_outside_its_range_is_refused(client, noise_file, task_id, controls):
    with pytest.raises(AppError):
        predict(client, noise_file, task_id, *controls)


def told_of(page_address, picture):
    """What the endpoint tells a client that sends this as its picture."""
    call = f"{page_address}gradio_api/call/enhance"
    body = json.dumps({"data": [picture, "denoise", -1, 1]}).encode()
    request = urllib.request.Request(call, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        ticket = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{call}/{ticket}") as answer:
        return answer.read().decode()


@pytest.mark.parametrize("meta", [{"_type": "gradio.FileData"}, {"_type": "other"}, {}, None])
def test_files_of_this_computer_cannot_be_asked_for(page_address, upload_folder, tmp_path, meta):
    """However a client calls them: Gradio itself looks only at what says that it is a file."""
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    around = upload_folder / os.path.relpath(secret, upload_folder)
    link = upload_folder / "link.png"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    for path in (secret, os.path.relpath(secret), around, link):
        sent = {"path": str(path)} if meta is None else {"path": str(path), "meta": meta}
        told = told_of(page_address, sent)
        assert "event: error" in told, path
        assert "-before.png" not in told, path
    link.unlink()


@pytest.mark.parametrize(
    "sent", [5, True, "abc", "data:image/png;base64,AAAA", [1], {"path": 5}, {"path": "a\0b"}]
)
def test_what_is_no_file_at_all_gets_its_sentence(page_address, sent):
    told = told_of(page_address, sent)
    assert "A picture must be a file that was uploaded here, got" in told
    assert "pydantic" not in told


def test_nothing_is_fetched_from_other_hosts(page_address, monkeypatch):
    """A client may name an address in the place of a file; whoever is there is not asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    other = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    # Gradio refuses this computer itself; here it stands for any other one.
    monkeypatch.setattr(gradio.processing_utils, "PUBLIC_HOSTNAME_WHITELIST", ["127.0.0.1"])
    for address in (f"http://127.0.0.1:{other.server_port}/a.png", "https://example.com/a.png"):
        told = told_of(page_address, {"path": address, "meta": {"_type": "gradio.FileData"}})
        assert "event: error" in told
        assert "nothing is fetched from other computers" in told
    other.shutdown()
    assert asked == []


WRONG_TYPES = [
    ("denoise", {"sigma": "abc"}, "sigma must be a number from -1 to 75, got 'abc'"),
    ("denoise", {"sigma": None}, "sigma must be a number from -1 to 75, got 'None'"),
    ("denoise", {"sigma": [1]}, "sigma must be a number"),
    ("denoise", {"sigma": True}, "sigma must be a number"),
    ("deblur", {"amount": {}}, "amount must be a number from 0 to 1"),
    ("deblur", {"amount": 2}, "amount must be a number from 0 to 1, got '2'"),
    (None, {}, "task_id must be one of denoise, deblur, jpeg, upscale_x2, upscale_x4, got 'None'"),
    (["denoise"], {}, "task_id must be one of"),
    ("jpeg", {"quality": 3}, "quality must be -1 or a number from 5 to 100"),
    ("jpeg", {"quality": "good"}, "quality must be a number from -1 to 100, got 'good'"),
    ("deblur", {"blur": "disc:900"}, "the size of disc must be from 0.5 to 8"),
    ("deblur", {"blur": "[[0]]"}, "the weights of a blur kernel are at least 0"),
    ("deblur", {"blur": "[" * 30000}, "this tells no blur"),
    ("denoise", {"strength": 3}, "strength must be a number from 0 to 2"),
    ("sharpen", {}, "got 'sharpen'"),
]


@pytest.mark.parametrize(("task_id", "sent", "words"), WRONG_TYPES)
def test_what_is_sent_wrongly_gets_its_sentence(client, noise_file, task_id, sent, words):
    with pytest.raises(AppError) as error:
        client.predict(handle_file(noise_file), task_id, **sent, api_name="/enhance")
    assert words in str(error.value)


def test_numbers_may_come_as_text(client, noise_file):
    sent = {"task_id": "deblur", "amount": "0"}
    before, after, _ = client.predict(handle_file(noise_file), **sent, api_name="/enhance")
    assert np.array_equal(np.asarray(Image.open(after)), np.asarray(Image.open(before)))


def test_a_fault_of_ours_is_logged(client, noise_file, monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(api, "enhance_by_tile", broken)
    with pytest.raises(AppError, match="Something went wrong"):
        client.predict(handle_file(noise_file), "denoise", api_name="/enhance")
    assert "ZeroDivisionError: a bug" in caplog.text


def test_these_are_the_only_public_endpoints(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/enhance", "/diagnose"}
    names = [parameter["parameter_name"] for parameter in endpoints["/enhance"]["parameters"]]
    assert names[:4] == ["picture", "task_id", "sigma", "amount"]
    assert names[4:] == ["quality", "blur", "careful", "strength"]


def test_results_lie_under_a_safe_name(client, tmp_path):
    path = tmp_path / "my photo (1).png"
    Image.new("RGB", (12, 12), "gray").save(path)
    _, after, _ = predict(client, path, "denoise")
    assert Path(after).name == "my-photo-1-denoise.png"


def test_a_diagnosis_is_that_of_python(client, noise_file):
    found = client.predict(handle_file(noise_file), api_name="/diagnose")
    assert found == diagnose(open_picture(noise_file)).as_record()
    with pytest.raises(AppError, match="No picture has arrived"):
        client.predict(None, api_name="/diagnose")
