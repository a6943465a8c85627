"""Rays in and out of the unit sphere, and all that is outside in a finite frame (Zhang et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor


def outward_distance(
    origins: Float[Tensor, "*batch 3"], directions: Float[Tensor, "*batch 3"], near: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Distance, at least `near`, from which on a ray is outside of the unit sphere and only moves away.

    Inside the sphere that is where the ray leaves it, t = sqrt((o·d)² + 1 - |o|²) - o·d for unit directions;
    a ray that misses the sphere moves away once it has passed the point nearest to the centre.
    """
    along, passing = _along_and_passing(origins, directions)
    return torch.maximum((1 - passing).clamp_min(0).sqrt() - along, near)


def points_beyond(
    origins: Float[Tensor, "*batch 3"],
    directions: Float[Tensor, "*batch 3"],
    inverse_radius: Float[Tensor, "*batch n"],
) -> Float[Tensor, "*batch n 4"]:
    """(x/r, y/r, z/r, 1/r) of the points that rays reach at radius r, as they move away from the centre.

    Finite also at infinity, where 1/r is 0 and x/r is the direction. With p = 1/r and b the distance at which
    a ray passes the centre it is p o + (sqrt(1 - p² b²) - p o·d) d: the rotation of the authors' appendix
    without its angles. Radii that the ray never has are taken as b.
    """
    along, passing = _along_and_passing(origins, directions)
    inverse = _reached(inverse_radius, passing)[..., None]
    forward = (1 - inverse.square() * passing[..., None, None]).clamp_min(0).sqrt()
    forward = forward - inverse * along[..., None, None]
    on_sphere = inverse * origins[..., None, :] + forward * directions[..., None, :]
    return torch.cat([on_sphere, inverse], dim=-1)


def distance_at_radius(
    origins: Float[Tensor, "*batch 3"],
    directions: Float[Tensor, "*batch 3"],
    inverse_radius: Float[Tensor, "*batch n"],
) -> Float[Tensor, "*batch n"]:
    """Distances at which rays that move away from the centre reach radius r, given as 1/r > 0."""
    along, passing = _along_and_passing(origins, directions)
    radius = 1 / _reached(inverse_radius, passing)
    return (radius.square() - passing[..., None]).clamp_min(0).sqrt() - along[..., None]


def _along_and_passing(origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """o·d, and the square of the distance at which the ray's line passes the centre."""
    along = (origins * directions).sum(-1)
    # Not |o|² - (o·d)², which loses its digits where the line passes close by.
    passing = (origins - along[..., None] * directions).square().sum(-1)
    return along, passing


def _reached(inverse_radius: Tensor, passing: Tensor) -> Tensor:
    """No radius below the distance at which the line passes the centre."""
    return torch.minimum(inverse_radius, passing.clamp_min(1e-12).rsqrt()[..., None])
