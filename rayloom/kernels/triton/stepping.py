"""Stepping along rays through occupied cells, one ray for each lane: what `march` is made of."""

# Triton infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

import math
from typing import NamedTuple

import triton.language as tl

from rayloom.kernels import occupancy
from rayloom.kernels.marching import StepRule
from rayloom.kernels.triton.jit import kernel

BLOCK = tl.constexpr(occupancy.BLOCK)
SLACK = tl.constexpr(0.05)
"""Share of a step by which a jump over empty space may fall short: rounding must not jump too far."""
FAR = tl.constexpr(1e30)
"""Farther than any wall."""
MANY = tl.constexpr(2e9)
"""More steps than any ray has; fits into 32 bits."""


class Rule(NamedTuple):
    """A `StepRule` in numbers that float32 holds."""

    smallest: float
    largest: float
    t_grow: float
    u_grow: float
    t_end: float
    u_end: float
    log_growth: float
    inverse_growth: float
    """The distance at which steps have length one, if they grow so long."""


class Box(NamedTuple):
    """The innermost box of an `OccupancyBits`, and how many there are."""

    center: tuple[float, float, float]
    inverse_half_size: tuple[float, float, float]
    cell_width: float
    cells_per_width: float
    """Of lookups, in which a step as long as a cell counts as shorter."""
    resolution: int
    num_cascades: int


def rule_of(step: StepRule) -> Rule:
    """The rule in the form that kernels take. Equal steps are steps that begin to grow at 3e38."""
    t_grow, u_grow, t_end, u_end = (min(knot, 3e38) for knot in step.knots)
    log_growth, inverse = (math.log1p(step.growth), 1 / step.growth) if step.growth > 0 else (1.0, 1e20)
    return Rule(step.smallest, step.largest, t_grow, u_grow, t_end, u_end, log_growth, inverse)


def box_of(cells: occupancy.OccupancyBits) -> Box:
    """The boxes in the form that kernels take."""
    x, y, z = cells.half_size
    widths = cells.cell_width, occupancy.SHORTER / cells.cell_width
    return Box(cells.center, (1 / x, 1 / y, 1 / z), *widths, cells.resolution, cells.num_cascades)


@kernel
def t_from_u(u, rule):
    """Distance of a lattice coordinate."""
    grown = tl.exp((tl.minimum(tl.maximum(u, rule.u_grow), rule.u_end) - rule.u_grow) * rule.log_growth)
    return tl.minimum(u, rule.u_grow) * rule.smallest * grown + tl.maximum(u - rule.u_end, 0.0) * rule.largest


@kernel
def u_from_t(t, rule):
    """Lattice coordinate of a distance."""
    grown = tl.log(tl.minimum(tl.maximum(t, rule.t_grow), rule.t_end) / rule.t_grow) / rule.log_growth
    return tl.minimum(t, rule.t_grow) / rule.smallest + grown + tl.maximum(t - rule.t_end, 0.0) / rule.largest


@kernel
def lattice_index(t, first, rule):
    """The first step whose midpoint is not clearly before t."""
    index = tl.ceil(u_from_t(t, rule) - first - 0.5 - SLACK)
    return tl.where(index > 0, tl.minimum(index, MANY), 0.0).to(tl.int32)


@kernel
def ray_in_box(origins, directions, ray, held, box):
    """Where rays begin and how they move, in units of the innermost box."""
    x, vx = _along(origins + 3 * ray, directions + 3 * ray, held, box.center[0], box.inverse_half_size[0])
    y, vy = _along(
        origins + 3 * ray + 1, directions + 3 * ray + 1, held, box.center[1], box.inverse_half_size[1]
    )
    z, vz = _along(
        origins + 3 * ray + 2, directions + 3 * ray + 2, held, box.center[2], box.inverse_half_size[2]
    )
    return (x, y, z), (vx, vy, vz)


@kernel
def _along(origins, directions, held, center, inverse):
    place = (tl.load(origins, mask=held, other=0.0) - center) * inverse
    return place, tl.load(directions, mask=held, other=0.0) * inverse


@kernel
def lattice_range(place, velocity, first, count, box, rule):
    """The part of 0..count in which rays are inside the outermost box; nothing where one is no number."""
    half = _power_of_two(tl.zeros_like(count) + box.num_cascades - 1)
    enter_x, leave_x = _slab(place[0], velocity[0], half)
    enter_y, leave_y = _slab(place[1], velocity[1], half)
    enter_z, leave_z = _slab(place[2], velocity[2], half)
    enter = tl.maximum(tl.maximum(enter_x, enter_y), tl.maximum(enter_z, 0.0))
    leave = tl.minimum(tl.minimum(leave_x, leave_y), tl.minimum(leave_z, FAR))
    end = tl.minimum(count, lattice_index(leave, first, rule) + 2)
    return lattice_index(enter, first, rule), tl.where(enter < leave, end, 0)


@kernel
def _slab(place, velocity, half):
    """Distances at which rays enter and leave the outermost box along one axis."""
    still = velocity == 0
    inverse = 1 / tl.where(still, 1.0, velocity)
    low, high = (-half - place) * inverse, (half - place) * inverse
    # Asked first: on a GPU, minimum and maximum drop what is no number.
    meets = (tl.abs(place) < FAR) & (tl.abs(velocity) < FAR) & ((tl.abs(place) < half) | (velocity != 0))
    enter, leave = tl.where(still, 0.0, tl.minimum(low, high)), tl.where(still, FAR, tl.maximum(low, high))
    return tl.where(meets, enter, FAR), leave


@kernel
def empty_until(place, velocity, t, width, active, bits, blocks, box, rule):
    """Up to where the cell or block around the point at t is empty; -1 if it is occupied."""
    x, y, z = place[0] + t * velocity[0], place[1] + t * velocity[1], place[2] + t * velocity[2]
    by_place = tl.maximum(_exponent(tl.maximum(tl.maximum(tl.abs(x), tl.abs(y)), tl.abs(z))), 0)
    inside = active & (by_place < box.num_cascades)
    last = box.num_cascades - 1
    cascade = tl.minimum(tl.maximum(by_place, _exponent(width * box.cells_per_width)), last)
    half = box.resolution * 0.5
    scale = _power_of_two(-cascade) * half
    x, y, z = x * scale + half, y * scale + half, z * scale + half
    cell_x, cell_y, cell_z = _cell(x, box), _cell(y, box), _cell(z, box)
    filled = _block_is_filled(blocks, cascade, cell_x, cell_y, cell_z, inside, box)
    occupied = _cell_is_occupied(bits, cascade, cell_x, cell_y, cell_z, filled, box)
    leave_x = _to_wall(x, cell_x, velocity[0] * scale, filled)
    leave_y = _to_wall(y, cell_y, velocity[1] * scale, filled)
    leave = t + tl.minimum(tl.minimum(leave_x, leave_y), _to_wall(z, cell_z, velocity[2] * scale, filled))
    # Longer steps ask a coarser box, in which this place may count as occupied.
    coarser = box.cell_width * _power_of_two(cascade) * rule.inverse_growth
    leave = tl.where(cascade < last, tl.minimum(leave, coarser), leave)
    return tl.where(occupied, -1.0, tl.where(inside, tl.maximum(leave, 0.0), 0.0))


@kernel
def _cell(coordinate, box):
    """The cell of a coordinate in units of cells."""
    return tl.where(coordinate > 0, tl.minimum(coordinate, box.resolution - 1.0), 0.0).to(tl.int32)


@kernel
def _block_is_filled(blocks, cascade, x, y, z, inside, box):
    """Whether any cell of the block around a cell is occupied."""
    side = box.resolution // BLOCK
    index = ((cascade.to(tl.int64) * side + x // BLOCK) * side + y // BLOCK) * side + z // BLOCK
    return inside & (tl.load(blocks + index, mask=inside, other=0) != 0)


@kernel
def _cell_is_occupied(bits, cascade, x, y, z, filled, box):
    """Whether a cell of a block with occupied cells is one of these."""
    side = box.resolution
    index = ((cascade.to(tl.int64) * side + x) * side + y) * side + z
    byte = tl.load(bits + (index >> 3), mask=filled, other=0).to(tl.int32)
    return ((byte >> (index & 7).to(tl.int32)) & 1) == 1


@kernel
def _to_wall(place, cell, velocity, filled):
    """Distance along the ray to the wall of a cell, or of its empty block, on one axis."""
    low = tl.where(filled, cell, cell // BLOCK * BLOCK)
    wall = tl.where(velocity > 0, low + tl.where(filled, 1, BLOCK), low).to(tl.float32)
    return tl.where(velocity == 0, FAR, (wall - place) / tl.where(velocity == 0, 1.0, velocity))


@kernel
def _exponent(x):
    """The e with 2^(e-1) <= x < 2^e, for x > 0; hugely negative for 0."""
    return ((x.to(tl.int32, bitcast=True) >> 23) & 255) - 126


@kernel
def _power_of_two(exponent):
    """2^exponent, exactly."""
    return ((exponent + 127) << 23).to(tl.float32, bitcast=True)
