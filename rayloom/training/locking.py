"""One trainer for each run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rayloom.errors import InputError

LOCK = ".lock"


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep other trainers out of a run folder. Raises InputError if there is one in it.

    The system holds the lock, and lets go of it however the process ends.
    """
    lock = FileLock(run / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout as taken:
        raise InputError(run, "another process trains in this folder; expected one at a time") from taken
    except OSError as error:
        raise InputError(run / LOCK, f"cannot be written ({error.strerror or error})") from error
    try:
        yield
    finally:
        lock.release()
