"""A claim, a measurement of it, and the result that is kept."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Statistic = Literal["mean", "median", "min", "max"]
Status = Literal["shown", "failed", "unverified"]

STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
}


@dataclass(frozen=True)
class Measurement:
    """What one measuring found."""

    measured: float
    baseline: float | None = None
    """The same figure without what the claim is about."""


@dataclass(frozen=True)
class Claim:
    """A statement about a method that a number decides."""

    name: str
    """Unique within the method; lower case with dashes."""
    description: str
    """A sentence that says what is measured, on what, against what."""
    threshold: float
    better: Literal["higher", "lower"]
    """Whether the figure must be at least or at most the threshold."""
    measure: Callable[[int], Measurement]
    """Measures once, from a seed."""
    unit: str = ""
    statistic: Statistic = "mean"
    """What makes one figure of those of several seeds."""
    seeds: int = 1
    """Number of seeds that are measured unless told otherwise."""
    analysis: str = ""
    """Why the figure is what it is; a claim that was recorded as failed must say."""

    def holds(self, measured: float) -> bool:
        """Whether a figure reaches the threshold; not-a-number never does."""
        if math.isnan(measured):
            return False
        return measured >= self.threshold if self.better == "higher" else measured <= self.threshold

    @property
    def requirement(self) -> str:
        """What a figure must reach, with direction and unit, as ">= 1.5 dB"."""
        return f"{'>=' if self.better == 'higher' else '<='} {self.figure(self.threshold)}"

    def figure(self, value: float | None) -> str:
        """A number to four digits with the unit of the claim; empty where there is none."""
        return "" if value is None else f"{value:.4g} {self.unit}".strip()


@dataclass(frozen=True)
class Result:
    """What measuring a claim gave, or the reason why it gave nothing."""

    claim: str
    seeds: int
    """How many were measured: fewer than the claim asks for where measuring was broken off."""
    seconds: float
    """For all seeds together."""
    device: str
    date: str
    """Year-month-day."""
    measured: float | None = None
    baseline: float | None = None
    reason: str | None = None
    """Why there is no figure; None where there is one."""
    figures: tuple[float, ...] = ()
    """What `measured` was made of, of seed 0, 1, ...; results of before 2026-11-22 do not tell."""
    baselines: tuple[float, ...] = ()
    """The same of `baseline`; none, or one for each figure."""

    def is_whole(self, num_seeds: int) -> bool:
        """Whether so many seeds were measured, and none failed."""
        return self.reason is None and self.seeds >= num_seeds


def status(claim: Claim, result: Result | None) -> Status:
    """Shown where the kept figure reaches the threshold of today; failed claims stay in the table.

    Figures of fewer seeds than the claim asks for verify nothing.
    """
    if result is None or (result.reason is None and result.seeds < claim.seeds):
        return "unverified"
    return "shown" if result.measured is not None and claim.holds(result.measured) else "failed"
