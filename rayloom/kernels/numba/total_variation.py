"""Total variation on the CPU: the faster twin of `rayloom.kernels.total_variation`."""

# Numba infers the types in kernels; the context of autograd has none.
# ruff: noqa: ANN001, ANN202, ANN401

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add

CHUNK = 1 << 14
"""Numbers per block of work, which takes whole rows of the last axis."""


def total_variation(grid: Float[Tensor, "channels *space"]) -> Float[Tensor, ""]:
    """Mean squared differences of neighbours, summed over the axes; differentiable once."""
    return _TotalVariation.apply(grid)


class _TotalVariation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        values = _volume(grid)
        blocks, rows_per_block = _work(values)
        sums = np.zeros((blocks, 3))
        run(_measure, blocks, values, rows_per_block, sums)
        return grid.new_tensor((sums.sum(0) * _shares(values)).sum())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        (grid,) = ctx.saved_tensors
        values = _volume(grid)
        blocks, rows_per_block = _work(values)
        slopes = (2 * grads[0].item() * _shares(values)).astype(np.float32)
        out = np.empty_like(values)
        run(_differentiate, blocks, values, rows_per_block, slopes, out)
        return torch.from_numpy(out).reshape(grid.shape)


def _volume(grid: Tensor) -> np.ndarray:
    """The grid with three axes of space, the first of them of one cell where it has fewer."""
    channels, *space = grid.shape
    return grid.detach().contiguous().numpy().reshape(channels, *[1] * (3 - len(space)), *space)


def _shares(values: np.ndarray) -> np.ndarray:
    """One over the number of pairs of neighbours along each axis, 0 where there are none."""
    pairs = [values.size // max(n, 1) * max(n - 1, 0) for n in values.shape[1:]]
    return np.array([1 / count if count else 0.0 for count in pairs])


def _work(values: np.ndarray) -> tuple[int, int]:
    """How many blocks there are, and how many rows of the last axis each of them takes."""
    length = values.shape[-1]
    rows = values.size // max(length, 1)
    rows_per_block = max(CHUNK // max(length, 1), 1)
    return -(-rows // rows_per_block), rows_per_block


@kernel
def _measure(thread, counter, values, rows_per_block, sums):
    """Sums of squared differences along the three axes, for each block; their order is always the same."""
    _, depth, height, length = values.shape
    flat, total = values.reshape(-1), values.size // length
    while True:
        block = fetch_add(counter, 1)
        if block >= sums.shape[0]:
            break
        for row in range(block * rows_per_block, min((block + 1) * rows_per_block, total)):
            at = row * length
            if row // height % depth + 1 < depth:
                sums[block, 0] += _distance(flat, at, at + height * length, length)
            if row % height + 1 < height:
                sums[block, 1] += _distance(flat, at, at + length, length)
            sums[block, 2] += _distance(flat, at, at + 1, length - 1)


@inner
def _distance(flat, a, b, count):
    """Squared distance of the vectors of `count` numbers at a and b."""
    total = f32(0)
    for i in range(count):
        total += (flat[b + i] - flat[a + i]) * (flat[b + i] - flat[a + i])
    return total


@kernel
def _differentiate(thread, counter, values, rows_per_block, slopes, out):
    """Gradients: each number is drawn to its neighbours, by the slope of each axis times the difference."""
    _, depth, height, length = values.shape
    flat, grad, total = values.reshape(-1), out.reshape(-1), values.size // length
    across, down, along = slopes
    while True:
        start = fetch_add(counter, 1) * rows_per_block
        if start >= total:
            break
        for row in range(start, min(start + rows_per_block, total)):
            at, x, y = row * length, row // height % depth, row % height
            grad[at : at + length] = 0
            if x > 0:
                _draw(flat, grad, at, at - height * length, length, across)
            if x + 1 < depth:
                _draw(flat, grad, at, at + height * length, length, across)
            if y > 0:
                _draw(flat, grad, at, at - length, length, down)
            if y + 1 < height:
                _draw(flat, grad, at, at + length, length, down)
            _draw(flat, grad, at + 1, at, length - 1, along)
            _draw(flat, grad, at, at + 1, length - 1, along)


@inner
def _draw(flat, grad, at, other, count, slope):
    """Add the gradient of `count` numbers with respect to their neighbours on one side."""
    for i in range(count):
        grad[at + i] += slope * (flat[at + i] - flat[other + i])
