"""Do many small steps of PyTorch on one thread, while all other work keeps its threads.

Thousands of operations on small planes gain little from a second thread, and where the machine is
busy with other things they lose all: each waits until both threads have had their turn. An estimate
of a second then took half a minute.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import torch


def on_one_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns that is called, in inference mode, on one thread.

    >>> on_one_thread(torch.get_num_threads)
    1
    """
    return _worker().submit(_called, function, *arguments).result()


def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    with torch.inference_mode():
        return function(*arguments)


@lru_cache(maxsize=1)
def _worker() -> ThreadPoolExecutor:
    """One lasting thread: the number that PyTorch is told belongs to the thread it is told in."""
    before = torch.get_num_threads()
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="one-thread")
    worker.submit(_take_one).result()
    # Threads to come take the number that was set last.
    torch.set_num_threads(before)
    return worker


def _take_one() -> None:
    torch.get_num_threads()  # Settles what a new thread takes over; only then it can be changed.
    torch.set_num_threads(1)
