"""Keep freed memory in the process for the next feature map, and trim it when idle.

Every layer of a network allocates tens of megabytes and frees as much. The C library returns blocks
of that size to the system at once, which hands them out again page by page, each page zeroed: for
a small network at full resolution that took up to a third of the time.
"""

import ctypes
import platform
import threading
import time
from functools import lru_cache

# Constants of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Size of the largest block that is kept; glibc before 2.35 accepts only the second value.
MAX_KEPT = (1 << 30, 32 << 20)
# Longer than the pause between two runs of somebody who tries things out.
IDLE_SECONDS = 15

_last_use = 0.0


def keep_freed_memory() -> bool:
    """Make glibc keep freed blocks in the process (mallopt) instead of returning them to the OS.

    The setting is process-wide. Call it before threads are started: a thread that has an arena of
    its own keeps it, and such an arena cannot grow large.

    Returns:
        Whether the C library accepted it; only glibc does.
    """
    library = _glibc()
    if library is None:
        return False
    if not any(library.mallopt(_M_MMAP_THRESHOLD, size) for size in MAX_KEPT):
        return False
    library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    library.mallopt(_M_ARENA_MAX, 1)
    return True


def trim_when_idle() -> None:
    """Return freed memory to the system once this has not been called for a while."""
    global _last_use
    _last_use = time.monotonic()
    if _glibc() is not None:
        _start_watching()


def trim() -> None:
    """Return freed memory to the system, which takes some hundredths of a second."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@lru_cache(maxsize=1)
def _start_watching() -> None:
    threading.Thread(target=_watch, name="memory", daemon=True).start()


def _watch() -> None:
    # It runs for ever: what a finished run leaves (pictures, files being written) is freed later.
    while True:
        time.sleep(IDLE_SECONDS)
        if time.monotonic() - _last_use >= IDLE_SECONDS:
            trim()


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
