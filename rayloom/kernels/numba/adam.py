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
GROUP = 16
"""Numbers that are looked at together."""


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
    """Update blocks of rows, where rows are short and even 16 numbers at once."""
    rows, columns = param.shape
    flat = (param.reshape(-1), first.reshape(-1), second.reshape(-1))
    flat_grads = grads.reshape(grads.shape[0], -1)
    at_once = GROUP if columns < GROUP and GROUP % columns == 0 else columns
    total, touched = np.zeros(at_once, np.float32), np.zeros(at_once, np.float32)
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= rows:
            break
        end = min(start + CHUNK, rows) * columns
        for at in range(start * columns, end, at_once):
            if at + at_once > end:
                total, touched = total[: end - at], touched[: end - at]
            if _add_up(flat_grads, at, total, clear):
                _mark(total, touched, columns)
                _update(flat, at, total, touched, numbers)


@inner
def _add_up(grads, at, total, clear):
    """Sum the gradients of all threads into `total`; whether there is any."""
    found = False
    for thread in range(grads.shape[0]):
        piece = grads[thread, at : at + total.shape[0]]
        for i in range(total.shape[0]):
            total[i] = piece[i] + (total[i] if thread > 0 else f32(0))
    for i in range(total.shape[0]):
        found |= total[i] != f32(0)
    if found and clear:
        for thread in range(grads.shape[0]):
            grads[thread, at : at + total.shape[0]] = 0
    return found


@inner
def _mark(total, touched, columns):
    """1 in the rows with a gradient, 0 in the others."""
    for row in range(0, total.shape[0], columns):
        found = False
        for i in range(row, row + columns):
            found |= total[i] != f32(0)
        for i in range(row, row + columns):
            touched[i] = f32(1) if found else f32(0)


@inner
def _update(flat, at, grad, touched, numbers):
    """Kingma and Ba 2015, algorithm 1, in the rows that are touched."""
    size, scale, beta_1, beta_2, eps = numbers
    count = grad.shape[0]
    param, first, second = flat[0][at : at + count], flat[1][at : at + count], flat[2][at : at + count]
    for i in range(count):
        mean = beta_1 * first[i] + (f32(1) - beta_1) * grad[i]
        square = beta_2 * second[i] + (f32(1) - beta_2) * grad[i] * grad[i]
        moved = param[i] - size * mean / (math.sqrt(square) * scale + eps)
        first[i] = mean if touched[i] > f32(0) else first[i]
        second[i] = square if touched[i] > f32(0) else second[i]
        param[i] = moved if touched[i] > f32(0) else param[i]
