"""Rays through a baked scene on the CPU: the faster twin of `rayloom.kernels.voxels`.

Empty space is left in jumps over whole blocks. Wherever one coordinate stays the largest, lines are
straight in contracted space too, so that the wall of a block is met where a linear equation says.
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN202

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.marching import StepRule
from rayloom.kernels.numba.elementary import absorb, exp
from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.stepping import SLACK, rule_of, t_from_u, u_from_t
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add
from rayloom.kernels.voxels import BLOCK, CHANNELS, MAX_LEVEL, Sums, VoxelAtlas

CHUNK = 64
"""Rays per block of work."""

VOXELS = (BLOCK + 1) ** 3
NEVER = f32(3e38)
OPACITY, DEPTH, REACH = CHANNELS - 1, CHANNELS, CHANNELS + 1
"""Columns of what is gathered, after those of colour and features."""


class Atlas(NamedTuple):
    """A `VoxelAtlas` in arrays."""

    slots: np.ndarray
    voxels: np.ndarray
    filled: np.ndarray
    low: np.ndarray
    width: np.float32
    inverse_width: np.float32
    contracted: bool
    log_thinnest: np.float32
    log_per_level: np.float32
    cut: np.float32


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
    out = np.zeros((len(near), CHANNELS + 2), np.float32)
    blocks = -(-len(near) // CHUNK)
    run(_trace, blocks, *rays, _arrays(atlas), rule_of(step), f32(stop), out)
    sums = torch.from_numpy(out)
    return Sums(sums[:, :OPACITY], *sums[:, OPACITY:].unbind(-1))


def _arrays(atlas: VoxelAtlas) -> Atlas:
    space, scale = atlas.space, atlas.scale
    return Atlas(
        slots=atlas.slots.int().contiguous().numpy(),
        voxels=atlas.voxels.contiguous().numpy().reshape(len(atlas.voxels), VOXELS * CHANNELS),
        filled=atlas.filled.contiguous().numpy().view(np.uint8).reshape(len(atlas.voxels), BLOCK**3),
        low=np.array(space.low, np.float32),
        width=f32(space.width),
        inverse_width=f32(1 / space.width),
        contracted=space.contracted,
        log_thinnest=f32(scale.log_thinnest),
        log_per_level=f32(scale.log_per_level),
        cut=f32(scale.cut_level),
    )


@kernel
def _trace(thread, counter, origins, directions, near, far, atlas, rule, stop, out):
    """Write the sums, opacity, distance and reach of all rays to the columns of `out`."""
    while True:
        begin = fetch_add(counter, 1) * CHUNK
        if begin >= near.shape[0]:
            break
        for ray in range(begin, min(begin + CHUNK, near.shape[0])):
            origin = (origins[ray, 0], origins[ray, 1], origins[ray, 2])
            direction = (directions[ray, 0], directions[ray, 1], directions[ray, 2])
            _trace_ray(origin, direction, near[ray], far[ray], atlas, rule, stop, out[ray])


@inner
def _trace_ray(origin, direction, near, far, atlas, rule, stop, sums):
    """Gather along one ray."""
    sums[REACH] = np.inf
    near, far = _in_bounds(origin, direction, near, far, atlas)
    if not near < far:
        return
    left, u, t = f32(1), f32(_next_step(near, rule)), near
    while left > stop:
        start, end = t_from_u(u, rule), t_from_u(u + f32(1), rule)
        t = f32(0.5) * (start + end)
        if t >= far:
            break
        norm, largest, place = _place(origin, direction, t, atlas)
        block, inside = _block(place, atlas)
        slot = atlas.slots[block]
        if slot >= 0:
            if t >= near:
                left = _gather(slot, inside, t, (end - start) / norm, left, atlas, sums)
            u += f32(1)
        else:
            leave = _leave(origin, direction, largest, place, block, -slot - 1, atlas)
            if leave >= far:
                break
            u = max(f32(_next_step(leave, rule)), u + f32(1))
    if left <= stop:
        sums[REACH] = t
    sums[DEPTH] = sums[DEPTH] / sums[OPACITY] if sums[OPACITY] > f32(0) else f32(0)


@inner
def _next_step(t, rule):
    """The first step whose midpoint is not clearly before t."""
    return np.int64(np.ceil(u_from_t(t, rule) - f32(0.5) - SLACK))


@inner
def _in_bounds(origin, direction, near, far, atlas):
    """The part of a ray that is within the blocks; contracted space holds all of it."""
    if atlas.contracted:
        return near, far
    for axis in range(3):
        low = atlas.low[axis]
        high = low + atlas.width * f32(BLOCK * atlas.slots.shape[axis])
        if direction[axis] != f32(0):
            inverse = f32(1) / direction[axis]
            first, second = (low - origin[axis]) * inverse, (high - origin[axis]) * inverse
            near, far = max(near, min(first, second)), min(far, max(first, second))
        elif origin[axis] < low or origin[axis] >= high:
            return f32(0), f32(0)
    return near, far


@inner
def _place(origin, direction, t, atlas):
    """The norm of a point of the ray, its largest axis, and where it is in the space of the atlas."""
    x, y, z = origin[0] + t * direction[0], origin[1] + t * direction[1], origin[2] + t * direction[2]
    if not atlas.contracted:
        return f32(1), -1, (x, y, z)
    ax, ay, az = abs(x), abs(y), abs(z)
    norm = max(ax, ay, az)
    if norm <= f32(1):
        return f32(1), -1, (x, y, z)
    scale = f32(1) / norm
    outer = f32(2) - scale
    if ax == norm:
        return norm, 0, (outer if x > f32(0) else -outer, y * scale, z * scale)
    if ay == norm:
        return norm, 1, (x * scale, outer if y > f32(0) else -outer, z * scale)
    return norm, 2, (x * scale, y * scale, outer if z > f32(0) else -outer)


@inner
def _block(place, atlas):
    """The block of a place, and where the place is in it, in voxels."""
    x, bx = _along(place[0], atlas, 0)
    y, by = _along(place[1], atlas, 1)
    z, bz = _along(place[2], atlas, 2)
    return (bx, by, bz), (x, y, z)


@inner
def _along(place, atlas, axis):
    """The same on one axis."""
    voxels = (place - atlas.low[axis]) * atlas.inverse_width
    block = min(max(np.int64(voxels * f32(1 / BLOCK)), 0), atlas.slots.shape[axis] - 1)
    return voxels - f32(BLOCK * block), block


@inner
def _leave(origin, direction, largest, place, block, reach, atlas):
    """Where the ray leaves the empty blocks around one, up to `reach` away, or the part where it is straight.

    A wall at c across an axis is met where x = c inside, where x = c |x_k| beside the largest axis k, and
    where |x_k| = 1 / (2 - |c|) across it.
    """
    leave = NEVER
    edge = atlas.width * f32(BLOCK)
    for axis in range(3):
        low = atlas.low[axis] + edge * f32(block[axis] - reach)
        high = atlas.low[axis] + edge * f32(block[axis] + reach + 1)
        o, d = origin[axis], direction[axis]
        if not atlas.contracted:
            leave = min(leave, _meet(o - low, d, False), _meet(o - high, d, True))
        elif largest < 0:
            leave = min(leave, _meet(o - max(low, f32(-1)), d, False), _meet(o - min(high, f32(1)), d, True))
        elif axis == largest:
            sign = f32(1) if place[axis] > f32(0) else f32(-1)
            inward = low if sign > f32(0) else -high
            outward = high if sign > f32(0) else -low
            o, d = sign * o, sign * d
            leave = min(leave, _meet(o - f32(1) / (f32(2) - max(inward, f32(1))), d, False))
            if outward < f32(2):
                leave = min(leave, _meet(o - f32(1) / (f32(2) - outward), d, True))
        else:
            sign = f32(1) if place[largest] > f32(0) else f32(-1)
            ok, dk = sign * origin[largest], sign * direction[largest]
            low, high = max(low, f32(-1)), min(high, f32(1))
            leave = min(leave, _meet(o - low * ok, d - low * dk, False))
            leave = min(leave, _meet(o - high * ok, d - high * dk, True))
    return leave


@inner
def _meet(value, slope, rising):
    """Where value + t slope crosses 0, upward or downward; NEVER where it moves the other way."""
    if (slope > f32(0)) if rising else (slope < f32(0)):
        return -value / slope
    return NEVER


@inner
def _gather(slot, place, t, step, left, atlas, sums):
    """Add one step in a block to the sums, and give the light that is left.

    `step` is its length over the norm of the place, by which voxels grow with distance.
    """
    voxels, last = atlas.voxels, BLOCK - 1
    ix, iy, iz = min(np.int64(place[0]), last), min(np.int64(place[1]), last), min(np.int64(place[2]), last)
    ix, iy, iz = max(ix, 0), max(iy, 0), max(iz, 0)
    if atlas.filled[slot, (ix * BLOCK + iy) * BLOCK + iz] == 0:
        return left
    fx, fy, fz = place[0] - f32(ix), place[1] - f32(iy), place[2] - f32(iz)
    row, layer = (BLOCK + 1) * CHANNELS, (BLOCK + 1) * (BLOCK + 1) * CHANNELS
    at = ix * layer + iy * row + iz * CHANNELS
    w000, w001 = (f32(1) - fx) * (f32(1) - fy), (f32(1) - fx) * fy
    w010, w011 = fx * (f32(1) - fy), fx * fy
    ez = f32(1) - fz
    corners = (
        (at, w000 * ez), (at + CHANNELS, w000 * fz), (at + row, w001 * ez), (at + row + CHANNELS, w001 * fz),
        (at + layer, w010 * ez), (at + layer + CHANNELS, w010 * fz),
        (at + layer + row, w011 * ez), (at + layer + row + CHANNELS, w011 * fz),
    )  # fmt: skip
    level = f32(0)
    for corner, weight in corners:
        level += weight * f32(voxels[slot, corner])
    if level < atlas.cut:
        return left
    depth = exp(atlas.log_thinnest + atlas.log_per_level * level) * step * atlas.inverse_width
    lost, passed = absorb(depth)
    share = left * lost
    scale = share * f32(1 / MAX_LEVEL)
    for channel in range(CHANNELS - 1):
        value = f32(0)
        for corner, weight in corners:
            value += weight * f32(voxels[slot, corner + channel + 1])
        sums[channel] += scale * value
    sums[OPACITY] += share
    sums[DEPTH] += share * t
    return left * passed
