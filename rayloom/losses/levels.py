"""What a sampling level learns from the next finer one."""

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.sampling.stepfun import outer_measure


def interlevel(
    edges: Float[Tensor, "*batch n_edges"],
    weights: Float[Tensor, "*batch n"],
    proposal_edges: Float[Tensor, "*batch m_edges"],
    proposal_weights: Float[Tensor, "*batch m"],
) -> Float[Tensor, ""]:
    """Mean over rays and intervals of max(0, w - bound)² / (w + ε)   (Barron et al. 2022a, eq. 13).

    The bound of an interval is the weight of all proposal bins that overlap it, so that a proposal is pulled
    up where it cannot hold the finer weights and is left alone elsewhere. It alone learns: no gradient
    reaches the finer weights. Both sets of edges are in one unit.
    """
    fine = weights.detach()
    missing = (fine - outer_measure(edges, proposal_edges, proposal_weights)).clamp_min(0)
    return (missing.square() / (fine + torch.finfo(fine.dtype).eps)).mean()
