"""Freed memory stays at hand for the next feature map, and goes back to the system when idle.

Every layer of a network asks for tens of megabytes and frees as much. The C library hands blocks
of that size back to the system at once, which gives them out anew page by page, each page zeroed:
for a small network at full resolution that took up to a third of the time.
"""

import ctypes
import platform
import threading
from functools import lru_cache

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
LARGEST_KEPT = 1 << 30
# Longer than between two runs of somebody who tries things out.
IDLE_SECONDS = 15

_timer: threading.Timer | None = None
_timer_lock = threading.Lock()


def keep_freed_memory() -> bool:
    """Let memory that is freed wait for the next who asks.

    For the whole process, so best before any thread is started: those that have a part of the
    memory of their own keep to it, and such parts cannot grow large.

    Returns:
        Whether it is so now; not where the C library is another than glibc.
    """
    library = _glibc()
    if library is None:
        return False
    limits = {_M_ARENA_MAX: 1, _M_MMAP_THRESHOLD: LARGEST_KEPT, _M_TRIM_THRESHOLD: 2**31 - 1}
    return all(library.mallopt(name, value) for name, value in limits.items())


def give_back_when_idle() -> None:
    """Give freed memory back to the system, unless this is called again soon."""
    global _timer
    if _glibc() is None:
        return
    with _timer_lock:
        if _timer is not None:
            _timer.cancel()
        _timer = threading.Timer(IDLE_SECONDS, give_back)
        _timer.daemon = True
        _timer.start()


def give_back() -> None:
    """Give freed memory back to the system; takes some hundredths of a second."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
