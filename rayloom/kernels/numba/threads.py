"""A small pool of threads that run the same kernel and share the work through a counter.

Kernels release the GIL, so plain Python threads do. A kernel gets the number of its thread and the
counter first, and takes blocks of work from the counter until none is left.
"""

import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from rayloom.kernels.threads import num_threads


def run(kernel: Callable[..., Any], blocks: int, *arguments: object) -> None:
    """Call kernel(thread, counter, *arguments) on every thread, or on this one alone for one block."""
    if blocks > 0:
        _pool().run(kernel, min(blocks, num_threads()), arguments)


class Pool:
    """Helper threads that wait for kernels; the calling thread works too."""

    def __init__(self, helpers: int) -> None:
        self.process = os.getpid()
        self._busy = threading.Lock()
        self._orders: list[queue.SimpleQueue[tuple[Callable[..., Any], tuple[object, ...]]]] = []
        self._results: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        for index in range(helpers):
            self._orders.append(queue.SimpleQueue())
            threading.Thread(target=self._help, args=(index + 1,), daemon=True, name="rayloom").start()

    def run(self, kernel: Callable[..., Any], threads: int, arguments: tuple[object, ...]) -> None:
        """Run the kernel; the first error of any thread is raised here once all have ended."""
        counter = np.zeros(1, np.int64)
        # A second caller, or a kernel called from a helper, finds the pool busy and works alone.
        if threads == 1 or not self._busy.acquire(blocking=False):
            kernel(0, counter, *arguments)
            return
        try:
            helpers = self._orders[: threads - 1]
            for orders in helpers:
                orders.put((kernel, (counter, *arguments)))
            results = [_error_of(kernel, 0, (counter, *arguments))] + [self._results.get() for _ in helpers]
        finally:
            self._busy.release()
        if errors := [result for result in results if result is not None]:
            raise errors[0]

    def _help(self, thread: int) -> None:
        while True:
            kernel, arguments = self._orders[thread - 1].get()
            self._results.put(_error_of(kernel, thread, arguments))


_pools: list[Pool] = []


def _pool() -> Pool:
    """The pool of this process. Threads do not survive a fork, so a child makes its own."""
    if not _pools or _pools[0].process != os.getpid():
        _pools[:] = [Pool(num_threads() - 1)]
    return _pools[0]


def _error_of(kernel: Callable[..., Any], thread: int, arguments: tuple[object, ...]) -> BaseException | None:
    try:
        kernel(thread, *arguments)
    except BaseException as error:
        return error
    return None
