"""Adam for tables of which a step touches few rows: the reference in torch."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster


@torch.no_grad()
def sparse_adam_step(
    param: Float[Tensor, "rows columns"],
    grad: Float[Tensor, "rows columns"],
    first: Float[Tensor, "rows columns"],
    second: Float[Tensor, "rows columns"],
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    *,
    implementation: Implementation = "auto",
) -> None:
    """One step of Adam in place (Kingma and Ba 2015, algorithm 1), in the rows with a gradient only.

    A row whose gradient is all zero keeps its value and its moments. `step` counts from 1.
    """
    if fast := faster(sparse_adam_step, implementation, param, grad, first, second):
        return fast(param, grad, first, second, step, lr, betas, eps)
    rows = (grad != 0).any(-1).nonzero()[:, 0]
    gradient = grad[rows]
    first[rows] = mean = betas[0] * first[rows] + (1 - betas[0]) * gradient
    second[rows] = square = betas[1] * second[rows] + (1 - betas[1]) * gradient.square()
    scale = math.sqrt(1 - betas[1] ** step)
    param[rows] -= lr / (1 - betas[0] ** step) * mean / (square.sqrt() / scale + eps)
    return None
