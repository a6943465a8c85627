"""Adam in the rows that have a gradient, on the CPU: the faster twin of `rayloom.kernels.adam`."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN202

import math

import numpy as np
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add

CHUNK = 1024
"""Rows per block of work."""


def sparse_adam_step(
    param: Float[Tensor, "rows columns"],
    grad: Float[Tensor, "rows columns"],
    first: Float[Tensor, "rows columns"],
    second: Float[Tensor, "rows columns"],
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """One step of Adam in place, in the rows with a gradient only."""
    assert all(tensor.is_contiguous() for tensor in (param, first, second)), "they change in place"
    moments = first.detach().numpy(), second.detach().numpy()
    grads = grad.detach().contiguous().numpy()[None]
    adam_step(param.detach().numpy(), moments, grads, step, (lr, *betas, eps), clear=False)


def adam_step(
    param: np.ndarray,
    moments: tuple[np.ndarray, np.ndarray],
    grads: np.ndarray,
    step: int,
    rule: tuple[float, float, float, float],
    *,
    clear: bool,
) -> None:
    """The same for the sum of several gradients, one per thread; `clear` sets them to zero on the way.

    The rule is the learning rate, the two decays and epsilon.
    """
    lr, beta_1, beta_2, eps = rule
    size, scale = lr / (1 - beta_1**step), 1 / math.sqrt(1 - beta_2**step)
    numbers = np.array([size, scale, beta_1, beta_2, eps], np.float32)
    run(_step, -(-len(param) // CHUNK), param, *moments, grads, numbers, clear)


@kernel
def _step(thread, counter, param, first, second, grads, numbers, clear):
    """Update blocks of rows."""
    rows, columns = param.shape
    total = np.zeros(columns, np.float32)
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= rows:
            break
        for row in range(start, min(start + CHUNK, rows)):
            touched = False
            for column in range(columns):
                total[column] = grads[0, row, column]
                for other in range(1, grads.shape[0]):
                    total[column] += grads[other, row, column]
                touched |= total[column] != f32(0)
            if touched:
                _update(param[row], first[row], second[row], total, numbers)
                if clear:
                    grads[:, row] = 0


@inner
def _update(param, first, second, grad, numbers):
    """Kingma and Ba 2015, algorithm 1."""
    size, scale, beta_1, beta_2, eps = numbers
    for i in range(param.shape[0]):
        first[i] = beta_1 * first[i] + (f32(1) - beta_1) * grad[i]
        second[i] = beta_2 * second[i] + (f32(1) - beta_2) * grad[i] * grad[i]
        param[i] -= size * first[i] / (math.sqrt(second[i]) * scale + eps)
