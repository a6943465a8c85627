"""The step from one sampling level to the next: a histogram along the ray says where to look closer.

A method writes its own loop over levels and calls one of these between them. The new edges carry no
gradient: a level learns through its weights, never through where it was asked.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.sampling.stepfun import anneal, dilate, invert_cdf, max_blur, quantiles, sample_intervals


@torch.no_grad()
def resample(
    edges: Float[Tensor, "*batch n_edges"],
    weights: Float[Tensor, "*batch n"],
    num: int,
    *,
    dilation: float,
    annealing: float,
    jitter: bool,
) -> Float[Tensor, "*batch m_edges"]:
    """Edges of `num` new intervals in s, an equal share of the histogram in each (Barron et al. 2022a).

    `dilation` is the half width from `dilation_width`, 0 for none, and `annealing` the exponent from
    `anneal_exponent`. The first level starts from one bin, [0, 1].
    """
    if dilation > 0:
        edges, weights = dilate(edges, weights, dilation)
    return sample_intervals(edges, anneal(edges, weights, annealing), num, jitter=jitter)


@torch.no_grad()
def resample_blurred(
    edges: Float[Tensor, "*batch n_edges"],
    weights: Float[Tensor, "*batch n"],
    num: int,
    *,
    padding: float,
    jitter: bool,
) -> Float[Tensor, "*batch m_edges"]:
    """Edges of `num` new intervals in the old ones' unit, drawn from the blurred weights plus `padding`.

    Barron et al. 2021, eq. 18: the blur also looks beside what was found, and the padding everywhere.
    """
    u = quantiles(edges[..., 0], num + 1, jitter=jitter)
    return invert_cdf(u, edges, max_blur(weights) + padding)


def dilation_width(num_before: Sequence[int], *, multiplier: float, bias: float) -> float:
    """Half width of dilation in s: multiplier / (product of the previous levels' counts) + bias.

    The product is the number of bins that even splitting would have led to (Barron et al. 2022a, supplement).
    """
    return multiplier / math.prod(num_before) + bias


def anneal_exponent(fraction: float, slope: float) -> float:
    """From 0 at the start of training to 1 at its end, steeply at first (Barron et al. 2022a, supplement).

    Schlick's bias, slope x / ((slope - 1) x + 1), of the share x of training that is over. Outside of
    training the exponent is 1.
    """
    return slope * fraction / ((slope - 1) * fraction + 1)
