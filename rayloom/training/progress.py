"""Telling a person how training goes, on stderr."""

import logging
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from rayloom.training.records import Record

SECONDS_PER_LINE = 5.0


class _Relay(logging.Handler):
    """Prints what the log says as plain lines, above the bar where there is one."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(self.format(record), markup=False, highlight=False, soft_wrap=True)


class ProgressDisplay:
    """A moving bar on a terminal, a plain line every few seconds elsewhere, nothing if quiet.

    What the package logs meanwhile, such as that kernels are being compiled, is shown too.
    """

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.quiet = quiet
        self.told_at = 0.0
        self.held_out_psnr: float | None = None
        self.bar = Progress(
            BarColumn(), TextColumn("{task.description}"), console=self.console, transient=True, disable=quiet
        )
        self.task = self.bar.add_task("starting", total=1.0)
        self.log = logging.getLogger("rayloom")
        self.log_level = self.log.level
        self.relay = _Relay(self.console)

    def __enter__(self) -> "ProgressDisplay":
        if self.console.is_terminal:
            self.bar.start()
        if not self.quiet:
            self.log.addHandler(self.relay)
            self.log.setLevel(min(self.log.getEffectiveLevel(), logging.INFO))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.removeHandler(self.relay)
        self.log.setLevel(self.log_level)
        if self.console.is_terminal:
            self.bar.stop()

    def update(self, record: Record) -> None:
        """Show a record."""
        self.held_out_psnr = record.held_out_psnr or self.held_out_psnr
        if self.console.is_terminal:
            self.bar.update(self.task, completed=record.fraction, description=self.line(record))
        elif not self.quiet and (record.fraction >= 1 or record.seconds - self.told_at >= SECONDS_PER_LINE):
            self.told_at = record.seconds
            self.console.print(self.line(record), highlight=False, soft_wrap=True)

    def line(self, record: Record) -> str:
        """A record in words."""
        left = record.seconds * (1 / record.fraction - 1)
        held_out = "" if self.held_out_psnr is None else f"  held-out {self.held_out_psnr:.2f} dB"
        return (
            f"{record.fraction:4.0%}  step {record.step}  {left:.0f} s left  loss {record.loss:.4g}  "
            f"PSNR {record.psnr:.2f} dB{held_out}  "
            f"{record.rays_per_second:,.0f} rays/s  {record.memory_mb:,.0f} MB"
        )
