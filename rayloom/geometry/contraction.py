"""All of space in a ball of radius 2 (Barron et al. 2022, eq. 10), in the Euclidean and the maximum norm."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

Norm = Literal["l2", "linf"]
"""The unit ball of "l2" is round, that of "linf" is the cube [-1, 1]^3."""


def contract(points: Float[Tensor, "*batch 3"], norm: Norm) -> Float[Tensor, "*batch 3"]:
    """Points with |x| > 1 moved to (2 - 1/|x|) x/|x|, the others as they are."""
    # At radius 1 the factor is 1: clamping the radius makes one formula do for inside and outside.
    radius = _radius_from_one(points, norm)
    return points * ((2 - 1 / radius) / radius)


def uncontract(points: Float[Tensor, "*batch 3"], norm: Norm) -> Float[Tensor, "*batch 3"]:
    """The inverse of `contract`; points at radius 2 and beyond go to radius 1e6 instead of infinity."""
    radius = _radius_from_one(points, norm)
    return points / (radius * (2 - radius).clamp_min(1e-6))


def _radius_from_one(points: Tensor, norm: Norm) -> Tensor:
    """The norm, but at least 1; the clamp comes before the root, whose slope at 0 is infinite."""
    if norm == "l2":
        return points.square().sum(-1, keepdim=True).clamp_min(1).sqrt()
    return points.abs().amax(-1, keepdim=True).clamp_min(1)
