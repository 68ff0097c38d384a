"""Freed memory: kept for the next who asks, given back when nobody does."""

import subprocess
import sys
import threading

import pytest

from deconv_demo import malloc

needs_glibc = pytest.mark.skipif(not malloc.keep_freed_memory(), reason="another C library")

# In a process of its own: what other tests have freed would count too. Whole pages are written,
# in a thread, since Gradio calls from threads.
MEASURED = """
import re, threading
from pathlib import Path
import numpy as np
from deconv_demo import malloc

def megabytes():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

def use():
    blocks = [np.ones(50_000_000, np.uint8) for _ in range(4)]
    print(megabytes())
    del blocks
    print(megabytes())

print(megabytes())
thread = threading.Thread(target=use)
thread.start()
thread.join()
malloc.trim()
print(megabytes())
"""


def measure() -> list[float]:
    found = subprocess.run(
        [sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True
    )
    return [float(line) for line in found.stdout.split()]


@needs_glibc
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_is_kept_until_it_is_given_back():
    before, used, freed, given_back = measure()
    assert used - before > 190
    assert freed - before > 190
    assert given_back - before < 20


def test_it_is_given_back_some_time_after_the_last_of_many_runs(monkeypatch):
    """Time as the thread that watches sees it, second by second, with a run every 4 until 60."""
    now, given_back = [0.0], []

    def sleep(seconds):
        for _ in range(round(seconds)):
            now[0] += 1
            if now[0] <= 60 and now[0] % 4 == 0:
                malloc.trim_when_idle()
        if now[0] > 200:
            raise StopIteration

    monkeypatch.setattr(malloc.time, "sleep", sleep)
    monkeypatch.setattr(malloc.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(malloc, "_start_watching", lambda: None)
    monkeypatch.setattr(malloc, "trim", lambda: given_back.append(now[0]))
    with pytest.raises(StopIteration):
        malloc._watch()
    assert 60 + malloc.IDLE_SECONDS <= given_back[0] <= 60 + 2 * malloc.IDLE_SECONDS
    # And on, since what the last run leaves is freed when its picture has been written.
    assert len(given_back) > 3


def test_the_first_run_starts_the_watch_and_no_other_does(monkeypatch):
    if malloc._glibc() is None:
        pytest.skip("another C library")
    for _ in range(5):
        malloc.trim_when_idle()
    assert [thread.name for thread in threading.enumerate()].count("memory") == 1


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(malloc.platform, "libc_ver", lambda: ("", ""))
    malloc._glibc.cache_clear()
    try:
        assert not malloc.keep_freed_memory()
        malloc.trim_when_idle()
        malloc.trim()
    finally:
        malloc._glibc.cache_clear()


@needs_glibc
def test_enhancing_has_it_given_back(monkeypatch):
    from PIL import Image

    from deconv_demo import enhance
    from deconv_demo.restoration import tile_runner

    calls = []
    monkeypatch.setattr(tile_runner, "trim_when_idle", lambda: calls.append(1))
    enhance(Image.new("RGB", (16, 16)), "upscale_x2")
    assert calls


def test_an_older_glibc_keeps_smaller_blocks(monkeypatch):
    asked = []

    class Older:
        def mallopt(self, name, value):
            asked.append((name, value))
            return not (name == malloc._M_MMAP_THRESHOLD and value > 32 << 20)

    monkeypatch.setattr(malloc, "_glibc", Older)
    assert malloc.keep_freed_memory()
    assert (malloc._M_MMAP_THRESHOLD, 32 << 20) in asked
    assert {name for name, _ in asked} == {-1, -3, -8}
