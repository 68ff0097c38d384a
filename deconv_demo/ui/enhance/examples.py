"""The example pictures: clean ones that come with scikit-image, degraded here.

So each has a ground truth, and the page opens with scores beside the pictures.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from deconv_demo.restoration import DegradationSpec, degrade, prepare_reference
from deconv_demo.tasks import TASKS
from deconv_demo.ui.workspace import FileStore, Workspace

THUMBNAIL_SIDE = 112


@dataclass(frozen=True, kw_only=True)
class Example:
    """A picture of scikit-image, its degradation, and the task that restores it.

    Attributes:
        function: Name of the function in ``skimage.data``.
        task_id: Key of ``TASKS``.
        degradation: Degradation without the downscaling, which the task implies.
        crop: Left, top, right, bottom; None for the whole picture.
    """

    function: str
    task_id: str
    degradation: DegradationSpec
    crop: tuple[int, int, int, int] | None = None


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "astronaut": Example(
            function="astronaut",
            task_id="denoise",
            degradation=DegradationSpec(sigma=35 / 255, seed=1),
        ),
        "coffee": Example(
            function="coffee",
            task_id="deblur",
            degradation=DegradationSpec(sigma=2 / 255, blur="defocus", blur_size=2.5),
        ),
        "cat": Example(
            function="chelsea",
            task_id="upscale_x4",
            degradation=DegradationSpec(scale=4),
            crop=(80, 20, 400, 260),
        ),
        "rocket": Example(
            function="rocket", task_id="upscale_x2", degradation=DegradationSpec(scale=2)
        ),
        "camera": Example(
            function="camera",
            task_id="denoise",
            degradation=DegradationSpec(sigma=20 / 255, seed=2),
        ),
        "page": Example(
            function="page",
            task_id="deblur",
            degradation=DegradationSpec(sigma=2 / 255, blur="gaussian", blur_size=1.8),
        ),
    }
)

_lock = threading.Lock()
_made: dict[str, Workspace] = {}
_finished: dict[str, Workspace] = {}


def open_example(example_id: str) -> Workspace:
    """Return the workspace of an example, made on first use and kept for all visitors."""
    with _lock:
        if not _is_there(_made.get(example_id)):
            example = EXAMPLES[example_id]
            store = FileStore()
            reference = _clean(example)
            damaged = degrade(reference, example.degradation)
            _made[example_id] = Workspace(
                source=store.save_image(damaged, f"{example_id}.png"),
                name=example_id,
                reference=store.save_image(reference, f"{example_id}-truth.png"),
                sigma=example.degradation.sigma,
            )
        return _made[example_id]


def cached_result(example_id: str) -> Workspace | None:
    """Return the workspace of an example that has been run, None before the first run."""
    finished = _finished.get(example_id)
    return finished if _is_there(finished) else None


def _is_there(workspace: Workspace | None) -> bool:
    """Return whether all files of a workspace exist: Gradio deletes files of its components."""
    if workspace is None:
        return False
    paths = (value for value in vars(workspace).values() if isinstance(value, Path))
    return all(path.exists() for path in paths)


def cache_result(example_id: str, steps: Iterable[Any]) -> Iterator[Any]:
    """Yield the steps of a run, and keep its final workspace for all visitors."""
    for step in steps:
        if isinstance(step, Workspace):
            _finished[example_id] = step
        yield step


@cache
def thumbnail(example_id: str) -> Image.Image:
    """Return a small square picture of an example, degraded."""
    workspace = open_example(example_id)
    with Image.open(workspace.source) as picture:
        side = min(picture.size)
        left, top = ((length - side) // 2 for length in picture.size)
        square = picture.crop((left, top, left + side, top + side))
        return square.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)


def _clean(example: Example) -> Image.Image:
    import skimage.data

    loader: Callable = getattr(skimage.data, example.function)
    picture = Image.fromarray(loader())
    if example.crop is not None:
        picture = picture.crop(example.crop)
    return prepare_reference(picture, TASKS[example.task_id].scale)
