"""The hash grid on the CPU: the faster twin of `rayloom.kernels.hash_grid`."""

# Numba infers the types in kernels; the context of autograd has none.
# ruff: noqa: ANN001, ANN201, ANN202, ANN401

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.numba.grid_tiles import (
    TILE,
    encode_tile,
    levels_of,
    locate,
    new_corners,
    place_gradient,
    scatter_level,
)
from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add

CHUNK = 256
"""Points per block of work."""


def hash_grid(
    points: Float[Tensor, "n 3"], table: Float[Tensor, "rows features"], layout: HashGridLayout
) -> Float[Tensor, "n channels"]:
    """Features at points; differentiable once, to points and table. What is no number is nowhere: zero."""
    return _HashGrid.apply(points, table, layout)


class _HashGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, layout: HashGridLayout) -> Tensor:
        ctx.save_for_backward(points, table)
        ctx.layout = layout
        place, rows = np.ascontiguousarray(points.detach().numpy().T), table.detach().contiguous().numpy()
        out = np.empty((len(points), layout.num_channels), np.float32)
        run(_encode, -(-len(points) // CHUNK), place, rows.reshape(-1), levels_of(layout), out)
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        points, table = ctx.saved_tensors
        levels = levels_of(ctx.layout)
        place, rows = np.ascontiguousarray(points.detach().numpy().T), table.detach().contiguous().numpy()
        grad = grads[0].contiguous().numpy()
        grad_points = grad_table = None
        if ctx.needs_input_grad[0]:
            grad_place = np.zeros((len(points), 3), np.float32)
            run(_differentiate, -(-len(points) // CHUNK), place, rows.reshape(-1), levels, grad, grad_place)
            # Beyond the faces the features are constant, and so they are where a point is no number.
            inside = (points >= 0) & (points <= 1) & ~points.isnan().any(-1, keepdim=True)
            grad_points = torch.where(inside, torch.from_numpy(grad_place), 0)
        if ctx.needs_input_grad[1]:
            grad_rows = np.zeros_like(rows)
            run(_scatter, len(levels.resolution), place, grad_rows.reshape(-1), levels, grad)
            grad_table = torch.from_numpy(grad_rows)
        return grad_points, grad_table, None


@kernel
def _encode(thread, counter, place, table, levels, out):
    """Encode chunks of points."""
    total, channels = out.shape
    x, y, z, corners, flat = place[0], place[1], place[2], new_corners(), out.reshape(-1)
    px, py, pz = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= total:
            break
        for at in range(start, min(start + CHUNK, total), TILE):
            count = min(TILE, total - at)
            copy_tile(x, y, z, at, count, px, py, pz)
            encode_tile(px, py, pz, 0, count, table, levels, corners, flat, at * channels, channels)


@kernel
def _scatter(thread, counter, place, grad_table, levels, grad):
    """Add gradients to the table. A thread owns whole levels, so that sums have one order."""
    total, channels = grad.shape
    x, y, z, corners, flat = place[0], place[1], place[2], new_corners(), grad.reshape(-1)
    px, py, pz = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    while True:
        level = fetch_add(counter, 1)
        if level >= levels.resolution.shape[0]:
            break
        for at in range(0, total, TILE):
            count = min(TILE, total - at)
            copy_tile(x, y, z, at, count, px, py, pz)
            scatter_level(
                px, py, pz, 0, count, grad_table, levels, level, corners, flat, at * channels, channels
            )


@kernel
def _differentiate(thread, counter, place, table, levels, grad, grad_place):
    """Gradients with respect to the points."""
    total, channels = grad.shape
    x, y, z, corners, flat = place[0], place[1], place[2], new_corners(), grad.reshape(-1)
    px, py, pz = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    width = len(levels.features)
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= total:
            break
        for at in range(start, min(start + CHUNK, total), TILE):
            count = min(TILE, total - at)
            copy_tile(x, y, z, at, count, px, py, pz)
            for level in range(levels.resolution.shape[0]):
                locate(px, py, pz, 0, levels, level, corners)
                for i in range(count):
                    source = (at + i) * channels + level * width
                    gx, gy, gz = place_gradient(px, py, pz, table, levels, level, corners, i, flat, source)
                    grad_place[at + i, 0] += gx
                    grad_place[at + i, 1] += gy
                    grad_place[at + i, 2] += gz


@inner
def copy_tile(x, y, z, at, count, px, py, pz):
    """Copy a tile's coordinates; lanes without a point get the origin, which is in the grid."""
    for i in range(TILE):
        held = i < count
        px[i] = x[at + i] if held else f32(0)
        py[i] = y[at + i] if held else f32(0)
        pz[i] = z[at + i] if held else f32(0)
