"""What the Look inside tab looks at: the crop, the inputs of the network, what is kept of it."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from deconv_demo.restoration.weights import load_model
from deconv_demo.ui.inside import crop_session
from deconv_demo.ui.inside.activations import ActivationStore
from deconv_demo.ui.inside.maps_data import get_kernels
from deconv_demo.ui.inside.overview_data import map_value
from deconv_demo.ui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    """Make a workspace with a picture of noise that a network was given."""

    def make(task_id="denoise", *, width=40, height=32, seed=0):
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        path = tmp_path / f"{task_id}-{seed}-given.png"
        Image.fromarray(pixels).save(path)
        facts = {"sigma": 0.1} if task_id == "denoise" else {}
        return Workspace(task_id=task_id, network_input=path, facts=facts)

    return make


@pytest.fixture
def store(monkeypatch):
    """A store of the test's own, so that no other test's picture is in it."""
    monkeypatch.setattr(crop_session, "STORE", ActivationStore())
    return crop_session.STORE


def hooked(model, layer_name, image):
    """The output of a layer, with a hook of PyTorch alone."""
    kept = []
    layer = model.get_submodule(layer_name)
    handle = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output[0]))
    with torch.no_grad():
        model(image)
    handle.remove()
    return kept[0]


@pytest.mark.parametrize(
    ("size", "corner", "box"),
    [
        ((300, 500), None, (22, 122, 278, 378)),
        ((300, 500), (0, 0), (0, 0, 256, 256)),
        ((300, 500), (999, -7), (44, 0, 300, 256)),
        ((20, 1000), (5, 900), (0, 744, 20, 1000)),
        ((1, 1), (3, 3), (0, 0, 1, 1)),
    ],
)
def test_the_crop_lies_in_the_picture(size, corner, box):
    assert crop_session.crop_box(size, corner) == box


def test_the_inputs_are_the_pixels_of_the_crop_and_sigma(workspace):
    work = workspace(width=300, height=280)
    image, sigma = crop_session.run_inputs(work, (10, 20))
    with Image.open(work.network_input) as picture:
        expected = np.asarray(picture)[20:276, 10:266].astype(np.float32) / 255
    np.testing.assert_allclose(image[0].permute(1, 2, 0).numpy(), expected, atol=1e-7)
    assert sigma.tolist() == pytest.approx([0.1])
    assert len(crop_session.run_inputs(workspace("upscale_x2"))) == 1


def test_a_picture_is_run_once_and_another_part_of_it_anew(workspace, store, monkeypatch):
    runs = []
    record = crop_session.record_activations
    monkeypatch.setattr(
        crop_session, "record_activations", lambda *inputs: runs.append(1) or record(*inputs)
    )
    work = workspace("upscale_x2", width=300)
    first = crop_session.compute_activations("visitor", work)
    assert crop_session.compute_activations("visitor", work) is first
    assert (
        crop_session.compute_activations("visitor", work, (22, 0)) is first
    )  # the middle, by its place
    assert len(runs) == 1
    assert crop_session.compute_activations("visitor", work, (0, 0)) is not first
    assert crop_session.is_kept("visitor", work, (0, 0))
    store.forget("visitor")
    assert not crop_session.is_kept("visitor", work, (0, 0))


def test_two_visitors_at_once_see_their_own_pictures(workspace, store):
    works = [workspace("upscale_x2", seed=seed) for seed in range(2)]
    seen, barrier = {}, threading.Barrier(2)

    def look(number):
        barrier.wait()
        for _ in range(5):
            store.forget(f"visitor {number}")
            activations = crop_session.compute_activations(f"visitor {number}", works[number])
            for name in ("trunk.1.conv1", "tail"):
                view = crop_session.view_layer(works[number], name, activations)
                seen.setdefault((number, name), []).append(view.maps)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    model = load_model("upscale_x2")
    for number, work in enumerate(works):
        (image,) = crop_session.run_inputs(work)
        for name in ("trunk.1.conv1", "tail"):
            expected = hooked(model, name, image)
            assert len(seen[number, name]) == 5
            for maps in seen[number, name]:
                torch.testing.assert_close(maps, expected, rtol=0, atol=1e-5)


def test_a_layer_that_is_not_there_is_refused(workspace, store):
    work = workspace("upscale_x2")
    activations = crop_session.compute_activations("visitor", work)
    with pytest.raises(ValueError, match="upscale_x2 has no layer 'head.conv'"):
        crop_session.view_layer(work, "head.conv", activations)


@pytest.mark.parametrize("build", [torch.nn.Conv2d, torch.nn.ConvTranspose2d])
@pytest.mark.parametrize("groups", [1, 2])
def test_kernels_are_what_one_pixel_of_each_map_before_adds(build, groups):
    layer = build(4, 6, kernel_size=3, bias=False, groups=groups)
    model = torch.nn.Sequential(layer)
    for channel in (0, 4):
        kernels = get_kernels(model, "0", channel)
        start = channel * groups // 6 * (4 // groups)
        assert len(kernels) == 4 // groups
        for number, kernel in enumerate(kernels):
            impulse = torch.zeros(1, 4, 5, 5)
            impulse[0, start + number, 2, 2] = 1
            with torch.no_grad():
                answer = layer(impulse)[0, channel]
            if build is torch.nn.Conv2d:  # answers with the kernel turned by half a turn
                torch.testing.assert_close(answer.flip(0, 1), kernel)
            else:
                torch.testing.assert_close(answer[2:5, 2:5], kernel)


@pytest.mark.parametrize(
    ("task_id", "rows"), [("denoise", [0, 0, 1, 1, 2, 2]), ("upscale_x4", [2, 2, 2, 2, 2, 2])]
)
def test_the_drawing_goes_down_where_the_size_halves(workspace, store, task_id, rows):
    # Sides that are no multiple of 8 are padded on the way: still the same rows.
    work = workspace(task_id, width=37, height=45)
    activations = crop_session.compute_activations("visitor", work)
    value = map_value(work, activations, None, "en")
    names = [node["name"] for node in value["nodes"]]
    drawn = {node["name"]: node["row"] for node in value["nodes"]}
    if task_id == "denoise":
        assert value["rows"] == ["40 × 48", "20 × 24", "10 × 12", "5 × 6"]
        assert [end["row"] for end in value["ends"]] == [0, 0]
        steps = ["head", "encoder.0.1", "down.0", "encoder.1.0", "down.1", "encoder.2.1"]
        assert [drawn[name] for name in steps] == rows
        assert [drawn[name] for name in ("bottom.3", "up.2", "up.0", "tail")] == [3, 2, 0, 0]
    else:
        assert value["rows"] == ["148 × 180", "74 × 90", "37 × 45"]
        assert [drawn[name] for name in names[:6]] == rows
        assert [drawn["up.0"], drawn["tail"]] == [1, 0]
        assert [end["row"] for end in value["ends"]] == [2, 0]
