"""Axis-aligned boxes, and where rays cross them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rayloom.types import Record


@dataclass(frozen=True)
class Box(Record):
    """All points between two corners."""

    low: Float[Tensor, "3"]
    high: Float[Tensor, "3"]

    def contains(self, points: Float[Tensor, "*batch 3"]) -> Bool[Tensor, "*batch"]:
        """Whether points lie in the box or on its faces."""
        return ((points >= self.low) & (points <= self.high)).all(-1)

    def unit_from_world(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Points in the frame in which the box is the unit cube [0, 1]^3."""
        return (points - self.low) / (self.high - self.low)

    def intersect(
        self, origins: Float[Tensor, "*batch 3"], directions: Float[Tensor, "*batch 3"]
    ) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
        """Distances t_enter and t_exit at which rays cross the box; both are 0 where a ray misses it.

        A ray that starts inside enters at 0; a box behind the origin is missed. A ray that runs within a
        face may count either way.
        """
        # A ray parallel to two faces never meets them: a tiny slope instead of 0 puts the meeting far away.
        slopes = torch.where(directions.abs() < 1e-20, 1e-20, directions)
        first, second = (self.low - origins) / slopes, (self.high - origins) / slopes
        t_enter = torch.minimum(first, second).amax(-1).clamp_min(0)
        t_exit = torch.maximum(first, second).amin(-1)
        hit = t_exit > t_enter
        return torch.where(hit, t_enter, 0.0), torch.where(hit, t_exit, 0.0)
