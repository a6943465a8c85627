"""Where to look along a ray: first evenly, then where matter was found."""

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.sampling.spacing import Spacing, t_from_s
from rayloom.sampling.stepfun import invert_cdf, quantiles
from rayloom.types import Intervals, Rays


def stratified(
    rays: Rays, num: int, *, jitter: bool, spacing: Spacing = "distance"
) -> Float[Tensor, "*batch n"]:
    """`num` points from near to far; jitter moves each in its own cell (Mildenhall et al. 2020, eq. 2)."""
    grid = torch.linspace(0, 1, num, device=rays.near.device, dtype=rays.near.dtype)
    s = grid.expand(*rays.near.shape, num)
    if jitter:
        mids = 0.5 * (grid[1:] + grid[:-1])
        lower = torch.cat([grid[:1], mids])
        upper = torch.cat([mids, grid[-1:]])
        s = lower + (upper - lower) * torch.rand_like(s)
    return t_from_s(s, rays.near, rays.far, spacing)


def refine_points(
    t: Float[Tensor, "*batch n"], weights: Float[Tensor, "*batch n"], num: int, *, jitter: bool
) -> Float[Tensor, "*batch m"]:
    """The points t and `num` more, drawn where the weights of the first are large, sorted.

    The histogram lies on the midpoints of t and has the inner weights as values, as in the code of
    Mildenhall et al. 2020 (section 5.2 of the paper). No gradient passes.
    """
    mids = 0.5 * (t[..., 1:] + t[..., :-1]).detach()
    # Without a floor a ray that met nothing would have no histogram.
    inner = weights[..., 1:-1].detach() + 1e-5
    new = invert_cdf(quantiles(t[..., 0], num, jitter=jitter), mids, inner)
    return torch.cat([t, new], dim=-1).sort(dim=-1).values


def uniform(rays: Rays, num: int, *, jitter: bool, spacing: Spacing = "distance") -> Intervals:
    """`num` touching intervals from near to far; jitter moves the inner edges inside their cells."""
    return Intervals(stratified(rays, num + 1, jitter=jitter, spacing=spacing))


def refine(intervals: Intervals, weights: Float[Tensor, "*batch n"], num: int, *, jitter: bool) -> Intervals:
    """The intervals with `num` more edges, drawn where the weights are large. No gradient passes."""
    edges = intervals.edges.detach()
    floor = 1e-5 * intervals.widths / (edges[..., -1:] - edges[..., :1])
    new = invert_cdf(quantiles(edges[..., 0], num, jitter=jitter), edges, weights.detach() + floor)
    return Intervals(torch.cat([edges, new], dim=-1).sort(dim=-1).values)
