"""What a sweep has found: a row for each job, and means over seeds."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rayloom.sweeps.jobs import Done

MEASURES = ("psnr", "ssim", "lpips_alex", "lpips_vgg", "seconds")
HEADER = ("method", "capture", "seeds", "PSNR", "SSIM", "LPIPS alex", "LPIPS vgg", "seconds")
_DECIMALS = {"psnr": 2, "seconds": 1}


@dataclass(frozen=True)
class Cell:
    """Mean and deviation of a measure over seeds."""

    mean: float | None
    """None where no run has a value."""
    deviation: float | None
    """Of a single run, by n - 1; None for fewer than two runs."""


def row_of(method: str, capture: str, seed: int, done: Done) -> dict[str, Any]:
    """A job in figures: what a method reached on a capture with a seed."""
    output = done.output or {}
    mean = (output.get("eval") or {}).get("mean") or {}
    return {
        "method": method,
        "capture": capture,
        "seed": seed,
        **{name: mean.get(name) for name in MEASURES[:-1]},
        "seconds": output.get("seconds"),
        "steps": output.get("steps"),
        "run": output.get("run"),
        "error": None if done.output is not None else done.message,
    }


def means(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each method on each capture, in their order, the measures over the seeds that did not fail."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["capture"]), []).append(row)
    return [
        {
            "method": method,
            "capture": capture,
            "seeds": sum(row["error"] is None for row in group),
            **{name: vars(_cell([row[name] for row in group])) for name in MEASURES},
        }
        for (method, capture), group in groups.items()
    ]


def cells(summary: dict[str, Any]) -> list[str]:
    """The row of a method on a capture in words, in the order of `HEADER`."""
    first = [summary["method"], summary["capture"], str(summary["seeds"])]
    return [*first, *(_words(Cell(**summary[name]), _DECIMALS.get(name, 4)) for name in MEASURES)]


def failures(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each job that failed."""
    return [
        f"{row['method']} on {row['capture']}, seed {row['seed']}: {row['error']}"
        for row in rows
        if row["error"] is not None
    ]


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table and the failures as a page."""
    lines = [HEADER, ("---",) * len(HEADER), *(cells(summary) for summary in means(rows))]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    failed = "".join(f"* {line}\n" for line in failures(rows))
    note = "Means over seeds, ± the deviation of one run from another."
    return f"# Sweep\n\n{note}\n\n{text}" + (f"\nFailed:\n\n{failed}" if failed else "")


def _cell(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    if not known:
        return Cell(None, None)
    return Cell(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None)


def _words(cell: Cell, decimals: int) -> str:
    if cell.mean is None:
        return "none"
    spread = "" if cell.deviation is None else f" ± {cell.deviation:.{decimals}f}"
    return f"{cell.mean:.{decimals}f}{spread}"
