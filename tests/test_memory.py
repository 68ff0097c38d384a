"""Freed memory: kept for the next who asks, given back when nobody does."""

import subprocess
import sys
import threading
import time

import pytest

from deconv_demo import memory

needs_glibc = pytest.mark.skipif(memory._glibc() is None, reason="another C library")

# In a process of its own: what other tests have freed would count too. Whole pages are written,
# in a thread, since Gradio calls from threads.
MEASURED = """
import re, threading
from pathlib import Path
import numpy as np
from deconv_demo import memory

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
memory.give_back()
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


def test_it_is_given_back_once_after_the_last_of_many_runs(monkeypatch):
    calls, idle = [], threading.Event()

    def note():
        calls.append(time.monotonic())
        idle.set()

    monkeypatch.setattr(memory, "_glibc", lambda: object())
    monkeypatch.setattr(memory, "give_back", note)
    monkeypatch.setattr(memory, "IDLE_SECONDS", 0.3)
    for _ in range(4):
        memory.give_back_when_idle()
        time.sleep(0.05)
    last = time.monotonic()
    assert not calls
    assert idle.wait(10)
    time.sleep(0.5)
    assert len(calls) == 1
    assert calls[0] > last


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    memory._glibc.cache_clear()
    try:
        assert not memory.keep_freed_memory()
        memory.give_back_when_idle()
        memory.give_back()
    finally:
        memory._glibc.cache_clear()


@needs_glibc
def test_enhancing_has_it_given_back(monkeypatch):
    from PIL import Image

    from deconv_demo import enhance, enhancement

    calls = []
    monkeypatch.setattr(enhancement, "give_back_when_idle", lambda: calls.append(1))
    enhance(Image.new("RGB", (16, 16)), "upscale_x2")
    assert calls
