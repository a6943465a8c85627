"""What a training will need in memory, part by part, beside what it may have.

Only memory that no file backs counts: pages that are mapped from files, such as photos beyond their share
and the code of libraries, are dropped by the system when it wants the room.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace

from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

MB_PER_GB = 1024.0
BASE_MB = 310.0
"""Of Python with torch, numba and compiled kernels, before any photo (Python 3.11, torch 2.13 for CPU)."""
PHOTOS_SHARE = 0.5
"""Of what is left beside the base, at most; photos beyond it stay on the disk."""


@dataclass(frozen=True)
class Estimate:
    """Where memory goes while training and its evaluation are at their peak, in MiB."""

    base: float
    """The interpreter with its libraries."""
    photos: float
    """8-bit pixels, as far as they are in memory."""
    masks: float
    """Masks and depths, as they were read and in the order in which pixels are drawn."""
    method: float
    """Weights, buffers, occupancy grids, and the gradients and moments of kernels that have their own."""
    optimizer: float
    """Gradients and the two moments of Adam, where torch has them."""
    step: float
    """Rays, activations and their gradients in one step; a look at the occupancy grids, if that is more."""
    checkpoint: float
    """Copies of the state while it is written."""
    picture: float
    """A held-out view while it is rendered and scored; 0 where nothing is."""

    @property
    def total(self) -> float:
        """What stays, and the largest of what comes and goes."""
        return self.stays + max(self.step, self.checkpoint, self.picture)

    @property
    def stays(self) -> float:
        """What is held all the time."""
        return self.base + self.photos + self.masks + self.method + self.optimizer

    def as_json(self) -> dict[str, float]:
        """All parts, and the total."""
        return asdict(self) | {"total": self.total}

    def __str__(self) -> str:
        parts = ", ".join(f"{item.name} {getattr(self, item.name):.0f}" for item in fields(self))
        return f"{self.total:.0f} MB: {parts}"


@dataclass(frozen=True)
class Levers:
    """What could be changed about a training that needs too much, as it is."""

    rays_per_step: int
    scale: float
    """By which the resolution is divided."""
    log2_rows: int | None = None
    """Rows of the method's tables as a power of two; None where it has none."""
    presets: Sequence[str] = ()
    """Of the method, that are smaller."""


def check_memory(gigabytes: float | None) -> None:
    """Raise InputError for a budget in which not even the libraries have room."""
    if gigabytes is None:
        return
    least = BASE_MB / MB_PER_GB
    if not least < gigabytes < math.inf:
        problem = f"is {gigabytes:g}; expected more than {least:.1f} GB, which Python and its libraries take"
        raise InputError("--memory", problem)


def within_share(config: DataConfig, gigabytes: float | None) -> DataConfig:
    """How a capture is read, so that no more of its pixels are kept in memory than their share."""
    if gigabytes is None:
        return config
    share = PHOTOS_SHARE * (gigabytes * MB_PER_GB - BASE_MB)
    return replace(config, pixel_budget_mb=min(config.pixel_budget_mb, max(share, 0.0)))


def spills(estimate: Estimate, gigabytes: float) -> bool:
    """Whether a training fits, but only where its photos stay on the disk."""
    budget = gigabytes * MB_PER_GB
    return estimate.total > budget >= estimate.total - estimate.photos and estimate.photos > 0


def check_estimate(estimate: Estimate, gigabytes: float, levers: Levers) -> None:
    """Raise InputError for a training that needs more than it may have; says what to change, with numbers."""
    excess = estimate.total - gigabytes * MB_PER_GB
    if excess <= 0:
        return
    ways = [f"--memory {_rounded_up(estimate.total / MB_PER_GB)}", *_ways(estimate, excess, levers)]
    raise InputError(
        "--memory", f"{gigabytes:g} GB is too little for {estimate}; expected {', or '.join(ways)}"
    )


def _ways(estimate: Estimate, excess: float, levers: Levers) -> Iterator[str]:
    """What would take the excess away, each by itself."""
    others = sorted((estimate.step, estimate.checkpoint, estimate.picture))[:2]
    if estimate.step - excess >= others[1]:
        yield f"--rays-per-step {max(int(levers.rays_per_step * (1 - excess / estimate.step)), 1)}"
    if estimate.picture - excess >= others[1]:
        larger = math.sqrt(estimate.picture / (estimate.picture - excess))
        yield f"--scale {_rounded_up(levers.scale * larger)}"
        yield "--no-eval"
    room = estimate.total - excess
    if _with_tables(estimate, 0.0).total > room:
        return
    rows = levers.log2_rows or 0
    fitting = (
        fewer
        for fewer in range(rows - 1, 0, -1)
        if _with_tables(estimate, 2.0 ** (fewer - rows)).total <= room
    )
    if fewer := next(fitting, None):
        yield f"--log2-rows {fewer}"
    if levers.presets:
        yield f"preset {' or '.join(levers.presets)}"


def _with_tables(estimate: Estimate, share: float) -> Estimate:
    """The estimate of a method of which only a share is left."""
    names = ("method", "optimizer", "checkpoint")
    return replace(estimate, **{name: share * getattr(estimate, name) for name in names})


def _rounded_up(value: float) -> str:
    return f"{math.ceil(10 * value) / 10:g}"
