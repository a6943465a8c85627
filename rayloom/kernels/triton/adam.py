"""Adam in the rows that have a gradient, on CUDA: the faster twin of `rayloom.kernels.adam`."""

# Triton infers the types in kernels.
# ruff: noqa: ANN001, ANN202

import math

import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.triton.jit import kernel, launch, num_blocks, padded

BLOCK = 1024
"""Numbers per program, or one row where rows are longer."""


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
    rows, columns = param.shape
    width = padded(columns)
    block = max(BLOCK // width, 1)
    tensors = param.detach(), grad.detach().contiguous(), first.detach(), second.detach()
    size, scale = lr / (1 - betas[0] ** step), 1 / math.sqrt(1 - betas[1] ** step)
    numbers = rows, columns, size, scale, *betas, eps
    launch(_step, (num_blocks(rows, block),), *tensors, *numbers, BLOCK=block, WIDTH=width)


@kernel
def _step(
    param, grad, first, second, rows, columns, size, scale, beta_1, beta_2, eps,
    BLOCK: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Kingma and Ba 2015, algorithm 1, in those of a block of rows that have a gradient."""
    row = (tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK))[:, None]
    column = tl.arange(0, WIDTH)[None, :]
    at, held = row * columns + column, (row < rows) & (column < columns)
    gradient = tl.load(grad + at, mask=held, other=0.0)
    touched = held & (tl.max((gradient != 0).to(tl.int32), axis=1) > 0)[:, None]
    mean = beta_1 * tl.load(first + at, mask=touched, other=0.0) + (1 - beta_1) * gradient
    square = beta_2 * tl.load(second + at, mask=touched, other=0.0) + (1 - beta_2) * gradient * gradient
    moved = tl.load(param + at, mask=touched, other=0.0) - size * mean / (tl.sqrt(square) * scale + eps)
    tl.store(first + at, mean, mask=touched)
    tl.store(second + at, square, mask=touched)
    tl.store(param + at, moved, mask=touched)
