"""Result files that are whole or absent, never half written."""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from rayloom.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name `path` when the block ends well.

    Missing folders are made. If the block fails, what was at `path` before is still there. What a process
    left that was killed in such a block is removed. Raises InputError where the file cannot be written.
    """
    part = path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(path)
        yield part
        part.replace(path)
    except OSError as error:
        raise InputError(path, f"the file cannot be written ({error.strerror or error})") from error
    finally:
        if os.path.isfile(part):
            part.unlink()


def check_writable(folder: Path) -> None:
    """Raise InputError unless files can be written into a folder, which is made: for before a long work."""
    with whole_file(folder / ".writable") as part:
        part.write_bytes(bytes(1 << 14))
    (folder / ".writable").unlink()


def _remove_left_over(path: Path) -> None:
    """Remove the parts of processes that are no more."""
    start = f".{path.stem}.part"
    for part in path.parent.glob(f"{glob.escape(start)}*{glob.escape(path.suffix)}"):
        number = part.name.removeprefix(start).removesuffix(path.suffix)
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            part.unlink(missing_ok=True)
