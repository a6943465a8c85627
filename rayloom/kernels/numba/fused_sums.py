"""What a second hash grid holds along rays, weighted by the density of a fused field, in one kernel each way.

    sums[ray] = sum_k w_k h(x_k)      h: features of the second grid, w_k: weights of the field's density

The samples are those of the field's own pictures. Going backward, rays are traced again, so that no samples
need be kept, and only the second grid gets a gradient: weights and places are constants.
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN202, ANN401

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.fused import Space
from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.numba.fused import FusedField, ray_arrays, space_arrays, view
from rayloom.kernels.numba.fused_field import FULL, MAX_RAYS, Field, Path, RayArrays, new_chunk, trace
from rayloom.kernels.numba.grid_tiles import TILE, Levels, encode_tile, levels_of, scatter_tile
from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.layers import aligned_zeros
from rayloom.kernels.numba.stepping import Cells, Rule
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add
from rayloom.kernels.threads import num_threads
from rayloom.types import Rays

BLOCK_RAYS = 32
MAX_TABLES = 8
"""Threads that go backward at most: each has a table of gradients."""


class Grid(NamedTuple):
    """A second grid over the same cube."""

    table: np.ndarray
    levels: Levels


def sum_along_rays(
    field: FusedField,
    table: Float[Tensor, "rows features"],
    layout: HashGridLayout,
    rays: Rays,
    space: Space,
    jitter: Float[Tensor, " rays"],
) -> tuple[Float[Tensor, "rays channels"], Float[Tensor, " rays"], Float[Tensor, " rays"]]:
    """The sums, differentiable by the table alone; opacity; expected distance, 0 where nothing was met."""
    arrays, _ = ray_arrays(rays, rays.origins, space.step, jitter)
    scene = (arrays, *space_arrays(space), field.field())
    out: Tensor = _Sums.apply(table, layout, scene)  # pyright: ignore[reportAssignmentType]
    return out[:, :-2], out[:, -2].detach(), out[:, -1].detach()


class _Sums(torch.autograd.Function):
    """The columns of `_add_up` as a function of the table."""

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, layout: HashGridLayout, scene: tuple[RayArrays, Cells, Rule, Path, Field]
    ) -> Tensor:
        ctx.layout, ctx.scene, ctx.shape = layout, scene, table.shape
        out = np.zeros((len(scene[0].first), layout.num_channels + 2), np.float32)
        grid = Grid(view(table).reshape(-1), levels_of(layout))
        run(_add_up, -(-len(out) // BLOCK_RAYS), *scene, grid, out)
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        levels, wanted = levels_of(ctx.layout), view(slopes[0])
        blocks = min(-(-len(wanted) // BLOCK_RAYS), MAX_TABLES)
        grads = np.zeros((min(num_threads(), MAX_TABLES), ctx.shape.numel()), np.float32)
        run(_scatter, blocks, *ctx.scene, Grid(grads[0], levels), wanted, grads)
        return torch.from_numpy(grads.sum(0)).reshape(ctx.shape), None, None


@kernel
def _add_up(thread, counter, rays, cells, rule, path, field, grid, out):
    """Write sums, opacity and expected distance of all rays to the columns of `out`."""
    chunk = new_chunk(field, path)
    room = aligned_zeros(TILE * (out.shape[1] - 2))
    total, slot = rays.first.shape[0], 0
    while True:
        start = fetch_add(counter, 1) * BLOCK_RAYS
        if start >= total:
            break
        for index in range(start, min(start + BLOCK_RAYS, total)):
            if slot == MAX_RAYS or chunk.begin[slot] >= FULL:
                _add_chunk(slot, grid, chunk, room, out)
                slot = 0
            trace(index, slot, rays, cells, rule, path, field, chunk)
            slot += 1
    _add_chunk(slot, grid, chunk, room, out)


@inner
def _add_chunk(num_rays, grid, chunk, room, out):
    """Encode the samples of the first rays of a chunk and add them up."""
    width, samples, slot = out.shape[1] - 2, chunk.begin[num_rays], 0
    for at in range(0, samples, TILE):
        count = min(TILE, samples - at)
        encode_tile(
            chunk.x, chunk.y, chunk.z, at, count, grid.table, grid.levels, chunk.corners, room, 0, width
        )
        for i in range(count):
            while chunk.begin[slot + 1] <= at + i:
                slot += 1
            ray, weight = chunk.ray[slot], chunk.weights[at + i]
            for j in range(width):
                out[ray, j] += weight * room[i * width + j]
            out[ray, width] += weight
            out[ray, width + 1] += weight * f32(0.5) * (chunk.starts[at + i] + chunk.ends[at + i])
    for slot in range(num_rays):
        ray = chunk.ray[slot]
        if out[ray, width] > f32(0):
            out[ray, width + 1] /= out[ray, width]


@kernel
def _scatter(thread, counter, rays, cells, rule, path, field, grid, slopes, grads):
    """Add the gradient of the table to that of the thread, from the slopes of the sums."""
    chunk = new_chunk(field, path)
    room = aligned_zeros(TILE * (slopes.shape[1] - 2))
    total, slot = rays.first.shape[0], 0
    while True:
        start = fetch_add(counter, 1) * BLOCK_RAYS
        if start >= total:
            break
        for index in range(start, min(start + BLOCK_RAYS, total)):
            if slot == MAX_RAYS or chunk.begin[slot] >= FULL:
                _scatter_chunk(thread, slot, grid, chunk, room, slopes, grads)
                slot = 0
            trace(index, slot, rays, cells, rule, path, field, chunk)
            slot += 1
    _scatter_chunk(thread, slot, grid, chunk, room, slopes, grads)


@inner
def _scatter_chunk(thread, num_rays, grid, chunk, room, slopes, grads):
    """The gradient by way of the first rays of a chunk."""
    width, samples, slot = slopes.shape[1] - 2, chunk.begin[num_rays], 0
    for at in range(0, samples, TILE):
        count = min(TILE, samples - at)
        for i in range(count):
            while chunk.begin[slot + 1] <= at + i:
                slot += 1
            ray, weight = chunk.ray[slot], chunk.weights[at + i]
            for j in range(width):
                room[i * width + j] = weight * slopes[ray, j]
        scatter_tile(
            chunk.x, chunk.y, chunk.z, at, count, grads[thread], grid.levels, chunk.corners, room, 0, width
        )
