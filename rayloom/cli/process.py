"""`rayloom process`: estimate the cameras of bare photos or of a video."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rayloom.cli.options import Flat, Word, parse
from rayloom.cli.output import note, print_json, warn
from rayloom.sfm.config import ProcessConfig

if TYPE_CHECKING:
    from rayloom.sfm.report import Report

SECONDS_PER_LINE = 5.0


@dataclass(frozen=True)
class ProcessOptions:
    """Options of `rayloom process`."""

    photos: Word[Path]
    """Folder of photos, or a video."""
    out: Path
    """New or empty folder for the capture, or one in which an interrupted run left its work."""
    json: bool = False
    """Print the report as JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""
    config: Flat[ProcessConfig] = field(default_factory=ProcessConfig)


def run(args: list[str]) -> int:
    """Find the cameras and say how well that went."""
    options = parse(ProcessOptions, "process", "Estimate the cameras of bare photos or of a video.", args)
    report = find_cameras(options.photos, options.out, options.config, quiet=options.quiet)
    if options.json:
        from msgspec import to_builtins

        print_json(to_builtins(report))
    else:
        print(f"{options.out}: {in_words(report)}")
        print("\n".join(report.advice))
    return 0


def capture_of(data: Path, *, quiet: bool) -> Path:
    """The capture at `data`; of bare photos or a video, the one in `outputs/<name>/process`.

    That is made where it is missing or unfinished. Raises InputError where cameras cannot be found.
    """
    from rayloom.sfm.sources import is_bare

    if not is_bare(data):
        return data
    source = data.resolve()
    out = Path("outputs") / (source.stem if source.is_file() else source.name) / "process"
    report = find_cameras(data, out, ProcessConfig(), quiet=quiet)
    note(f"{out}: {in_words(report)}", quiet=quiet)
    return out


def find_cameras(photos: Path, out: Path, config: ProcessConfig, *, quiet: bool) -> "Report":
    """The report on a capture that was made, or is there already; its warnings go to stderr."""
    from rayloom.sfm.process import process

    with _Display(quiet=quiet) as display:
        report = process(photos, out, config, display.update)
    warn(report.warnings)
    return report


def in_words(report: "Report") -> str:
    """The outcome in one line."""
    error = "" if report.mean_error_px is None else f", reprojection error {report.mean_error_px:.2f} px"
    return f"cameras of {report.num_registered} of {report.num_photos} photos{error}; see report.html there"


class _Display:
    """A moving bar on a terminal, a plain line every few seconds elsewhere, nothing if quiet."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.console = Console(stderr=True)
        self.quiet = quiet
        self.told_at = -SECONDS_PER_LINE
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        self.bar: Any = Progress(*columns, console=self.console, transient=True, disable=quiet)
        self.task = self.bar.add_task("looking at the photos", total=None)

    def __enter__(self) -> "_Display":
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.bar.stop()

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that so much of a stage is done."""
        if self.console.is_terminal:
            self.bar.update(self.task, description=stage, completed=done, total=total)
        elif not self.quiet and time.monotonic() - self.told_at >= SECONDS_PER_LINE:
            self.told_at = time.monotonic()
            note(f"{stage}: {done} of {total}")
