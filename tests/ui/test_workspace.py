"""What a visitor has on the page: names that do no harm, files that stay in the cache."""

import dataclasses
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from deconv_demo.ui import workspace as module
from deconv_demo.ui.cache_cleanup import sweep
from deconv_demo.ui.enhance import examples
from deconv_demo.ui.enhance.examples import EXAMPLES, open_example, thumbnail
from deconv_demo.ui.page import build_page
from deconv_demo.ui.workspace import FileStore, Workspace, get_url, preview_crop, safe_stem


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("photo.jpg", "photo"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system"),
        ("/absolute/path.png", "path"),
        ("", "picture"),
        (".", "picture"),
        ("..", "picture"),
        (".hidden", "hidden"),
        ("---.png", "picture"),
        ("<img src=x onerror=alert(1)>.png", "img-src-x-onerror-alert-1"),
        ("${process.exit()}.png", "process-exit"),
        ("a\x00b\r\nc.png", "a-b-c"),
        ("con_(1)__final.tiff", "con-1-final"),
        ("照片 1.heic", "照片-1"),
        ("été.webp", "été"),
    ],
)
def test_stems_of_hostile_names(name, stem):
    assert safe_stem(name) == stem


@settings(max_examples=40)
@example("x" * 300 + ".png")
@example("\U00020000" * 62 + ".png")  # four bytes each
@given(st.text(max_size=200))
def test_no_name_leaves_its_folder(name):
    stem = safe_stem(name)
    assert 0 < len(stem) <= 60
    assert re.fullmatch(r"[\w-]+", stem)
    assert Path(stem).name == stem
    # No file system takes more than 255 bytes for a name, ours with the task and a suffix.
    assert len(f"{stem}-upscale_x2-before.png".encode()) <= 255


def test_files_lie_in_the_cache_each_in_a_folder_of_its_own(upload_folder):
    registered = []
    store = FileStore(registered.append)
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    paths = [store.save_image(picture, "same.png") for _ in range(3)]
    assert len(set(paths)) == 3
    for path in paths:
        assert upload_folder.resolve() in path.resolve().parents
        assert re.fullmatch("[0-9a-f]{32}", path.parent.name)  # not to be guessed
        with Image.open(path) as stored:
            assert np.array_equal(stored, picture)
    assert registered == [str(path) for path in paths]
    assert FileStore().save_image(picture, "kept.png").exists()


def test_the_address_brings_back_the_path():
    path = Path("/cache/a b/c#d?e%f/照片.png")
    address = get_url(path)
    assert not set(address) & set(' #?"<>')
    # Relative: the page may lie in a folder of another server.
    assert not address.startswith("/")
    assert unquote(address.partition("=")[2]) == str(path)


def test_only_the_middle_of_a_huge_picture_is_shown(monkeypatch):
    monkeypatch.setattr(module, "MAX_SHOWN_PIXELS", 200)
    small = Image.new("RGB", (20, 10))
    assert preview_crop(small) is small
    pixels = np.arange(40 * 20 * 3, dtype=np.uint16).astype(np.uint8).reshape(20, 40, 3)
    large = Image.fromarray(pixels)
    large.info["dpi"] = (300, 300)
    part = preview_crop(large)
    assert part.size == (20, 10)
    assert np.array_equal(part, pixels[5:15, 10:30])
    assert part.info == {"dpi": (300, 300)}


def test_a_workspace_holds_no_pictures():
    kinds = {type(value) for value in dataclasses.asdict(open_example("camera")).values()}
    assert not any(issubclass(kind, (Image.Image, np.ndarray)) for kind in kinds)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Workspace().name = "other"


@pytest.mark.parametrize("example_id", EXAMPLES)
def test_every_example_opens_damaged_as_it_says(example_id):
    example, workspace = EXAMPLES[example_id], open_example(example_id)
    with Image.open(workspace.source) as damaged, Image.open(workspace.reference) as truth:
        scale = example.degradation.scale
        assert truth.size == (damaged.width * scale, damaged.height * scale)
        assert damaged.mode == truth.mode
        if scale == 1:
            assert not np.array_equal(damaged, truth)
    assert workspace.sigma == example.degradation.sigma
    small = thumbnail(example_id)
    assert small.width == small.height


def test_examples_outlive_the_cleaning_of_the_cache(monkeypatch):
    """A file that a component has shown is deleted when it is old, unless it is an example's."""
    monkeypatch.setattr(examples, "_made", {})
    page = build_page()
    picture = next(b for b in page.blocks.values() if b.elem_id == "picture")
    opened = open_example("camera")
    picture.move_resource_to_block_cache(str(opened.source))
    other = FileStore(picture.temp_files.add).save_image(Image.new("RGB", (4, 4)), "own.png")
    sweep(page.temp_file_sets, older_than=-1)
    assert not other.exists()
    assert opened.source.is_file()
    assert opened.reference.is_file()
    assert open_example("camera") is opened
