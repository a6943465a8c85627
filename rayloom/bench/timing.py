"""How long things take: the best of repeats for what a machine can do, medians for comparisons."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch

LEAST_REPEATS = 3


@dataclass(frozen=True)
class Effort:
    """How large the problems are and how long each is repeated."""

    seconds: float = 0.8
    """For each measured thing, and three repeats at least."""
    items: int = 1 << 16
    """Points, samples or rows of a kernel's problem."""
    side: int = 2048
    """Of the square matrices."""
    copy_mb: tuple[float, ...] = (0.5, 8.0, 256.0)
    table_mb: tuple[float, ...] = (0.25, 1.0, 4.0, 16.0, 64.0)
    log2_rows: tuple[int, ...] = (14, 15, 16, 17, 18, 19, 20)
    photo_sides: tuple[int, ...] = (50, 100, 200, 400, 800)
    num_photos: tuple[int, ...] = (50, 100, 200, 500, 1000)
    frame_sizes: tuple[tuple[int, int], ...] = ((400, 400), (800, 800), (960, 540))
    """Width and height of rendered frames."""
    voxels: int | None = None
    """Across a baked scene; as many as its page has room for where no number is given."""


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds of one call, to the end of its work on the device."""
    _finish()
    began = time.perf_counter()
    call()
    _finish()
    return time.perf_counter() - began


def best_seconds(call: Callable[[], object], effort: Effort) -> float:
    """The shortest of repeats: what is possible when nothing else disturbs. The first call only warms up."""
    call()
    return min(_repeated([call], effort.seconds)[0])


def median_seconds(calls: Sequence[Callable[[], object]], effort: Effort) -> list[float]:
    """The median of each; they take turns, so that a slow phase of the machine hits all of them."""
    for call in calls:
        call()
    return [median(times) for times in _repeated(calls, effort.seconds * len(calls))]


def _repeated(calls: Sequence[Callable[[], object]], budget: float) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in calls]
    began = time.perf_counter()
    while len(times[0]) < LEAST_REPEATS or time.perf_counter() - began < budget:
        for own, call in zip(times, calls, strict=True):
            own.append(seconds_of(call))
    return times


def _finish() -> None:
    """Wait for a GPU, where one is in use."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
