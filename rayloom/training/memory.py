"""How much memory this process takes."""

import sys

import psutil

if sys.platform != "win32":
    import resource


def memory_mb() -> float:
    """Memory that the process holds now, MiB."""
    return psutil.Process().memory_info().rss / 2**20


def peak_memory_mb() -> float:
    """The most memory that the process has held so far, MiB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 2**20
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
