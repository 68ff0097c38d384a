"""The state of one visitor, and its files that the page may serve.

A ``Workspace`` holds paths, never pictures or tensors, so that a forgotten tab costs no
memory. Its files lie in Gradio's own cache folder, the only place this page writes to, and
are deleted with it.
"""

import atexit
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from PIL import Image

from deconv_demo.pictures import save_picture
from deconv_demo.restoration import Score

# Larger pictures are not sent to a browser whole: the comparison shows their central crop.
MAX_SHOWN_PIXELS = 50_000_000
MAX_STEM_BYTES = 150
_PROGRAM = secrets.token_hex(8)  # others may use the same cache


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The picture on the page and its result.

    Attributes:
        source: File that the visitor chose, unchanged.
        name: Name of the picture, fit for a file name.
        reference: Clean picture of an example; None for visitors' own.
        sigma: Noise that was added to an example, on ``[0, 1]``.
        truth: Ground truth of the result, where it is known.
        network_input: The picture that the network last received, as PNG.
        task_id: Key of ``TASKS`` of the last run.
        before, after: Pictures of the comparison, as PNG; ``after`` is the download.
        preview_after: Central crop of ``after``, where it is too large for a browser.
        restored: ``after`` at full strength, where it can be blended.
        size: Width and height of ``before`` and ``after``.
        facts: Facts of the last run.
        scores: Scores of the last run, where the ground truth is known.
        language: Language of the stored result.
    """

    source: Path | None = None
    name: str = "picture"
    reference: Path | None = None
    sigma: float = 0.0
    truth: Path | None = None
    network_input: Path | None = None
    task_id: str | None = None
    before: Path | None = None
    after: Path | None = None
    preview_after: Path | None = None
    restored: Path | None = None
    size: tuple[int, int] = (0, 0)
    facts: dict[str, Any] = field(default_factory=dict)
    scores: tuple[Score, ...] = ()
    language: str | None = None

    @property
    def is_example(self) -> bool:
        """Whether the source was degraded by this page, so that its ground truth is known."""
        return self.reference is not None


class FileStore:
    """A writer of files into Gradio's cache, where they are deleted when they are old.

    Args:
        register: Function that takes the path of a file that may be deleted with the rest of the
            cache; None keeps the files, for all visitors, as long as the program runs.
    """

    def __init__(self, register: Callable[[str], None] | None = None) -> None:
        self._register = register

    def save_image(self, picture: Image.Image, name: str) -> Path:
        """Write a picture without loss (or as the suffix of ``name`` says) and return its path."""
        path = self.new_path(name)
        save_picture(picture, path)
        return path

    def new_path(self, name: str) -> Path:
        """Return a path for a file of another kind, in a folder of its own."""
        root = kept_folder() if self._register is None else _folder()
        folder = root / secrets.token_hex(16)
        folder.mkdir(parents=True)
        path = folder / name
        if self._register is not None:
            self._register(str(path))
        return path


def kept_folder() -> Path:
    """Return the folder of files kept for all visitors until this program ends."""
    return _folder() / f"kept-{_PROGRAM}"


def _folder() -> Path:
    return Path(gr.utils.get_upload_folder()) / "deconv-lab"


@atexit.register
def _remove_kept() -> None:
    shutil.rmtree(kept_folder(), ignore_errors=True)


def get_url(path: Path) -> str:
    """Return the address of a file of the cache, relative for proxies."""
    return f"gradio_api/file={quote(str(path))}"


def safe_stem(file_name: str) -> str:
    """Return the name of a file without folder and suffix, with harmless characters only.

    >>> safe_stem("../my photo (1).final.JPG")
    'my-photo-1-final'
    """
    stem = Path(file_name.replace("\\", "/")).stem
    name = re.sub(r"[\W_]+", "-", stem).strip("-")[:60]
    # A file system counts bytes, and a character may take four.
    return name.encode()[:MAX_STEM_BYTES].decode(errors="ignore").strip("-") or "picture"


def preview_crop(picture: Image.Image) -> Image.Image:
    """Return the picture, or the central crop of one that is too large for a browser."""
    width, height = picture.size
    if width * height <= MAX_SHOWN_PIXELS:
        return picture
    factor = (MAX_SHOWN_PIXELS / (width * height)) ** 0.5
    part = (int(width * factor), int(height * factor))
    left, top = ((whole - cut) // 2 for whole, cut in zip(picture.size, part, strict=True))
    cropped = picture.crop((left, top, left + part[0], top + part[1]))
    cropped.info = dict(picture.info)
    return cropped
