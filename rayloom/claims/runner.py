"""Measuring claims anew."""

import os
import platform
import time
from datetime import date
from pathlib import Path

from rayloom.claims.records import STATISTICS, Claim, Result


def measure(claim: Claim, num_seeds: int | None = None) -> Result:
    """The result over seeds 0, 1, ...; a measuring that raises gives a result without a figure."""
    seeds = num_seeds or claim.seeds
    began = time.perf_counter()
    measured = baseline = reason = None
    try:
        found = [claim.measure(seed) for seed in range(seeds)]
    except Exception as error:  # One broken measuring must not take the others' figures with it.
        reason = f"{type(error).__name__}: {error}"
    else:
        statistic = STATISTICS[claim.statistic]
        measured = statistic([one.measured for one in found])
        baselines = [one.baseline for one in found if one.baseline is not None]
        baseline = statistic(baselines) if baselines else None
    return Result(
        claim=claim.name,
        seeds=seeds,
        seconds=round(time.perf_counter() - began, 1),
        device=device_description(),
        date=date.today().isoformat(),
        measured=measured,
        baseline=baseline,
        reason=reason,
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
