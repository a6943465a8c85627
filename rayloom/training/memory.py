"""How much memory a process takes."""

import ctypes
import gc
import sys
from pathlib import Path

import psutil

if sys.platform != "win32":
    import resource


def memory_mb() -> float:
    """Memory that the process holds now, MiB."""
    return psutil.Process().memory_info().rss / 2**20


def private_memory_mb(process: int | None = None) -> float:
    """Memory of a process, by default this one, that no file backs, MiB; all that it holds outside of Linux.

    The system drops pages that are mapped from files when it wants the room: photos beyond their share, and
    the code of libraries.
    """
    found = psutil.Process(process)
    if not sys.platform.startswith("linux"):
        return found.memory_info().rss / 2**20
    resident, shared = (int(word) for word in Path(f"/proc/{found.pid}/statm").read_text().split()[1:3])
    return (resident - shared) * resource.getpagesize() / 2**20


def give_back_free_memory() -> None:
    """Hand what was freed, and is kept for later, back to the system, where the C library can."""
    gc.collect()
    if sys.platform.startswith("linux") and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


def peak_memory_mb() -> float:
    """The most memory that the process has held so far, MiB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 2**20
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
