"""From one look of a ray at voxels to the next: empty space is left in jumps over whole blocks.

Wherever one coordinate stays the largest, lines are straight in contracted space too, so that the wall of a
block is met where a linear equation says.
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

from typing import NamedTuple

import numpy as np

from rayloom.kernels.numba.jit import f32, inlined
from rayloom.kernels.numba.stepping import SLACK, Triple, t_from_u, u_from_t
from rayloom.kernels.voxels import BLOCK, CHANNELS, VoxelAtlas

VOXELS = (BLOCK + 1) ** 3
NEVER = f32(3e38)


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


class Line(NamedTuple):
    """A ray in the world, and the same in voxels from the first corner."""

    origin: Triple
    direction: Triple
    place: Triple
    slope: Triple
    inverse: Triple
    """1 / slope; 0 stands for infinity."""


def arrays_of(atlas: VoxelAtlas) -> Atlas:
    """The atlas in the form that kernels take."""
    space, scale = atlas.space, atlas.scale
    return Atlas(
        slots=atlas.slots.int().contiguous().numpy(),
        voxels=atlas.voxels.contiguous().numpy().reshape(-1),
        filled=atlas.filled.contiguous().numpy().view(np.uint8).reshape(-1),
        low=np.array(space.low, np.float32),
        width=f32(space.width),
        inverse_width=f32(1 / space.width),
        contracted=space.contracted,
        log_thinnest=f32(scale.log_thinnest),
        log_per_level=f32(scale.log_per_level),
        cut=f32(scale.cut_level),
    )


@inlined
def line_of(origins, directions, ray, atlas):
    """One ray of the arrays."""
    low, s = atlas.low, atlas.inverse_width
    o = (origins[ray, 0], origins[ray, 1], origins[ray, 2])
    d = (directions[ray, 0], directions[ray, 1], directions[ray, 2])
    place = ((o[0] - low[0]) * s, (o[1] - low[1]) * s, (o[2] - low[2]) * s)
    slope = (d[0] * s, d[1] * s, d[2] * s)
    return Line(o, d, place, slope, (_inverse(slope[0]), _inverse(slope[1]), _inverse(slope[2])))


@inlined
def _inverse(value):
    return f32(1) / value if value != f32(0) else f32(0)


@inlined
def in_bounds(line, near, far, atlas):
    """The part of a ray that is within the blocks; contracted space holds all of it."""
    if atlas.contracted:
        return near, far
    for axis in range(3):
        place, inverse = line.place[axis], line.inverse[axis]
        high = f32(BLOCK * atlas.slots.shape[axis])
        if inverse != f32(0):
            first, second = -place * inverse, (high - place) * inverse
            near, far = max(near, min(first, second)), min(far, max(first, second))
        elif place < f32(0) or place >= high:
            return f32(0), f32(0)
    return near, far


@inlined
def first_step(near, rule):
    """The first step whose midpoint is not before `near`."""
    u = f32(_next_step(near, rule))
    while f32(0.5) * (t_from_u(u, rule) + t_from_u(u + f32(1), rule)) < near:
        u += f32(1)
    return u


@inlined
def _next_step(t, rule):
    """The first step whose midpoint is not clearly before t."""
    return np.int64(np.ceil(u_from_t(t, rule) - f32(0.5) - SLACK))


@inlined
def next_look(line, u, start, far, atlas, rule):
    """The first step from u on, which begins at `start`, whose midpoint is in a cell with matter.

    Gives its u, its end and middle, its length in voxels, its block, and the place in that; a block of -1
    where there is none before `far`.
    """
    while True:
        end = t_from_u(u + f32(1), rule)
        t = f32(0.5) * (start + end)
        if not t < far:
            return u, end, t, f32(0), -1, (f32(0), f32(0), f32(0))
        norm, largest, place = _place(line, t, atlas)
        block, inside = block_of(place, atlas)
        slot = np.int64(atlas.slots[block])
        if slot >= 0:
            if atlas.filled[slot * BLOCK**3 + _cell(inside)] != 0:
                return u, end, t, (end - start) * atlas.inverse_width / norm, slot, inside
            u += f32(1)
            start = end
        else:
            if largest == LINEAR:
                leave = _leave_box(line, block, -slot - 1)
            else:
                leave = _leave(line, largest, place, block, -slot - 1, atlas)
            u = max(f32(_next_step(min(leave, far), rule)), u + f32(1))
            start = t_from_u(u, rule)


LINEAR = -2
"""In place of the largest axis: space is not contracted anywhere."""


@inlined
def _place(line, t, atlas):
    """The norm of a point of the ray, its largest axis, and where it is in voxels."""
    if not atlas.contracted:
        p, s = line.place, line.slope
        return f32(1), LINEAR, (p[0] + t * s[0], p[1] + t * s[1], p[2] + t * s[2])
    o, d = line.origin, line.direction
    x, y, z = o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2]
    ax, ay, az = abs(x), abs(y), abs(z)
    norm, largest = max(ax, ay, az), -1
    if norm > f32(1):
        scale = f32(1) / norm
        outer = f32(2) - scale
        largest = 0 if ax == norm else 1 if ay == norm else 2
        x, y, z = x * scale, y * scale, z * scale
        if largest == 0:
            x = outer if x > f32(0) else -outer
        elif largest == 1:
            y = outer if y > f32(0) else -outer
        else:
            z = outer if z > f32(0) else -outer
    low, s = atlas.low, atlas.inverse_width
    return max(norm, f32(1)), largest, ((x - low[0]) * s, (y - low[1]) * s, (z - low[2]) * s)


@inlined
def block_of(place, atlas):
    """The block of a place, and where the place is in it."""
    bx, x = _along(place[0], atlas.slots.shape[0])
    by, y = _along(place[1], atlas.slots.shape[1])
    bz, z = _along(place[2], atlas.slots.shape[2])
    return (bx, by, bz), (x, y, z)


@inlined
def _along(voxels, count):
    """The same on one axis."""
    block = min(max(np.int64(voxels * f32(1 / BLOCK)), 0), count - 1)
    return block, voxels - f32(BLOCK * block)


@inlined
def _cell(inside):
    """The number of the cell of a place in a block."""
    return (corner_along(inside[0]) * BLOCK + corner_along(inside[1])) * BLOCK + corner_along(inside[2])


@inlined
def corner_along(place):
    """The corner before a place in a block, on one axis."""
    return min(max(np.int64(place), 0), BLOCK - 1)


@inlined
def first_corner(slot, inside):
    """The byte in the atlas with which the cell of a place begins, and the shares of the way through it."""
    x, y, z = corner_along(inside[0]), corner_along(inside[1]), corner_along(inside[2])
    voxel = slot * VOXELS + (x * (BLOCK + 1) + y) * (BLOCK + 1) + z
    return voxel * CHANNELS, (inside[0] - f32(x), inside[1] - f32(y), inside[2] - f32(z))


@inlined
def _leave_box(line, block, reach):
    """Where the ray leaves the empty blocks around one, up to `reach` away, in space that has an end."""
    return min(
        wall(line.place[0], line.inverse[0], block[0], reach),
        wall(line.place[1], line.inverse[1], block[1], reach),
        wall(line.place[2], line.inverse[2], block[2], reach),
    )


@inlined
def wall(place, inverse, block, reach):
    """The same on one axis."""
    if inverse > f32(0):
        return (f32(BLOCK * (block + reach + 1)) - place) * inverse
    if inverse < f32(0):
        return (f32(BLOCK * (block - reach)) - place) * inverse
    return NEVER


@inlined
def _leave(line, largest, place, block, reach, atlas):
    """The same in contracted space, or where the ray leaves the part in which it is straight.

    A wall at c across an axis is met where x = c inside, where x = c |x_k| beside the largest axis k, and
    where |x_k| = 1 / (2 - |c|) across it.
    """
    leave = NEVER
    edge = atlas.width * f32(BLOCK)
    for axis in range(3):
        low = atlas.low[axis] + edge * f32(block[axis] - reach)
        high = atlas.low[axis] + edge * f32(block[axis] + reach + 1)
        o, d = line.origin[axis], line.direction[axis]
        if largest < 0:
            leave = min(leave, _meet(o - max(low, f32(-1)), d, False), _meet(o - min(high, f32(1)), d, True))
        elif axis == largest:
            sign = f32(1) if place[axis] * atlas.width > -atlas.low[axis] else f32(-1)
            inward = low if sign > f32(0) else -high
            outward = high if sign > f32(0) else -low
            o, d = sign * o, sign * d
            leave = min(leave, _meet(o - f32(1) / (f32(2) - max(inward, f32(1))), d, False))
            if outward < f32(2):
                leave = min(leave, _meet(o - f32(1) / (f32(2) - outward), d, True))
        else:
            sign = f32(1) if place[largest] * atlas.width > -atlas.low[largest] else f32(-1)
            ok, dk = sign * line.origin[largest], sign * line.direction[largest]
            low, high = max(low, f32(-1)), min(high, f32(1))
            leave = min(leave, _meet(o - low * ok, d - low * dk, False))
            leave = min(leave, _meet(o - high * ok, d - high * dk, True))
    return leave


@inlined
def _meet(value, slope, rising):
    """Where value + t slope crosses 0, upward or downward; NEVER where it moves the other way."""
    if (slope > f32(0)) if rising else (slope < f32(0)):
        return -value / slope
    return NEVER
