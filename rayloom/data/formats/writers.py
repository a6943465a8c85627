"""Captures written in every format that is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from rayloom.data.capture import Capture
from rayloom.data.formats import blender, colmap, llff, tiny, transforms
from rayloom.errors import InputError

WRITERS: Final[dict[str, Callable[[Capture, Path], None]]] = {
    "blender": blender.write,
    "transforms": transforms.write,
    "llff": llff.write,
    "colmap-text": colmap.write_as_text,
    "colmap-binary": colmap.write_as_binary,
    "tiny": tiny.write,
}
"""Functions that write into an existing empty folder, by format."""


def write_capture(capture: Capture, out: Path, format: str) -> None:
    """Write a capture into a new or empty folder.

    What a format has no place for, such as times in LLFF, is left out. Raises InputError for cameras that
    the format cannot hold, for an unknown format and for a folder that is not empty.
    """
    if format not in WRITERS:
        raise InputError("format", f"expected one of {', '.join(WRITERS)}; found {format!a}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "expected a new or empty folder, so that nothing is overwritten")
    out.mkdir(parents=True, exist_ok=True)
    WRITERS[format](capture, out)
