"""Writing that survives a power cut: on disk before it has its name, and there under its name afterwards."""

import os
import shutil
from pathlib import Path

PIECE = 1 << 24
"""Bytes that are handed to the system at once."""


def write(path: Path, data: bytes) -> None:
    """A new file with this content, on disk when the call returns. Raises OSError, as on a full disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        view = memoryview(data)
        while len(view) > 0:
            # The system may take less than it was given.
            view = view[os.write(descriptor, view[:PIECE]) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Give a file or folder that is on disk another name beside its own, for good."""
    os.rename(source, target)
    flush(target.parent)


def flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on disk."""
    # Windows opens no folders, and keeps their names safe by itself.
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(folder: Path) -> None:
    """Remove a folder that must never be met half removed: it loses its name first."""
    if folder.exists():
        doomed = folder.with_name(f".{folder.name}.gone{os.getpid()}")
        os.rename(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)
