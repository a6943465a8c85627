"""Decoded and resized pixels kept on disk: one array a capture and scale, named by what it was made from."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = ".rayloom_cache"


class PixelCache:
    """The cached pixels of one capture at one scale.

    `sources` are the picture files; a file that changes its size or its time makes the cache stale. The
    cache lies in the capture folder, or in the user's cache folder where that cannot be written.
    """

    def __init__(self, root: Path, sources: list[Path], scale: float, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.family = f"scale-{scale:g}"
        self.name = f"{self.family}-{_fingerprint(sources, shape)}.npy"
        self.folders = (root / FOLDER, _user_cache() / _digest(str(root.resolve())))

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
        """A draft on disk to be filled and then kept with `keep`; None where no folder can be written."""
        for folder in self.folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                handle, name = tempfile.mkstemp(suffix=".draft", dir=folder)
                os.close(handle)
            except OSError:
                continue
            try:
                return Path(name), np.lib.format.open_memmap(
                    name, mode="w+", dtype=np.uint8, shape=self.shape
                )
            except OSError:
                Path(name).unlink()
        return None

    def keep(self, draft: Path) -> None:
        """Put a filled draft in the place of every older cache of the same scale."""
        for old in draft.parent.glob(f"{self.family}-*.npy"):
            old.unlink()
        draft.replace(draft.parent / self.name)


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
