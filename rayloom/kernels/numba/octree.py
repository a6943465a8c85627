"""Rays through the leaves of an octree on the CPU: the faster twin of `rayloom.kernels.octree`."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN202

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add
from rayloom.kernels.octree import OctreeNodes
from rayloom.types import PackedSamples

CHUNK = 64
"""Rays per block of work."""


def leaf_segments(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    tree: OctreeNodes,
) -> tuple[PackedSamples, Int[Tensor, " samples"]]:
    """Where rays are in leaves between near and far, and in which ones.

    Rays are followed twice: to count, and to write where the counts say.
    """
    place = tree.cells_from_world(origins.detach()).contiguous().numpy()
    step = (directions.detach() * (tree.num_cells / tree.width)).contiguous().numpy()
    ends = near.detach().contiguous().numpy(), far.detach().contiguous().numpy()
    children = tree.children.int().contiguous().numpy()
    offsets, blocks = np.zeros(len(place) + 1, np.int64), -(-len(place) // CHUNK)
    start, end, leaf = np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.int64)
    run(_follow_rays, blocks, place, step, *ends, children, tree.depth, offsets, start, end, leaf, False)
    np.cumsum(offsets, out=offsets)
    start, end = np.empty((2, offsets[-1]), np.float32)
    leaf = np.empty(offsets[-1], np.int64)
    run(_follow_rays, blocks, place, step, *ends, children, tree.depth, offsets, start, end, leaf, True)
    index = torch.from_numpy(np.repeat(np.arange(len(place)), np.diff(offsets)))
    samples = PackedSamples(torch.from_numpy(start), torch.from_numpy(end), index, len(place))
    return samples, torch.from_numpy(leaf)


@kernel
def _follow_rays(thread, counter, place, step, near, far, children, depth, offsets, start, end, leaf, writes):
    """Count each ray's segments into the place behind its own, or write them to its own place."""
    while True:
        begin = fetch_add(counter, 1) * CHUNK
        if begin >= place.shape[0]:
            break
        for i in range(begin, min(begin + CHUNK, place.shape[0])):
            origin = (place[i, 0], place[i, 1], place[i, 2])
            slope = (_slope(step[i, 0]), _slope(step[i, 1]), _slope(step[i, 2]))
            at = offsets[i] if writes else 0
            count = _follow(origin, slope, near[i], far[i], children, depth, at, start, end, leaf, writes)
            if not writes:
                offsets[i + 1] = count


@inner
def _slope(value):
    return value if abs(value) >= f32(1e-20) else f32(1e-20)


@inner
def _follow(origin, slope, near, far, children, depth, at, start, end, leaf, writes):
    """Go from leaf to leaf; the number of segments."""
    size = 1 << depth
    t, leave = _between_walls(origin, slope, near, far, size)
    if not leave > t:
        return 0
    x = _cell(origin[0] + t * slope[0], 0, size - 1)
    y = _cell(origin[1] + t * slope[1], 0, size - 1)
    z = _cell(origin[2] + t * slope[2], 0, size - 1)
    count = 0
    while True:
        child, height = _what_fills(children, depth, x, y, z)
        t_x = _wall(origin[0], slope[0], x, height)
        t_y = _wall(origin[1], slope[1], y, height)
        t_z = _wall(origin[2], slope[2], z, height)
        exit_t = min(t_x, t_y, t_z)
        following = min(max(exit_t, t), leave)
        if child < -1 and following > t:
            if writes:
                start[at + count], end[at + count], leaf[at + count] = t, following, -2 - child
            count += 1
        t = following
        x = _next_cell(origin[0], slope[0], x, height, t, t_x == exit_t)
        y = _next_cell(origin[1], slope[1], y, height, t, t_y == exit_t)
        z = _next_cell(origin[2], slope[2], z, height, t, t_z == exit_t)
        if not exit_t < leave or min(x, y, z) < 0 or max(x, y, z) >= size:
            return count


@inner
def _between_walls(origin, slope, near, far, size):
    """The part from near to far in which a ray is in the cube."""
    for axis in range(3):
        low, high = -origin[axis] / slope[axis], (f32(size) - origin[axis]) / slope[axis]
        near, far = max(near, min(low, high)), min(far, max(low, high))
    return near, far


@inner
def _what_fills(children, depth, x, y, z):
    """The child that fills a cell, and how many levels above the deepest one it lies."""
    child, height = 0, depth
    while child >= 0:
        height -= 1
        octant = ((x >> height) & 1) * 4 + ((y >> height) & 1) * 2 + ((z >> height) & 1)
        child = children[child, octant]
    return child, height


@inner
def _wall(origin, slope, cell, height):
    """Distance of the wall through which a ray leaves along one axis."""
    first = cell >> height << height
    wall = first + (1 << height) if slope > f32(0) else first
    return (f32(wall) - origin) / slope


@inner
def _next_cell(origin, slope, cell, height, t, leaves):
    """The cell behind that wall, or the one at t before it, along one axis."""
    first = cell >> height << height
    last = first + (1 << height) - 1
    if leaves:
        return last + 1 if slope > f32(0) else first - 1
    return _cell(origin + t * slope, first, last)


@inner
def _cell(place, first, last):
    """The whole cell of a place, kept in a range."""
    return min(max(np.int64(np.floor(place)), first), last)
