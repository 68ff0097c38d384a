"""Freed memory stays at hand for the next feature map, and goes back to the system when idle.

Every layer of a network asks for tens of megabytes and frees as much. The C library hands blocks
of that size back to the system at once, which gives them out anew page by page, each page zeroed:
for a small network at full resolution that took up to a third of the time.
"""

import ctypes
import platform
import threading
import time
from functools import lru_cache

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Blocks up to this size are kept; before glibc 2.35 only the second was taken.
MAX_KEPT = (1 << 30, 32 << 20)
# Longer than between two runs of somebody who tries things out.
IDLE_SECONDS = 15

_last_use = 0.0


def keep_freed_memory() -> bool:
    """Let memory that is freed wait for the next who asks.

    For the whole process, so best before any thread is started: those that have a part of the
    memory of their own keep to it, and such parts cannot grow large.

    Returns:
        Whether the C library took it; none but glibc does.
    """
    library = _glibc()
    if library is None:
        return False
    if not any(library.mallopt(_M_MMAP_THRESHOLD, size) for size in MAX_KEPT):
        return False
    library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    library.mallopt(_M_ARENA_MAX, 1)
    return True


def give_back_when_idle() -> None:
    """Give freed memory back to the system whenever this has not been called for a while."""
    global _last_use
    _last_use = time.monotonic()
    if _glibc() is not None:
        _start_watching()


def give_back() -> None:
    """Give freed memory back to the system; takes some hundredths of a second."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@lru_cache(maxsize=1)
def _start_watching() -> None:
    threading.Thread(target=_watch, name="memory", daemon=True).start()


def _watch() -> None:
    # For ever: what a finished run leaves (pictures, files being written) is freed later.
    while True:
        time.sleep(IDLE_SECONDS)
        if time.monotonic() - _last_use >= IDLE_SECONDS:
            give_back()


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
