"""Stepping along one ray through occupied cells: the part shared by `march` and the fused kernels."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

import math
from typing import NamedTuple

import numpy as np

from rayloom.kernels.marching import StepRule
from rayloom.kernels.numba.elementary import exp, exponent
from rayloom.kernels.numba.jit import f32, inner
from rayloom.kernels.occupancy import BLOCK, SHORTER, OccupancyBits

LOG2_BLOCK = BLOCK.bit_length() - 1

SLACK = f32(0.05)
"""Share of a step by which a jump over empty space may fall short: rounding must not jump too far."""


class Rule(NamedTuple):
    """A `StepRule` in float32."""

    smallest: np.float32
    growth: np.float32
    largest: np.float32
    t_grow: np.float32
    u_grow: np.float32
    t_end: np.float32
    u_end: np.float32
    log_growth: np.float32


class Cells(NamedTuple):
    """An `OccupancyBits` in arrays."""

    bits: np.ndarray
    blocks: np.ndarray
    center: np.ndarray
    inverse_half_size: np.ndarray
    resolution: int
    cell_width: np.float32


Triple = tuple[np.float32, np.float32, np.float32]


class Ray(NamedTuple):
    """A ray in units of the innermost box, and the lattice coordinate of its first edge."""

    place: Triple
    direction: Triple
    inverse: Triple
    """1 / direction; 0 stands for infinity."""
    first: np.float32


def rule_of(step: StepRule) -> Rule:
    """The rule in the form that kernels take."""
    knots = np.minimum(step.knots, 3e38)
    return Rule(
        *(f32(v) for v in (step.smallest, step.growth, step.largest, *knots, math.log1p(step.growth)))
    )


def cells_of(occupancy: OccupancyBits) -> Cells:
    """The occupancy in the form that kernels take."""
    center, half_size = (np.array(v, np.float32) for v in (occupancy.center, occupancy.half_size))
    bits, blocks = occupancy.bits.contiguous().numpy(), occupancy.blocks.contiguous().numpy()
    return Cells(bits, blocks, center, 1 / half_size, occupancy.resolution, f32(occupancy.cell_width))


@inner
def t_from_u(u, rule):
    """Distance of a lattice coordinate."""
    if u <= rule.u_grow:
        return u * rule.smallest
    grown = rule.t_grow * exp((min(u, rule.u_end) - rule.u_grow) * rule.log_growth)
    return grown + max(u - rule.u_end, f32(0)) * rule.largest


@inner
def u_from_t(t, rule):
    """Lattice coordinate of a distance."""
    if t <= rule.t_grow:
        return t / rule.smallest
    grown = f32(math.log(min(t, rule.t_end) / rule.t_grow)) / rule.log_growth
    return rule.u_grow + grown + max(t - rule.t_end, f32(0)) / rule.largest


@inner
def ray_in_box(origins, directions, index, first, cells):
    """One ray of the arrays."""
    c, s = cells.center, cells.inverse_half_size
    x, y, z = origins[index, 0] - c[0], origins[index, 1] - c[1], origins[index, 2] - c[2]
    place = (x * s[0], y * s[1], z * s[2])
    direction = (directions[index, 0] * s[0], directions[index, 1] * s[1], directions[index, 2] * s[2])
    inverse = (_inverse(direction[0]), _inverse(direction[1]), _inverse(direction[2]))
    return Ray(place, direction, inverse, first)


@inner
def _inverse(value):
    return f32(1) / value if value != f32(0) else f32(0)


@inner
def lattice_range(ray, count, cells, rule):
    """The part of 0..count in which the ray is inside the outermost box."""
    half = f32(1 << (cells.bits.shape[0] - 1))
    enter, leave = f32(0), f32(3e38)
    for axis in range(3):
        place, direction = ray.place[axis], ray.direction[axis]
        if direction != f32(0):
            low, high = (-half - place) * ray.inverse[axis], (half - place) * ray.inverse[axis]
            enter, leave = max(enter, min(low, high)), min(leave, max(low, high))
        elif abs(place) >= half:
            return 0, 0
    if not enter < leave:
        return 0, 0
    begin = lattice_index(enter, ray, rule)
    if leave < t_from_u(ray.first + f32(count), rule):
        count = min(count, lattice_index(leave, ray, rule) + 2)
    return begin, count


@inner
def lattice_index(t, ray, rule):
    """The first step whose midpoint is not clearly before t."""
    return max(np.int64(math.ceil(u_from_t(t, rule) - ray.first - f32(0.5) - SLACK)), 0)


@inner
def march_on(ray, index, end, cells, rule, starts, ends, at, capacity):
    """Write up to `capacity` occupied steps from lattice position `index`; give their number and the next.

    Empty space is left cell by cell, or block by block where a whole block is empty.
    """
    found = 0
    while index < end and found < capacity:
        start, stop = t_from_u(ray.first + f32(index), rule), t_from_u(ray.first + f32(index + 1), rule)
        leave = empty_until(ray, f32(0.5) * (start + stop), stop - start, cells, rule)
        if leave < f32(0):
            starts[at + found] = start
            ends[at + found] = stop
            found += 1
            index += 1
        else:
            index = max(lattice_index(leave, ray, rule), index + 1)
    return found, index


@inner
def empty_until(ray, t, width, cells, rule):
    """Up to where the cell or block around the point at t is empty; -1 if it is occupied."""
    x = ray.place[0] + t * ray.direction[0]
    y = ray.place[1] + t * ray.direction[1]
    z = ray.place[2] + t * ray.direction[2]
    num_cascades, resolution = cells.bits.shape[0], cells.resolution
    by_place = max(exponent(max(abs(x), abs(y), abs(z))), 0)
    if by_place >= num_cascades:
        return f32(0)
    cascade = min(max(by_place, exponent(width * f32(SHORTER) / cells.cell_width)), num_cascades - 1)
    half = f32(resolution) * f32(0.5)
    scale = half / f32(1 << cascade)
    x, y, z = x * scale + half, y * scale + half, z * scale + half
    last = resolution - 1
    cx, cy, cz = (
        min(max(np.int64(x), 0), last),
        min(max(np.int64(y), 0), last),
        min(max(np.int64(z), 0), last),
    )
    blocks = resolution // BLOCK
    edge = 1
    block = ((cx >> LOG2_BLOCK) * blocks + (cy >> LOG2_BLOCK)) * blocks + (cz >> LOG2_BLOCK)
    if cells.blocks[cascade, block] == 0:
        edge = BLOCK
    else:
        cell = (cx * resolution + cy) * resolution + cz
        if (cells.bits[cascade, cell >> 3] >> (cell & 7)) & 1:
            return f32(-1)
    leave = to_wall(x, cx, ray.direction[0], ray.inverse[0], edge)
    leave = min(leave, to_wall(y, cy, ray.direction[1], ray.inverse[1], edge))
    leave = min(leave, to_wall(z, cz, ray.direction[2], ray.inverse[2], edge))
    leave = t + leave / scale
    # Longer steps ask a coarser box, in which this place may count as occupied.
    if rule.growth > f32(0) and cascade < num_cascades - 1:
        leave = min(leave, cells.cell_width * f32(1 << cascade) / rule.growth)
    return max(leave, f32(0))


@inner
def to_wall(place, cell, direction, inverse, edge):
    """From a place to the wall of its cell, or of its block of `edge` cells, on one axis, over the direction.

    `edge` is a power of two, which spares a division of integers, the slowest of instructions.
    """
    low = cell & -edge
    if direction > f32(0):
        return (f32(low + edge) - place) * inverse
    if direction < f32(0):
        return (f32(low) - place) * inverse
    return f32(3e38)
