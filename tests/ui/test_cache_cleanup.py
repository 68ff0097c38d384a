"""What visitors made is deleted when it is old, whatever else is named beside it."""

import os
import time

import pytest
from PIL import Image

from deconv_demo.ui.cache_cleanup import keep_clean, sweep, sweep_former
from deconv_demo.ui.enhance.example_strip import strip_value
from deconv_demo.ui.workspace import FileStore


@pytest.fixture
def store(upload_folder):
    """A store of a set of names, and the set."""
    names: set[str] = set()
    return FileStore(names.add), names


def put(store, *, age=0.0):
    path = store.save_image(Image.new("RGB", (4, 4)), "one.png")
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


def test_old_files_go_with_their_folders_and_young_ones_stay(store):
    store, names = store
    old, young = put(store, age=100), put(store, age=10)
    kept = put(FileStore(), age=100)
    names.add(str(kept))
    sweep([names], older_than=50)
    assert not old.parent.exists()
    assert young.exists()
    assert kept.exists(), "of all visitors"
    assert names == {str(young), str(kept)}


def test_what_a_program_left_that_was_killed(upload_folder, monkeypatch):
    """No set names its files any more. What else lies in the folder is not ours."""
    moment = time.time() - 100

    def place(name, *, age=100):
        path = upload_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left behind")
        os.utime(path, (time.time() - age,) * 2)
        return path

    made, kept = place("deconv-lab/ab12/result.png"), place("deconv-lab/kept-1-2/cat.png")
    sent, young = place(f"{'0a' * 32}/photo.jpg"), place(f"{'0b' * 32}/photo.jpg", age=10)
    others = [place("notes/photo.jpg"), place("photo.jpg"), place(f"{'0c' * 32}x/photo.jpg")]
    given_up, arriving = place("tmpab12_x9y"), place("tmpab12_x9z", age=10)
    mine = FileStore().save_image(Image.new("RGB", (4, 4)), "example.png")
    os.utime(mine, (moment, moment))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(upload_folder))
    sweep_former(older_than=50)
    assert not any(path.parent.exists() for path in (made, kept, sent))
    assert all(path.exists() for path in (young, mine, arriving, *others))
    assert not given_up.exists()
    arriving.unlink()
    # The folder that all programs share by default is not for one of them to empty.
    sent = place(f"{'0a' * 32}/photo.jpg")
    monkeypatch.delenv("GRADIO_TEMP_DIR")
    monkeypatch.setattr("gradio.utils.get_upload_folder", lambda: str(upload_folder))
    sweep_former(older_than=50)
    assert sent.exists()


def test_what_cannot_be_deleted_stops_nothing(store, upload_folder, tmp_path):
    store, names = store
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"not ours")
    folder = upload_folder / "folder"
    folder.mkdir()
    names |= {str(folder), str(outside), "", "\0", str(upload_folder / "never" / "there.png")}
    old = [put(store, age=100) for _ in range(20)]
    sweep([names], older_than=-1)
    assert not any(path.exists() for path in old)
    assert outside.exists()
    assert folder.is_dir()
    assert names == set()


def test_a_place_that_is_not_written_to_yet_is_waited_for(store):
    store, names = store
    path = store.new_path("later.png")
    sweep([names], older_than=50)
    assert names == {str(path)}
    Image.new("RGB", (4, 4)).save(path)
    sweep([names], older_than=-1)
    assert not path.exists()


def test_others_may_add_while_it_looks(store):
    store, names = store
    old = [put(store, age=100) for _ in range(30)]

    class Busy(set):
        """Grows by a name whenever a file of it is looked at."""

        def discard(self, name):
            super().discard(name)
            self.add(f"another {name}")

    names = Busy(names)
    sweep([names], older_than=50)
    assert not any(path.exists() for path in old)
    assert len(names) == 30


def test_a_page_is_looked_after_while_it_lives(store):
    class Page:
        temp_file_sets = [store[1]]

    page = Page()
    keep_clean(page, age=50, every=0.05)
    old, young = put(store[0], age=100), put(store[0])
    limit = time.monotonic() + 10
    while old.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    assert not old.exists()
    assert young.exists()
    del page
    assert not young.exists(), "nothing is left of a page that is gone"


def test_another_language_leaves_no_files_behind(upload_folder):
    strip_value("en")
    before = sorted(upload_folder.rglob("*"))
    assert strip_value("zh-CN")["items"][0]["picture"].startswith("data:image/png;base64,")
    assert sorted(upload_folder.rglob("*")) == before
