"""Pieces of a pixel's cone as normal distributions in space (Barron et al. 2021, section 3.1).

A ray is a line, but a pixel sees a cone; the interval between two edges is a slice of it, a conical
frustum. In the cube of normalised device coordinates the cone is a cylinder.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.types import Gaussians, Intervals, Rays, Record

RayShape = Literal["cone", "cylinder"]
"""A "cone" has the radius `Rays.radii * t` at distance t, a "cylinder" has `Rays.radii` everywhere."""


@dataclass(frozen=True)
class Moments(Record):
    """Mean and variances of a point drawn evenly from each piece of a ray's volume."""

    distance: Float[Tensor, "*batch n"]
    """Mean distance from the ray's origin."""
    along: Float[Tensor, "*batch n"]
    """Variance of that distance."""
    across: Float[Tensor, "*batch n"]
    """Variance along either axis at right angles to the ray."""


def cone_moments(intervals: Intervals, radii: Float[Tensor, "*batch"]) -> Moments:
    """Moments of conical frustums with the given radius at distance 1; edges must not be negative.

    The stable form of the paper (eq. 7): differences of high powers of the edges, from which it follows,
    lose every digit where an interval is short beside its distance.
    """
    middle, half = intervals.midpoints, 0.5 * intervals.widths
    middle_squared, half_squared = middle.square(), half.square()
    # At most 1/4. With it the formulas need no fourth power of t, which would overflow or vanish; the floor
    # serves the one interval from 0 to 0.
    ratio = half_squared / (3 * middle_squared + half_squared).clamp_min(torch.finfo(half.dtype).tiny)
    return Moments(
        distance=middle + 2 * middle * ratio,
        along=half_squared / 3 - 4 / 15 * ratio.square() * (12 * middle_squared - half_squared),
        across=radii[..., None].square()
        * (middle_squared / 4 + 5 / 12 * half_squared - 4 / 15 * half_squared * ratio),
    )


def cylinder_moments(intervals: Intervals, radii: Float[Tensor, "*batch"]) -> Moments:
    """Moments of cylinders of the given radius."""
    across = (0.25 * radii.square())[..., None].expand_as(intervals.widths)
    return Moments(intervals.midpoints, intervals.widths.square() / 12, across)


def cast_cones(rays: Rays, intervals: Intervals, shape: RayShape) -> Gaussians:
    """The normal distributions with the mean and covariance of each piece of the rays (eq. 8).

    Σ = σ_t² d dᵀ + σ_r² (I - d dᵀ), in world units.
    """
    moments = _moments(rays, intervals, shape)
    directions = rays.directions[..., None, :]
    along = directions.mT * directions
    # The rows e_i x d make I - d dᵀ a sum of squares, which has no digits to lose where d is almost an axis.
    axes = torch.diag_embed(torch.ones_like(rays.directions))
    sideways = torch.cross(axes, directions, dim=-1)
    across = sideways @ sideways.mT
    covariances = (
        moments.along[..., None, None] * along[..., None, :, :]
        + moments.across[..., None, None] * across[..., None, :, :]
    )
    return Gaussians(rays.at(moments.distance), covariances)


def cast_cones_diagonal(
    rays: Rays, intervals: Intervals, shape: RayShape
) -> tuple[Float[Tensor, "*batch n 3"], Float[Tensor, "*batch n 3"]]:
    """Means and variances along the world's axes: the diagonal of `cast_cones` (eq. 16)."""
    moments = _moments(rays, intervals, shape)
    along = rays.directions.square()
    # 1 - x² = y² + z², again without a difference.
    across = along.roll(1, -1) + along.roll(2, -1)
    variances = (
        moments.along[..., None] * along[..., None, :] + moments.across[..., None] * across[..., None, :]
    )
    return rays.at(moments.distance), variances


def _moments(rays: Rays, intervals: Intervals, shape: RayShape) -> Moments:
    moments = cone_moments if shape == "cone" else cylinder_moments
    return moments(intervals, rays.radii)
