"""`rayloom export`: take a trained scene away, in one of several forms."""

import importlib
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rayloom.cli.opening import Device
from rayloom.cli.options import Word, parse
from rayloom.cli.output import note
from rayloom.errors import InputError

FORMS = ("web", "mesh", "points", "cameras")
"""What a scene can become; each is the work of `rayloom.cli.export_<form>`, with options of its own."""
SWITCHES = ("--help", "-h", "--json", "--quiet")
"""Options without a value."""
SECONDS_PER_LINE = 2.0

FrameName = Literal["input", "training"]


@dataclass(frozen=True)
class ExportWords:
    """The words of `rayloom export`, which every form has."""

    run: Word[Path]
    """Run folder that `rayloom train` wrote."""
    form: Word[str]
    """web: one page that shows the scene in a browser, without a network; mesh: a surface as GLB, PLY or OBJ;
    points: a PLY file; cameras: photos with poses for nerfstudio or COLMAP. `rayloom export RUN FORM --help`
    tells the options of a form."""


@dataclass(frozen=True)
class ExportOptions:
    """Options of all forms."""

    run: Word[Path]
    """Run folder that `rayloom train` wrote."""
    out: Path | None = None
    """What to write; by default something of the form's name in the run folder."""
    data: Path | None = None
    """Where the capture is now, if it has moved since."""
    memory: float | None = None
    """GB for photos and pictures, besides files that are mapped; what is exported may take more."""
    device: Device = "auto"
    """Where to ask the field; auto takes a GPU if there is one."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""


def run(args: list[str]) -> int:
    """Leave the work to the form."""
    form, rest = split_form(args)
    if form is None:
        parse(ExportWords, "export", "Take a trained scene away as a file.", args)
        form = ""
    if form not in FORMS:
        raise InputError("form", f"is {form!r}; expected one of {', '.join(FORMS)}")
    return importlib.import_module(f"rayloom.cli.export_{form}").run(rest)


def split_form(args: list[str]) -> tuple[str | None, list[str]]:
    """The word that names the form, the second that is no value of an option, and the other arguments."""
    words = [
        i
        for i, word in enumerate(args)
        if not word.startswith("-") and (i == 0 or not _wants_value(args[i - 1]))
    ]
    if len(words) < 2:
        return None, args
    return args[words[1]], args[: words[1]] + args[words[1] + 1 :]


def check_file(file: Path, endings: tuple[str, ...]) -> None:
    """Raise InputError, before any work, for a file of another ending and where none can be written."""
    if file.suffix.lower() not in endings:
        raise InputError("--out", f"is {file}; expected a FILE{' or FILE'.join(endings)}")
    if not _writable(file):
        raise InputError(file, "cannot be written; expected a file in a folder of yours")


def check_positive(options: ExportOptions, *names: str) -> None:
    """Raise InputError for numbers that are not positive; None is no number."""
    for name in names:
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')}", f"is {value}; expected a positive number")


def _wants_value(word: str) -> bool:
    return word.startswith("--") and "=" not in word and word not in SWITCHES


def _writable(path: Path) -> bool:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    return folder.is_dir() and os.access(folder, os.W_OK) and not path.is_dir()


class Teller:
    """Says on stderr how the work goes, now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet, self.stage, self.told_at = quiet, "", 0.0

    def __call__(self, stage: str, share: float) -> None:
        """Hear which stage the work is at, and which share of it is done."""
        now = time.monotonic()
        if stage != self.stage or now - self.told_at > SECONDS_PER_LINE:
            note(f"{stage}: {share:.0%}", quiet=self.quiet)
            self.stage, self.told_at = stage, now
