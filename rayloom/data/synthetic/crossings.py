"""Where lines enter and leave simple convex sets."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

T_MIN = 1e-4
"""Crossings nearer than this are the surface that a ray starts from."""


def ball_interval(
    origins: Float[Tensor, "n d"], directions: Float[Tensor, "n d"], radius: float
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Where lines enter and leave a ball about the origin, of any dimension; (inf, -inf) for a miss."""
    a = (directions**2).sum(-1)
    b = (origins * directions).sum(-1)
    # The nearest approach, rather than the textbook discriminant, keeps small balls far away exact.
    closest = origins - (b / a.clamp(min=1e-30))[:, None] * directions
    inside = radius * radius - (closest**2).sum(-1)
    root = (inside.clamp(min=0) / a.clamp(min=1e-30)).sqrt()
    middle = -b / a.clamp(min=1e-30)
    miss = inside < 0
    return (middle - root).masked_fill(miss, torch.inf), (middle + root).masked_fill(miss, -torch.inf)


def quadratic_roots(
    a: Float[Tensor, " n"], b: Float[Tensor, " n"], c: Float[Tensor, " n"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """Rising roots of a t^2 + 2 b t + c, and whether they are real."""
    discriminant = b * b - a * c
    # Adding numbers of one sign only avoids the cancellation of the textbook formula.
    q = -(b + torch.where(b < 0, -1, 1) * discriminant.clamp(min=0).sqrt())
    one, other = q / nonzero(a), c / nonzero(q)
    return torch.minimum(one, other), torch.maximum(one, other), discriminant >= 0


def slab_interval(
    origins: Float[Tensor, "*batch"], directions: Float[Tensor, "*batch"], half: Float[Tensor, "..."]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """Where lines enter and leave |x| <= half, per axis."""
    inverse = 1 / nonzero(directions)
    middle, spread = -origins * inverse, half * inverse.abs()
    return middle - spread, middle + spread


def first_ahead(enter: Float[Tensor, " n"], leave: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The first end of the interval that lies ahead; inf where the interval is empty or behind."""
    ahead = torch.where(enter > T_MIN, enter, torch.where(leave > T_MIN, leave, torch.inf))
    return ahead.masked_fill(enter > leave, torch.inf)


def nonzero(values: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """The values, tiny ones moved to +-1e-12, so that they can divide."""
    tiny = torch.where(values < 0, -1e-12, 1e-12).to(values.dtype)
    return torch.where(values.abs() < 1e-12, tiny, values)


def balls_met(
    origins: Float[Tensor, "n 3"],
    directions: Float[Tensor, "n 3"],
    centers: Float[Tensor, "m 3"],
    radii: Float[Tensor, " m"],
    spread: Float[Tensor, " n"] | float,
) -> Bool[Tensor, "m n"]:
    """Whether cones meet balls; some that just miss count too, so that rounding loses none.

    A cone is `spread` wide at distance 1 and nowhere narrower than that.
    """
    from_origin, squares = (origins * directions).sum(-1), (origins**2).sum(-1)
    met = torch.empty(len(centers), len(origins), dtype=torch.bool, device=origins.device)
    for i, (center, radius) in enumerate(zip(centers, radii, strict=True)):
        if radius == torch.inf:
            met[i] = True
            continue
        along = directions @ center - from_origin
        reach = 1.001 * radius + spread * (along + radius).clamp(min=1)
        apart = squares + center @ center - 2 * (origins @ center)
        # Squares of far places lose up to a hundred-thousandth of themselves to cancellation.
        met[i] = (0.99999 * apart - along**2 <= reach**2) & (along > -reach)
    return met
