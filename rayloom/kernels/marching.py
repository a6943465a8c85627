"""Stepping along rays through occupied space: the reference in torch.

The edges of the steps form a lattice on each ray that does not depend on what is occupied, so
skipping empty space changes nothing but time.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster
from rayloom.kernels.occupancy import OccupancyBits
from rayloom.types import PackedSamples


@dataclass(frozen=True)
class StepRule:
    """Steps of length clamp(growth * t, smallest, largest); growth 0 gives equal steps.

    The rule is a map between the distance t and the lattice coordinate u in which each step has
    length one: linear, then logarithmic, then linear again.
    """

    smallest: float
    growth: float = 0.0
    largest: float = 1e10

    @property
    def knots(self) -> tuple[float, float, float, float]:
        """Where the steps begin to grow, as t and as u, and where they end to grow, as t and as u."""
        if self.growth == 0:
            return math.inf, math.inf, math.inf, math.inf
        u_end = 1 / self.growth + math.log(self.largest / self.smallest) / math.log1p(self.growth)
        return self.smallest / self.growth, 1 / self.growth, self.largest / self.growth, u_end

    def u_from_t(self, t: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Lattice coordinate of a distance."""
        if self.growth == 0:
            return t / self.smallest
        t_grow, _, t_end, _ = self.knots
        grown = (t.clamp(t_grow, t_end) / t_grow).log() / math.log1p(self.growth)
        return t.clamp(max=t_grow) / self.smallest + grown + (t - t_end).clamp(min=0) / self.largest

    def t_from_u(self, u: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Distance of a lattice coordinate."""
        if self.growth == 0:
            return u * self.smallest
        _, u_grow, _, u_end = self.knots
        grown = ((u.clamp(u_grow, u_end) - u_grow) * math.log1p(self.growth)).exp()
        return u.clamp(max=u_grow) * self.smallest * grown + (u - u_end).clamp(min=0) * self.largest


@torch.no_grad()
def march(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    occupancy: OccupancyBits,
    step: StepRule,
    jitter: Float[Tensor, " rays"] | None = None,
    *,
    limit: int = 1024,
    implementation: Implementation = "auto",
) -> PackedSamples:
    """The intervals between near and far whose midpoints lie in occupied cells, `limit` a ray at most.

    Edges lie at u(near) + jitter + 0, 1, 2, ... in the lattice of `step`; jitter is in [0, 1).
    """
    if fast := faster(march, implementation, origins, directions, near, far):
        return fast(origins, directions, near, far, occupancy, step, jitter, limit=limit)
    first = step.u_from_t(near) + (0 if jitter is None else jitter)
    count = (step.u_from_t(far) - first).ceil().clamp(min=0).nan_to_num(0)
    index = torch.arange(int(count.max()) if len(count) else 0, device=near.device)
    u = first[:, None] + index
    starts, ends = step.t_from_u(u), step.t_from_u(u + 1)
    points = origins[:, None] + (0.5 * (starts + ends))[..., None] * directions[:, None]
    kept = (index < count[:, None]) & occupancy.contains(points, ends - starts)
    kept &= kept.cumsum(-1) <= limit
    return PackedSamples(starts[kept], ends[kept], kept.nonzero()[:, 0], len(near))
