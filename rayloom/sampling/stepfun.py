"""Piecewise-constant functions along a ray.

The last axis is the ray. `edges` are the n+1 ends of n bins in rising order, and bin i is [edge i, edge i+1);
`weights` are non-negative masses of the bins, whose scale does not matter unless a function says so.
Searches and running sums take the place of comparing every bin with every other.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def value_at(
    t: Float[Tensor, "*batch m"], edges: Float[Tensor, "*batch n_edges"], values: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch m"]:
    """The value of the bin that each t is in; 0 outside of all bins."""
    bins = _search(edges, t, right=True) - 1
    last = values.shape[-1] - 1
    return torch.where((bins >= 0) & (bins <= last), values.gather(-1, bins.clamp(0, last)), 0)


def inner_measure(
    intervals: Float[Tensor, "*batch m_edges"],
    edges: Float[Tensor, "*batch n_edges"],
    weights: Float[Tensor, "*batch n"],
) -> Float[Tensor, "*batch m"]:
    """For each of the touching intervals, given by their m+1 edges, the weight of the bins that lie inside.

    The gradient is that of the weights.
    """
    first = _search(edges, intervals[..., :-1], right=False)
    stop = _search(edges, intervals[..., 1:], right=True) - 1
    return _sum_between(weights, first.clamp_max(weights.shape[-1]), stop)


def outer_measure(
    intervals: Float[Tensor, "*batch m_edges"],
    edges: Float[Tensor, "*batch n_edges"],
    weights: Float[Tensor, "*batch n"],
) -> Float[Tensor, "*batch m"]:
    """For each of the touching intervals the weight of all bins that overlap it.

    It is the most that the interval can hold of the histogram, wherever in the bins their weight is (Barron
    et al. 2022a, eq. 12). A bin that only touches an interval does not overlap it. The gradient is that of
    the weights.
    """
    first = _search(edges, intervals[..., :-1], right=True) - 1
    stop = _search(edges, intervals[..., 1:], right=False)
    return _sum_between(weights, first.clamp_min(0), stop.clamp_max(weights.shape[-1]))


def dilate(
    edges: Float[Tensor, "*batch n_edges"], weights: Float[Tensor, "*batch n"], half_width: float
) -> tuple[Float[Tensor, "*batch m_edges"], Float[Tensor, "*batch m"]]:
    """The histogram whose density at s is the largest within `half_width` of s: 3n-1 edges, weights of sum 1.

    What was asked at a few places must not hide what lies beside them (Barron et al. 2022a, supplement).
    Edges are kept in [0, 1]. The two outermost bins are left out as in the authors' code; they have no width
    where the histogram spans [0, 1]. Weights that are all zero stay so.
    """
    # No bin is narrower than s can tell, so that an empty bin without width has no density instead of 0 / 0.
    density = weights / edges.diff(dim=-1).clamp_min(torch.finfo(edges.dtype).eps)
    starts, ends = edges[..., :-1] - half_width, edges[..., 1:] + half_width
    wider = torch.cat([edges, starts, ends], dim=-1).sort(dim=-1).values.clamp(0, 1)[..., 1:-1]
    here = wider[..., :-1]
    begun, ended = _search(starts, here, right=True), _search(ends, here, right=True)
    # Only pieces without width, at the very end, are near no bin, and they hold nothing at any density.
    mass = _max_between(density, ended, begun) * wider.diff(dim=-1)
    return wider, mass / mass.sum(-1, keepdim=True).clamp_min(torch.finfo(mass.dtype).tiny)


def max_blur(weights: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """Mean of the larger of each bin and its left, and its right, neighbour (Barron et al. 2021, eq. 18).

    w'_k = (max(w_{k-1}, w_k) + max(w_k, w_{k+1})) / 2, an upper envelope that counts bins, not lengths.
    """
    larger = torch.maximum(weights[..., 1:], weights[..., :-1])
    larger = torch.cat([weights[..., :1], larger, weights[..., -1:]], dim=-1)
    return 0.5 * (larger[..., 1:] + larger[..., :-1])


def box_blur(
    edges: Float[Tensor, "*batch n_edges"], values: Float[Tensor, "*batch n"], half_width: float
) -> tuple[Float[Tensor, "*batch m"], Float[Tensor, "*batch m"]]:
    """The step function averaged over [t - half_width, t + half_width] for a positive half width, exactly.

    It is linear between 2n+2 knots, which come back with its heights there, and 0 beyond them: each jump of
    the step function becomes a ramp (Barron et al. 2023, "Blurring a step function").
    """
    jumps = torch.nn.functional.pad(values, (1, 1)).diff(dim=-1)
    knots, order = torch.cat([edges - half_width, edges + half_width], dim=-1).sort(dim=-1)
    bends = torch.cat([jumps, -jumps], dim=-1).gather(-1, order) / (2 * half_width)
    rises = bends.cumsum(-1)[..., :-1] * knots.diff(dim=-1)
    return knots, torch.nn.functional.pad(rises.cumsum(-1), (1, 0))


def anneal(
    edges: Float[Tensor, "*batch n_edges"], weights: Float[Tensor, "*batch n"], exponent: float
) -> Float[Tensor, "*batch n"]:
    """Weights to a power from 0 to 1: all bins alike at 0, the weights at 1; bins without width get 0."""
    return torch.where(edges.diff(dim=-1) > 0, weights**exponent, 0)


def invert_cdf(
    u: Float[Tensor, "*batch m"], edges: Float[Tensor, "*batch n_edges"], weights: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch m"]:
    """Where the normalised integral of the weights reaches u in [0, 1]; bins without weight are skipped.

    Where all weights are zero, the bins count by their number.
    """
    total = weights.sum(-1, keepdim=True)
    share = torch.where(
        total > 0, weights / total.clamp_min(torch.finfo(weights.dtype).tiny), 1 / weights.shape[-1]
    )
    cdf = torch.nn.functional.pad(share.cumsum(-1), (1, 0))
    # Rounding may leave the last value below 1, and then u = 1 would fall off the end.
    cdf = cdf / cdf[..., -1:]
    inner = cdf[..., 1:-1]
    # The search skips empty bins by going right; at u = 1 it must not run into empty bins at the end.
    last = (inner < 1).sum(-1, keepdim=True)
    upper = _search(inner, u, right=True).minimum(last)
    low, high = cdf.gather(-1, upper), cdf.gather(-1, upper + 1)
    inside = ((u - low) / (high - low).clamp_min(torch.finfo(u.dtype).eps)).clamp(0, 1)
    left, right = edges.gather(-1, upper), edges.gather(-1, upper + 1)
    return left + inside * (right - left)


def sample_intervals(
    edges: Float[Tensor, "*batch n_edges"], weights: Float[Tensor, "*batch n"], num: int, *, jitter: bool
) -> Float[Tensor, "*batch m_edges"]:
    """The num + 1 edges, in [0, 1], of `num` >= 2 intervals that each take an equal share of the weights.

    Edges lie midway between the points at `centred_quantiles`; the outermost mirror the edge beside them in
    the outermost point (Barron et al. 2022a, supplement). Together the intervals may cover less than before.
    """
    assert num >= 2, f"{num} interval has no edge between two points"
    centers = invert_cdf(centred_quantiles(edges[..., 0], num, jitter=jitter), edges, weights)
    inner = 0.5 * (centers[..., 1:] + centers[..., :-1])
    first = 2 * centers[..., :1] - inner[..., :1]
    last = 2 * centers[..., -1:] - inner[..., -1:]
    return torch.cat([first, inner, last], dim=-1).clamp(0, 1)


def quantiles(like: Float[Tensor, "*batch"], num: int, *, jitter: bool) -> Float[Tensor, "*batch m"]:
    """Numbers from [0, 1] in rising order: one in each of `num` equal cells, or spread from 0 to 1."""
    shape = (*like.shape, num)
    if not jitter:
        return torch.linspace(0, 1, num, device=like.device, dtype=like.dtype).expand(shape)
    cells = torch.arange(num, device=like.device, dtype=like.dtype)
    return (cells + torch.rand(shape, device=like.device, dtype=like.dtype)) / num


def centred_quantiles(like: Float[Tensor, "*batch"], num: int, *, jitter: bool) -> Float[Tensor, "*batch m"]:
    """Middles of `num` equal cells of [0, 1]; jitter moves all those of a ray by the same share of a cell."""
    cells = torch.arange(num, device=like.device, dtype=like.dtype)
    place = torch.rand_like(like) if jitter else torch.full_like(like, 0.5)
    return (cells + place[..., None]) / num


def _search(
    edges: Float[Tensor, "*batch n"], t: Float[Tensor, "*batch m"], *, right: bool
) -> Int[Tensor, "*batch m"]:
    """How many edges lie before each t; also those at t itself if `right`."""
    return torch.searchsorted(edges.contiguous(), t.contiguous(), right=right)


def _sum_between(
    values: Float[Tensor, "*batch n"], first: Int[Tensor, "*batch m"], stop: Int[Tensor, "*batch m"]
) -> Float[Tensor, "*batch m"]:
    """Sum of values[first:stop], 0 where that is empty."""
    before = torch.nn.functional.pad(values.cumsum(-1), (1, 0))
    return before.gather(-1, stop.maximum(first)) - before.gather(-1, first)


def _max_between(
    values: Float[Tensor, "*batch n"], first: Int[Tensor, "*batch m"], stop: Int[Tensor, "*batch m"]
) -> Float[Tensor, "*batch m"]:
    """Maximum of values[first:stop] for stop >= 1, any of the values where that is empty.

    A sparse table: row k has the maxima of all runs of 2^k values, and two runs that overlap cover any range.
    """
    n = values.shape[-1]
    rows, run = [values], 1
    while 2 * run <= n:
        longer = torch.maximum(rows[-1][..., run:], rows[-1][..., :-run])
        # Runs that would reach past the end are never asked for; the padding keeps rows of one length.
        rows.append(torch.nn.functional.pad(longer, (0, run)))
        run *= 2
    table = torch.cat(rows, dim=-1)
    row = torch.frexp((stop - first).clamp_min(1).to(values.dtype)).exponent.long() - 1
    left = row * n + first.clamp_max(n - 1)
    right = row * n + stop - 2**row
    return torch.maximum(table.gather(-1, left), table.gather(-1, right))
