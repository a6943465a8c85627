"""`rayloom export`: take a trained scene away, in one of several forms."""

import importlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from rayloom.cli.opening import Device
from rayloom.cli.options import Word, parse
from rayloom.errors import InputError

FORMS = {"web": ".html"}
"""What a scene can become, each the work of `rayloom.cli.export_<form>`, and how its files end."""


@dataclass(frozen=True)
class ExportOptions:
    """Options of `rayloom export`."""

    run: Word[Path]
    """Run folder that `rayloom train` wrote."""
    form: Word[str]
    """web: one page that shows the scene in a browser, without a network."""
    out: Path | None = None
    """The file to write, by default RUN/scene.html; what is there is replaced."""
    max_mb: float | None = None
    """Size of the page at most, in megabytes; by default 15 for an object and 40 for other scenes."""
    resolution: int | None = None
    """Voxels along the longest side of an object's box, or across contracted space; by default as many as
    the size allows."""
    title: str = ""
    """Of the page; by default the name of the capture."""
    data: Path | None = None
    """Where the capture is now, if it has moved since."""
    device: Device = "auto"
    """Where to ask the field; auto takes a GPU if there is one."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError("form", f"is {self.form!r}; expected one of {', '.join(FORMS)}")
        ending = FORMS[self.form]
        if self.out is not None and self.out.suffix.lower() != ending:
            raise InputError("--out", f"is {self.out}; expected a FILE{ending}")
        if not _writable(self.file):
            raise InputError(self.file, "cannot be written; expected a file in a folder of yours")
        if self.max_mb is not None and not 0 < self.max_mb < math.inf:
            raise InputError("--max-mb", f"is {self.max_mb}; expected a positive number")
        if self.resolution is not None and not 16 <= self.resolution <= 2048:
            raise InputError("--resolution", f"is {self.resolution}; expected 16 to 2048")

    @property
    def file(self) -> Path:
        """The file to write."""
        return self.out or self.run / f"scene{FORMS[self.form]}"


def run(args: list[str]) -> int:
    """Leave the work to the form."""
    options = parse(ExportOptions, "export", "Take a trained scene away as a file.", args)
    return importlib.import_module(f"rayloom.cli.export_{options.form}").export(options)


def _writable(path: Path) -> bool:
    """Whether a file could be written, asked before the work and not after it."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    return folder.is_dir() and os.access(folder, os.W_OK) and not path.is_dir()
