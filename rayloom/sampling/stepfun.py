"""Piecewise-constant functions along a ray.

The last axis is the ray. `edges` are the n+1 ends of n bins in rising order; `weights` are
non-negative bin values whose scale does not matter unless a function says so.
"""

import torch
from jaxtyping import Float
from torch import Tensor


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
    upper = torch.searchsorted(cdf[..., 1:-1].contiguous(), u.contiguous(), right=True)
    low, high = cdf.gather(-1, upper), cdf.gather(-1, upper + 1)
    inside = ((u - low) / (high - low).clamp_min(torch.finfo(u.dtype).eps)).clamp(0, 1)
    left, right = edges.gather(-1, upper), edges.gather(-1, upper + 1)
    return left + inside * (right - left)


def quantiles(like: Float[Tensor, "*batch"], num: int, *, jitter: bool) -> Float[Tensor, "*batch m"]:
    """Numbers from [0, 1] in rising order: one in each of `num` equal cells, or spread from 0 to 1."""
    shape = (*like.shape, num)
    if not jitter:
        return torch.linspace(0, 1, num, device=like.device, dtype=like.dtype).expand(shape)
    cells = torch.arange(num, device=like.device, dtype=like.dtype)
    return (cells + torch.rand(shape, device=like.device, dtype=like.dtype)) / num
