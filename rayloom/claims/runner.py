"""Measuring claims anew."""

import os
import platform
import time
from datetime import date
from pathlib import Path

from rayloom.claims.records import STATISTICS, Claim, Result


def measure_next(claim: Claim, so_far: Result | None) -> Result:
    """A result to which one more seed is added, the first one where there is none that tells its figures.

    Where measuring raises, the result has the reason and no figure, but keeps those of the other seeds.
    """
    figures, baselines = (so_far.figures, so_far.baselines) if so_far else ((), ())
    began = time.perf_counter()
    reason = None
    try:
        found = claim.measure(len(figures))
    except Exception as error:  # One broken measuring must not take the others' figures with it.
        reason = f"{type(error).__name__}: {error}"
    else:
        figures += (found.measured,)
        baselines += () if found.baseline is None else (found.baseline,)
    statistic = STATISTICS[claim.statistic]
    seconds = time.perf_counter() - began + (so_far.seconds if so_far and so_far.figures else 0.0)
    return Result(
        claim=claim.name,
        seeds=len(figures) + (reason is not None),
        seconds=round(seconds, 1),
        device=device_description(),
        date=date.today().isoformat(),
        measured=None if reason else statistic(figures),
        baseline=None if reason or not baselines else statistic(baselines),
        reason=reason,
        figures=figures,
        baselines=baselines,
    )


def device_description() -> str:
    """Name of the processor and how many of its cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor_name()}, {cores} cores"


def _processor_name() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
