"""Rays through a baked scene on the CPU: the faster twin of `rayloom.kernels.voxels`."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN202

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rayloom.kernels.marching import StepRule
from rayloom.kernels.numba.elementary import absorb, exp
from rayloom.kernels.numba.jit import f32, inlined, kernel
from rayloom.kernels.numba.stepping import SLACK, rule_of, t_from_u
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add, scatter_row
from rayloom.kernels.numba.voxel_bytes import LANES, add_scaled, corner_offsets, mix_bytes
from rayloom.kernels.numba.voxel_front import BUNDLE, END, FRONT, START, approach
from rayloom.kernels.numba.voxel_steps import (
    arrays_of,
    first_corner,
    first_step,
    in_bounds,
    line_of,
    next_look,
)
from rayloom.kernels.voxels import CHANNELS, MAX_LEVEL, Sums, VoxelAtlas

CHUNK = 64
"""Rays per block of work."""

OPACITY, DEPTH, REACH = CHANNELS, CHANNELS + 1, CHANNELS + 2
"""Columns of what is gathered, after that of density, which means nothing, and those of the values."""
ROW = (f32(0),) * CHANNELS
"""Says how long the rows of a gradient are."""
OFFSETS = tuple(corner_offsets())


def trace_voxels(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    atlas: VoxelAtlas,
    step: StepRule,
    stop: float,
) -> Sums:
    """What rays gather between near and far."""
    rays = [tensor.detach().contiguous().numpy() for tensor in (origins, directions, near, far)]
    out = np.zeros((len(near), LANES), np.float32)
    blocks = -(-len(near) // CHUNK)
    run(_trace, blocks, *rays, arrays_of(atlas), rule_of(step), f32(stop), out)
    sums = torch.from_numpy(out)
    return Sums(sums[:, 1:CHANNELS], *sums[:, OPACITY : REACH + 1].unbind(-1))


@kernel
def _trace(thread, counter, origins, directions, near, far, atlas, rule, stop, out):
    """Write the sums, opacity, distance and reach of all rays to the columns of `out`."""
    mixed, front, scale = np.empty(LANES, np.float32), np.empty(FRONT, np.float32), f32(1 / MAX_LEVEL)
    while True:
        begin = fetch_add(counter, 1) * CHUNK
        if begin >= near.shape[0]:
            break
        for first in range(begin, min(begin + CHUNK, near.shape[0]), BUNDLE):
            last = min(first + BUNDLE, near.shape[0])
            approach(origins, directions, first, last, near, far, atlas, front)
            for i in range(last - first):
                out[first + i, REACH] = np.inf
                enter = max(front[START * BUNDLE + i], front[i] - rule.smallest * SLACK)
                if front[i] < front[END * BUNDLE + i]:
                    line = line_of(origins, directions, first + i, atlas)
                    _trace_ray(
                        line, enter, front[END * BUNDLE + i], atlas, rule, stop, mixed, scale, out[first + i]
                    )


@inlined
def _trace_ray(line, near, far, atlas, rule, stop, mixed, scale, sums):
    """Gather along one ray."""
    opacity, distance = f32(0), f32(0)
    left, u = f32(1), first_step(near, rule)
    start = t_from_u(u, rule)
    while left > stop:
        u, end, t, length, slot, place = next_look(line, u, start, far, atlas, rule)
        if slot < 0:
            break
        u, start = u + f32(1), end
        depth = _look(slot, place, length, atlas, mixed)
        if depth > f32(0):
            lost, passed = absorb(depth)
            share = left * lost
            add_scaled(mixed, share * scale, sums)
            opacity += share
            distance += share * t
            left *= passed
            if left <= stop:
                sums[REACH] = t
    sums[OPACITY] = opacity
    sums[DEPTH] = distance / opacity if opacity > f32(0) else f32(0)


@inlined
def _look(slot, place, length, atlas, mixed):
    """The optical depth of a step, 0 where nothing is, and in `mixed` the bytes that are there."""
    at, (x, y, z) = first_corner(slot, place)
    level = mix_bytes(atlas.voxels, at, x, y, z, mixed)
    if level < atlas.cut:
        return f32(0)
    return exp(atlas.log_thinnest + atlas.log_per_level * level) * length


def voxel_gradients(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    grad_values: Float[Tensor, "rays 11"],
    grad_opacity: Float[Tensor, " rays"],
    atlas: VoxelAtlas,
    rows: Int[Tensor, "blocks 9 9 9"],
    num_rows: int,
    step: StepRule,
    stop: float,
) -> Float[Tensor, "num_rows 12"]:
    """Gradients with respect to corners."""
    rays = [tensor.detach().contiguous().numpy() for tensor in (origins, directions, near, far)]
    sums = trace_voxels(origins, directions, near, far, atlas, step, stop)
    products = (grad_values * sums.values).sum(-1) + grad_opacity * sums.opacity
    grads = torch.cat([grad_opacity[:, None], grad_values / MAX_LEVEL], dim=-1).contiguous().numpy()
    out = np.zeros(num_rows * CHANNELS, np.float32)
    flat_rows = rows.int().contiguous().numpy().reshape(-1)
    inputs = (*rays, arrays_of(atlas), flat_rows, rule_of(step), f32(stop), grads, products.numpy())
    # One block of work is done by one thread: where several add to a row, sums would get lost.
    run(_trace_back, 1, *inputs, out)
    return torch.from_numpy(out).view(num_rows, CHANNELS)


@kernel
def _trace_back(
    thread, counter, origins, directions, near, far, atlas, rows, rule, stop, grads, products, out
):
    """Add the gradients of all rays to those of the corners; `products` are sums times their gradients."""
    buffers = (np.empty(LANES, np.float32), np.zeros(8 * 16, np.int32), np.zeros(8 * 16, np.float32))
    for ray in range(near.shape[0]):
        _trace_ray_back(line_of(origins, directions, ray, atlas), near[ray], far[ray],
                        atlas, rows, rule, stop, buffers, grads[ray], products[ray], out)  # fmt: skip


@inlined
def _trace_ray_back(line, near, far, atlas, rows, rule, stop, buffers, grad, behind, out):
    """A step's own light grows with its depth, and that of all steps behind it shrinks."""
    mixed = buffers[0]
    near, far = in_bounds(line, near, far, atlas)
    if near < far:
        left, u = f32(1), first_step(near, rule)
        start = t_from_u(u, rule)
        while left > stop:
            u, end, _, length, slot, place = next_look(line, u, start, far, atlas, rule)
            if slot < 0:
                break
            u, start = u + f32(1), end
            depth = _look(slot, place, length, atlas, mixed)
            if depth > f32(0):
                lost, passed = absorb(depth)
                share = left * lost
                product = grad[0]
                for channel in range(1, CHANNELS):
                    product += grad[channel] * mixed[channel]
                    mixed[channel] = share * grad[channel]
                left *= passed
                behind -= share * product
                mixed[0] = (left * product - behind) * depth * atlas.log_per_level
                _scatter(slot, place, rows, buffers, out)


@inlined
def _scatter(slot, place, rows, buffers, out):
    """Add the gradient in the first buffer to the corners of the cell of a place."""
    mixed, chosen, weights = buffers
    at, (x, y, z) = first_corner(slot, place)
    for corner, offset in enumerate(OFFSETS):
        chosen[16 * corner] = rows[at // CHANNELS + offset]
        weight = (x if corner & 4 else f32(1) - x) * (y if corner & 2 else f32(1) - y)
        weights[16 * corner] = weight * (z if corner & 1 else f32(1) - z)
    scatter_row(out, chosen, weights, 0, mixed, 0, ROW)
