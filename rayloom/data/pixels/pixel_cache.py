"""Decoded and resized pixels kept on disk: one array for all, named by what it was made from."""

import hashlib
import math
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = ".rayloom_cache"


class PixelCache:
    """The cached pixels of one capture at one scale, or at several.

    `family` names the scales; a new cache replaces the older ones of its family alone. `sources` are the
    picture files; a file that changes its size or its time makes the cache stale. The cache lies in the
    capture folder, or in the user's cache folder where that cannot be written.
    """

    def __init__(self, root: Path, sources: list[Path], family: str, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.family = family
        self.name = f"{self.family}-{_fingerprint(sources, shape)}.npy"
        self.folders = _folders(root)

    def load(self, *, mapped: bool) -> NDArray[np.uint8] | None:
        """The cached pixels, in memory or mapped from the file; None where there are none, or broken ones."""
        for folder in self.folders:
            try:
                # Copy-on-write: the file stays as it is, and torch accepts the array as its own.
                pixels = np.load(folder / self.name, mmap_mode="c", allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
            if pixels.shape == self.shape and pixels.dtype == np.uint8:
                return np.asarray(pixels) if mapped else np.array(pixels)
        return None

    def create(self) -> tuple[Path, np.memmap] | None:
        """A draft on disk to be filled and then kept with `keep`; None where no folder takes it."""
        for folder in self.folders:
            draft = folder / f"{uuid.uuid4().hex}.draft"
            try:
                if not _writable(folder, room=2 * math.prod(self.shape)):
                    continue
                folder.mkdir(parents=True, exist_ok=True)
                return draft, np.lib.format.open_memmap(draft, mode="w+", dtype=np.uint8, shape=self.shape)
            except OSError:
                draft.unlink(missing_ok=True)
        return None

    def keep(self, draft: Path) -> None:
        """Put a filled draft in the place of every older cache of the same family."""
        for old in draft.parent.glob(f"{self.family}-*.npy"):
            with suppress(OSError):
                old.unlink()
        draft.replace(draft.parent / self.name)


def scratch(root: Path, shape: tuple[int, int]) -> np.memmap | None:
    """Rows on the disk that no other process sees and that are gone with this one; None without a place."""
    for folder in _folders(root):
        with suppress(OSError):
            if _writable(folder, room=2 * math.prod(shape)):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder) as file:
                    return np.memmap(file, np.uint8, "w+", shape=shape)
    return None


def _folders(root: Path) -> tuple[Path, Path]:
    return root / FOLDER, _user_cache() / _digest(str(root.resolve()))


def _writable(folder: Path, room: int) -> bool:
    """Whether the folder may be made or written, and its disk has room."""
    while not folder.exists():
        folder = folder.parent
    # To the administrator every folder is writable; one that is marked read-only is still left alone.
    marked_writable = folder.is_dir() and folder.stat().st_mode & 0o222 != 0
    # Writing to a mapped file on a full disk ends the process, so this is asked before.
    return marked_writable and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > room


def _fingerprint(sources: list[Path], shape: tuple[int, int]) -> str:
    def facts() -> Iterator[str]:
        yield f"{shape}"
        for path in sources:
            status = path.stat()
            yield f"{path}|{status.st_size}|{status.st_mtime_ns}"

    return _digest("\n".join(facts()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rayloom" / "pixels"
