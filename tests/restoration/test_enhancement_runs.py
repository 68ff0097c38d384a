"""How a run of ``enhance`` goes: progress, stopping, errors, tiles."""

import threading

import pytest
import torch
from PIL import Image
from support.stand_ins import Given, random_picture, same_pixels, use_tiny_networks

from deconv_demo.pictures.errors import PictureError
from deconv_demo.restoration import enhancement
from deconv_demo.restoration.enhancement import Enhancement, TileProgress, enhance, enhance_by_tile
from deconv_demo.tasks import TASKS


@pytest.fixture(autouse=True)
def use(monkeypatch):
    """Tiny networks and short tiles on the CPU; call it to put another network in their place."""
    return use_tiny_networks(monkeypatch)


def test_a_result_too_large_is_refused_before_work(monkeypatch, use):
    network = use(Given())
    monkeypatch.setattr(enhancement, "MAX_OUTPUT_PIXELS", 1000)
    with pytest.raises(PictureError) as error:
        enhance(random_picture((10, 10)), "upscale_x4")
    assert error.value.code == "result_too_large"
    assert not network.calls
    enhance(random_picture((10, 10)), "deblur")


@pytest.mark.parametrize("size", [(12, 12), (300, 340)])
def test_progress_counts_the_tiles_in_order(size):
    steps: list[TileProgress] = []
    result = enhance(random_picture(size), "denoise", sigma=0.1, progress=steps.append)
    total = result.facts["tiles"]
    assert [step.done for step in steps] == list(range(total + 1))
    assert {step.total for step in steps} == {total}
    assert steps[0].seconds_left is None
    assert all(step.seconds_left > 0 for step in steps[1:-1])
    assert steps[-1].seconds_left == 0


def test_by_tile_gives_progress_then_the_result():
    *steps, last = enhance_by_tile(random_picture((12, 12)), "deblur")
    assert all(isinstance(step, TileProgress) for step in steps)
    assert isinstance(last, Enhancement)


def test_closing_stops_the_work(use):
    network = use(Given())
    steps = enhance_by_tile(random_picture((700, 180)), "deblur")
    assert next(steps) == TileProgress(0, 5, None)
    assert not network.calls
    assert next(steps).done == 1
    steps.close()
    assert len(network.calls) == 1


def enhance_in_a_thread(picture: Image.Image, task_id: str) -> Enhancement:
    """Fail instead of waiting for ever where an earlier run has kept the network to itself."""
    results = []
    thread = threading.Thread(target=lambda: results.append(enhance(picture, task_id)), daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert results, "the run before this one never let go"
    return results[0]


def test_a_visitor_who_left_does_not_keep_the_network():
    waiting = enhance_by_tile(random_picture((700, 180)), "deblur")
    next(waiting), next(waiting)
    enhance_in_a_thread(random_picture((20, 20)), "deblur")
    waiting.close()


def test_an_exception_in_progress_ends_the_run(use):
    network = use(Given())

    def stop(step: TileProgress) -> None:
        if step.done == 2:
            raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        enhance(random_picture((700, 180)), "deblur", progress=stop)
    assert len(network.calls) == 2


def test_an_error_in_the_network_leaves_it_usable(use):
    def broken(_image):
        raise RuntimeError("out of memory")

    use(Given(broken))
    with pytest.raises(RuntimeError, match="out of memory"):
        enhance(random_picture((20, 20)), "deblur")
    use(Given())
    enhance_in_a_thread(random_picture((20, 20)), "deblur")


@pytest.mark.parametrize("task_id", TASKS)
def test_two_runs_are_equal(task_id):
    picture = random_picture((210, 40))
    assert same_pixels(enhance(picture, task_id).after, enhance(picture, task_id).after)


def test_no_gradients_are_kept(use):
    def check(image):
        assert torch.is_inference_mode_enabled()
        return image

    use(Given(check))
    enhance(random_picture((9, 9)), "deblur")


def test_every_tile_of_a_large_picture_has_one_shape(use):
    network = use(Given())
    enhance(random_picture((333, 251)), "deblur")
    assert len(network.calls) == 2 * 2
    assert len({shape for shape, _ in network.calls}) == 1
