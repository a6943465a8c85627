"""A small pool of threads that run the same kernel and share the work through a counter.

Kernels release the GIL, so plain Python threads do. A kernel gets the number of its thread and the
counter first, and takes blocks of work from the counter until none is left.
"""

import math
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

CGROUP = Path("/sys/fs/cgroup")


@cache
def num_threads() -> int:
    """How many threads this process may keep busy: its CPU affinity, cut by the quota of its cgroup."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(affinity, cpu_quota(CGROUP, Path("/proc/self/cgroup")))))


def cpu_quota(root: Path, membership: Path) -> float:
    """CPUs that the cgroups of this process grant (version 2, else version 1), infinity where unlimited."""
    quota = math.inf
    lines = _read(membership).splitlines()
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = root / own.lstrip("/")
    for parent in (folder, *folder.parents):
        if root == parent or root in parent.parents:
            quota = min(quota, _ratio(*_read(parent / "cpu.max").split()))
    v1 = root / "cpu"
    return min(quota, _ratio(_read(v1 / "cpu.cfs_quota_us").strip(), _read(v1 / "cpu.cfs_period_us").strip()))


def run(kernel: Callable[..., Any], blocks: int, *arguments: object) -> None:
    """Call kernel(thread, counter, *arguments) on every thread, or on this one alone for one block."""
    if blocks > 0:
        _pool().run(kernel, min(blocks, num_threads()), arguments)


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """Within this context torch leaves the other cores to the kernels' threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _ratio(quota: str = "max", period: str = "100000") -> float:
    """Quota over period; what is absent, "max" or not positive sets no limit."""
    if not (quota.isdigit() and period.isdigit()) or int(quota) * int(period) == 0:
        return math.inf
    return int(quota) / int(period)
