"""What training reports while it runs, and at its end."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """How training stands; means are over the steps since the record before."""

    step: int
    """Steps done."""
    seconds: float
    """Training time so far."""
    fraction: float
    """Share of the run that is over, in [0, 1]."""
    loss: float
    """Mean of the summed loss terms."""
    psnr: float
    """Of the rays that were trained on, over the scene's background."""
    rays_per_second: float
    memory_mb: float
    held_out_psnr: float | None = None
    """Of a few views that are not trained on; None where this record did not look at them."""


@dataclass(frozen=True)
class Outcome:
    """What a whole training took."""

    steps: int
    seconds: float
    """Without compiling kernels and without looking at held-out views."""
    compile_seconds: float
    rays: int
    samples: int
    """Points at which the method was asked, over all sampling levels."""
    interrupted: bool
    """Whether Ctrl-C or SIGTERM ended it before its time."""
    signal: int = 0
    """The number of the signal that did; 0 where none did."""
