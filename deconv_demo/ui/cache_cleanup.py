"""Deletion of visitors' files when they are old, and of all files when the program ends.

Gradio's own ``delete_cache`` ends for good at the first file that it cannot delete, and iterates
over a set that other threads add to; and a directory that a client names is such a file.
"""

import os
import re
import threading
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir

import gradio as gr

from deconv_demo.ui.workspace import kept_folder

# Gradio keeps each file in a folder named by the SHA-256 of its content. An arriving file lies
# beside these folders, and stays there when a visitor gives up.
_CACHED = re.compile(r"[0-9a-f]{64}")
_ARRIVING = "tmp????????"


def keep_clean(page: gr.Blocks, *, age: float, every: float) -> None:
    """Delete files of a page when they are old, as long as the page lives.

    Args:
        page: Page whose ``temp_file_sets`` name the files.
        age: Seconds since a file was written.
        every: Seconds between two checks.
    """
    sets = page.temp_file_sets
    stopped = threading.Event()

    def look_again() -> None:
        sweep_former(older_than=age)
        while not stopped.wait(every):
            sweep(sets, older_than=age)
            sweep_former(older_than=age)

    def end() -> None:
        stopped.set()
        sweep(sets, older_than=0)

    threading.Thread(target=look_again, name="deconv-lab-cleaning", daemon=True).start()
    weakref.finalize(page, end)  # at the end of the program, if not before


def sweep_former(*, older_than: float) -> None:
    """Delete old files of programs that were killed, and incomplete uploads.

    These are files that the programs made, and uploads where ``GRADIO_TEMP_DIR`` names the
    folder; Gradio's default folder belongs to all of its programs on a computer.

    Args:
        older_than: Seconds since a file was written.
    """
    root = Path(gr.utils.get_upload_folder())
    latest = time.time() - older_than
    left = list((root / "deconv-lab").rglob("*"))
    # In a folder shared by all programs, a file of that name may be anybody's.
    if os.environ.get("GRADIO_TEMP_DIR") and root.resolve() != Path(gettempdir()).resolve():
        left += root.glob(_ARRIVING)
        left += [path for path in root.glob("*/*") if _CACHED.fullmatch(path.parent.name)]
    for path in left:
        with suppress(OSError):  # gone already, not ours to delete, or its folder is not empty
            if kept_folder() in path.parents or path.lstat().st_mtime > latest:
                continue
            if path.is_symlink() or not path.is_dir():
                path.unlink()
                if path.parent != root:
                    path.parent.rmdir()


def sweep(sets: Iterable[set[str]], *, older_than: float) -> None:
    """Delete the files that the sets name, with the folder of each once it is empty.

    A file that cannot be deleted is left alone and forgotten. Nothing outside of Gradio's folder is
    touched, and nothing that is kept for all visitors.

    Args:
        sets: Sets of paths; deleted files are removed from them.
        older_than: Seconds since a file was written.
    """
    root = Path(gr.utils.get_upload_folder()).resolve()
    latest = time.time() - older_than
    for names in sets:
        for name in list(names):  # other threads go on adding
            path = Path(name)
            try:
                # A path that is not written to yet is as old as its folder.
                stands = path if path.is_symlink() or path.exists() else path.parent
                if stands.lstat().st_mtime > latest or kept_folder() in path.parents:
                    continue
                if path.resolve().is_relative_to(root) and not path.is_dir():
                    path.unlink(missing_ok=True)
                    path.parent.rmdir()
            except (OSError, ValueError):  # not ours to delete, not empty, or no path at all
                pass
            names.discard(name)
