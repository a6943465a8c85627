"""The hash grid on CUDA: the faster twin of `rayloom.kernels.hash_grid`."""

# Triton infers the types in kernels; the context of autograd has none.
# ruff: noqa: ANN001, ANN202, ANN401

from functools import cache
from typing import Any

import torch
import triton.language as tl
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.triton.jit import kernel, launch, num_blocks, padded

BLOCK = 128
"""Points per program."""


def hash_grid(
    points: Float[Tensor, "n 3"], table: Float[Tensor, "rows features"], layout: HashGridLayout
) -> Float[Tensor, "n channels"]:
    """Features at points; differentiable once, to points and table.

    The gradient to the table is a sum of atomic additions: its last digits depend on their order.
    """
    return _HashGrid.apply(points, table, layout)


class _HashGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, layout: HashGridLayout) -> Tensor:
        ctx.save_for_backward(points, table)
        ctx.layout = layout
        out = table.new_empty(len(points), layout.num_channels)
        programs = num_blocks(len(points), BLOCK), layout.num_levels
        launch(_encode, programs, *_operands(points, table, layout), out, **_tile(layout))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        points, table = ctx.saved_tensors
        operands, grad = _operands(points, table, ctx.layout), grads[0].contiguous()
        blocks = num_blocks(len(points), BLOCK)
        grad_points = grad_table = None
        if ctx.needs_input_grad[0]:
            grad_points = points.new_empty(points.shape)
            launch(_differentiate, (blocks,), *operands, grad, grad_points, **_tile(ctx.layout))
        if ctx.needs_input_grad[1]:
            grad_table = table.new_zeros(table.shape)
            programs = blocks, ctx.layout.num_levels
            launch(_scatter, programs, *operands, grad, grad_table, **_tile(ctx.layout))
        return grad_points, grad_table, None


def _operands(points: Tensor, table: Tensor, layout: HashGridLayout) -> tuple[Tensor | int, ...]:
    """What every kernel takes."""
    levels = _levels(layout, points.device)
    sizes = len(points), layout.num_levels, layout.features_per_level
    return points.detach().contiguous(), table.detach().contiguous(), levels, *sizes


def _tile(layout: HashGridLayout) -> dict[str, int]:
    return {"BLOCK": BLOCK, "WIDTH": padded(layout.features_per_level)}


@cache
def _levels(layout: HashGridLayout, device: torch.device) -> Tensor:
    """The levels as rows: resolution, offset, stride along y, stride along z, mask."""
    return torch.tensor(layout.levels, dtype=torch.int64, device=device)


@kernel
def _encode(
    points, table, levels, num_points, num_levels, features, out, BLOCK: tl.constexpr, WIDTH: tl.constexpr
):
    """Features of a block of points on one level."""
    level, index, column, held = _lanes(num_points, features, BLOCK, WIDTH)
    scale, place = _level(levels, level)
    cell, share, known = _locate(points, index, num_points, scale)
    total = tl.zeros((BLOCK, WIDTH), tl.float32)
    for corner in tl.static_range(8):
        row = _row(corner, cell, place)
        x, y, z = _weights(corner, share)
        total += (x * y * z)[:, None] * tl.load(
            table + row[:, None] * features + column, mask=held & known, other=0.0
        )
    to = index[:, None] * (num_levels * features) + level * features + column
    tl.store(out + to, total, mask=held)


@kernel
def _scatter(
    points, table, levels, num_points, num_levels, features, grad, grad_table,
    BLOCK: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Add a block's gradients on one level to the table."""
    level, index, column, held = _lanes(num_points, features, BLOCK, WIDTH)
    scale, place = _level(levels, level)
    cell, share, known = _locate(points, index, num_points, scale)
    source = index[:, None] * (num_levels * features) + level * features + column
    grads, held = tl.load(grad + source, mask=held, other=0.0), held & known
    for corner in tl.static_range(8):  # pyright: ignore[reportGeneralTypeIssues]
        row = _row(corner, cell, place)
        x, y, z = _weights(corner, share)
        tl.atomic_add(grad_table + row[:, None] * features + column, (x * y * z)[:, None] * grads, mask=held)


@kernel
def _differentiate(
    points, table, levels, num_points, num_levels, features, grad, grad_points,
    BLOCK: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Gradients with respect to a block of points, over all levels."""
    _, index, column, held = _lanes(num_points, features, BLOCK, WIDTH)
    along_x = tl.zeros((BLOCK,), tl.float32)
    along_y = tl.zeros((BLOCK,), tl.float32)
    along_z = tl.zeros((BLOCK,), tl.float32)
    for level in range(num_levels):
        scale, place = _level(levels, level)
        cell, share, known = _locate(points, index, num_points, scale)
        source = index[:, None] * (num_levels * features) + level * features + column
        grads = tl.load(grad + source, mask=held, other=0.0)
        for corner in tl.static_range(8):
            row = _row(corner, cell, place)
            values = tl.load(table + row[:, None] * features + column, mask=held & known, other=0.0)
            slope = tl.sum(values * grads, axis=1) * scale
            x, y, z = _weights(corner, share)
            along_x += tl.where(corner & 1 == 1, slope, -slope) * y * z
            along_y += tl.where(corner >> 1 & 1 == 1, slope, -slope) * x * z
            along_z += tl.where(corner >> 2 & 1 == 1, slope, -slope) * x * y
    _store_along(points, grad_points, index, num_points, 0, along_x)
    _store_along(points, grad_points, index, num_points, 1, along_y)
    _store_along(points, grad_points, index, num_points, 2, along_z)


@kernel
def _lanes(num_points, features, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """The program's level, its points, the columns of features, and which pairs of these exist."""
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    column = tl.arange(0, WIDTH)[None, :]
    return tl.program_id(1), index, column, (index < num_points)[:, None] & (column < features)


@kernel
def _level(levels, level):
    """Cells per axis of a level, and where its rows lie: offset, strides and mask."""
    at = levels + 5 * level
    place = (tl.load(at + 1), tl.load(at + 2), tl.load(at + 3), tl.load(at + 4))
    return tl.load(at).to(tl.float32), place


@kernel
def _locate(points, index, num_points, scale):
    """Cells of points along the axes, where the points are inside of them, and which points are numbers."""
    x, inside_x, known_x = _cell(points + index * 3, index < num_points, scale)
    y, inside_y, known_y = _cell(points + index * 3 + 1, index < num_points, scale)
    z, inside_z, known_z = _cell(points + index * 3 + 2, index < num_points, scale)
    return (x, y, z), (inside_x, inside_y, inside_z), (known_x & known_y & known_z)[:, None]


@kernel
def _cell(coordinates, held, scale):
    """Along one axis. The last cell includes its far wall; what is no number is put at 0."""
    place = tl.load(coordinates, mask=held, other=0.0)
    known = place == place  # noqa: PLR0124  False for what is no number
    place = tl.where(known, place, 0.0)
    scaled = tl.where(place < 0, 0.0, tl.where(place > 1, 1.0, place)) * scale
    cell = tl.minimum(tl.floor(scaled), scale - 1)
    return cell.to(tl.int64), scaled - cell, known


@kernel
def _row(corner, cell, place):
    """The table's row of a corner, whose bits 0, 1 and 2 say where it lies on the far side."""
    x, y, z = cell[0] + (corner & 1), cell[1] + (corner >> 1 & 1), cell[2] + (corner >> 2 & 1)
    return ((x ^ (y * place[1]) ^ (z * place[2])) & place[3]) + place[0]


@kernel
def _weights(corner, share):
    """The three factors of a corner's trilinear weight."""
    return (
        tl.where(corner & 1 == 1, share[0], 1 - share[0]),
        tl.where(corner >> 1 & 1 == 1, share[1], 1 - share[1]),
        tl.where(corner >> 2 & 1 == 1, share[2], 1 - share[2]),
    )


@kernel
def _store_along(points, grad_points, index, num_points, axis, gradient):
    """Store a gradient along one axis. Beyond the faces of the cube the features are constant."""
    held = index < num_points
    place = tl.load(points + index * 3 + axis, mask=held, other=0.0)
    tl.store(grad_points + index * 3 + axis, tl.where((place < 0) | (place > 1), 0.0, gradient), mask=held)
