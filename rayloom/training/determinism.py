"""The same numbers again: one core, one order of additions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rayloom.errors import InputError
from rayloom.kernels.threads import num_threads


@contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """Where wanted, a block in which training gives the same bits for the same seed, on the same machine.

    Threads take work as they come to it, and sums depend on who took what: the process is held on one core,
    so that torch and our kernels have one thread. Raises InputError where the system offers no such hold.
    """
    if not wanted:
        yield
        return
    if not hasattr(os, "sched_setaffinity"):
        raise InputError("--deterministic", "this system cannot hold a process on one core; expected Linux")
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    before = torch.are_deterministic_algorithms_enabled()
    # Not all on the same one, should there be several of us.
    os.sched_setaffinity(0, {sorted(cores)[os.getpid() % len(cores)]})
    num_threads.cache_clear()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)
        os.sched_setaffinity(0, cores)
        num_threads.cache_clear()
