"""Adam in the rows that have a gradient, on the CPU: the faster twin of `rayloom.kernels.adam`."""

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
    assert param.is_contiguous() and first.is_contiguous() and second.is_contiguous(), "changed in place"
    arrays = [tensor.detach().numpy() for tensor in (param, first, second)]
    grads = grad.detach().contiguous().numpy()[None]
    adam_step(*arrays, grads, step, lr, betas, eps, clear=False)


def adam_step(
    param: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    grads: np.ndarray,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    *,
    clear: bool,
) -> None:
    """The same for the sum of several gradients, one per thread; `clear` sets them to zero on the way."""
    size = lr / (1 - betas[0] ** step)
    scale = 1 / math.sqrt(1 - betas[1] ** step)
    numbers = np.array([size, scale, *betas, eps], np.float32)
    run(_step, -(-len(param) // CHUNK), param, first, second, grads, numbers, clear)


@kernel
def _step(thread, counter, param, first, second, grads, numbers, clear):  # noqa: ANN001, ANN202
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
def _update(param, first, second, grad, numbers):  # noqa: ANN001, ANN202
    """Kingma and Ba 2015, algorithm 1."""
    size, scale, beta_1, beta_2, eps = numbers
    for i in range(param.shape[0]):
        first[i] = beta_1 * first[i] + (f32(1) - beta_1) * grad[i]
        second[i] = beta_2 * second[i] + (f32(1) - beta_2) * grad[i] * grad[i]
        param[i] -= size * first[i] / (math.sqrt(second[i]) * scale + eps)
