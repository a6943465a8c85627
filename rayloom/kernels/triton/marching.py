"""Stepping along rays on CUDA: the faster twin of `rayloom.kernels.marching`."""

# Triton infers the types in kernels.
# ruff: noqa: ANN001, ANN202

import torch
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.marching import StepRule
from rayloom.kernels.occupancy import OccupancyBits
from rayloom.kernels.triton.jit import kernel, launch, num_blocks
from rayloom.kernels.triton.stepping import (
    box_of,
    empty_until,
    lattice_index,
    lattice_range,
    ray_in_box,
    rule_of,
    t_from_u,
)
from rayloom.types import PackedSamples

BLOCK = 32
"""Rays per program: one for each thread of a warp, so that few rays wait for the longest beside them."""
MOST_STEPS = 2e9
"""Lattice positions are 32 bits wide."""


@torch.no_grad()
def march(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    occupancy: OccupancyBits,
    step: StepRule,
    jitter: Float[Tensor, " rays"] | None = None,
    *,
    limit: int = 1024,
) -> PackedSamples:
    """The intervals between near and far whose midpoints lie in occupied cells.

    Rays are marched twice: to count, and to write where the sums of the counts say. In between, the
    host waits for their total, which is the size of the result.
    """
    first = step.u_from_t(near) + (0 if jitter is None else jitter)
    count = (step.u_from_t(far) - first).ceil().nan_to_num(0).clamp(0, MOST_STEPS).int()
    edges = torch.zeros(len(near) + 1, dtype=torch.int64, device=near.device)
    rays = origins.contiguous(), directions.contiguous(), first, count, edges
    cells = occupancy.bits.contiguous(), occupancy.blocks.contiguous(), box_of(occupancy), rule_of(step)
    programs, sizes = (num_blocks(len(near), BLOCK),), (len(near), limit)
    tile = {"BLOCK": BLOCK, "num_warps": 1}
    launch(_march, programs, *rays, *cells, *sizes, None, None, None, WRITE=False, **tile)
    edges = edges.cumsum(0)
    total = int(edges[-1])
    starts, ends = origins.new_empty(2, total)
    ray_index = edges.new_empty(total)
    rays = *rays[:-1], edges
    launch(_march, programs, *rays, *cells, *sizes, starts, ends, ray_index, WRITE=True, **tile)
    return PackedSamples(starts, ends, ray_index, len(near))


@kernel
def _march(
    origins, directions, first, count, edges, bits, blocks, box, rule, num_rays, limit,
    starts, ends, ray_index,
    BLOCK: tl.constexpr, WRITE: tl.constexpr,
):  # fmt: skip
    """Write each ray's samples to its own place or, before these places are known, their number.

    Empty space is left cell by cell, or block by block where a whole block is empty.
    """
    ray = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    held = ray < num_rays
    place, velocity = ray_in_box(origins, directions, ray, held, box)
    lattice = tl.load(first + ray, mask=held, other=0.0)
    steps = tl.load(count + ray, mask=held, other=0)
    index, end = lattice_range(place, velocity, lattice, steps, box, rule)
    at, room = _room(edges, ray, held, limit, WRITE)
    last = at + room
    active = (index < end) & (at < last)
    while tl.max(active.to(tl.int32), axis=0) > 0:
        u = lattice + index
        start, stop = t_from_u(u, rule), t_from_u(u + 1, rule)
        leave = empty_until(
            place, velocity, 0.5 * (start + stop), stop - start, active, bits, blocks, box, rule
        )
        kept = active & (leave < 0)
        if WRITE:
            tl.store(starts + at, start, mask=kept)
            tl.store(ends + at, stop, mask=kept)
            tl.store(ray_index + at, ray, mask=kept)
        at += kept.to(tl.int64)
        index = tl.maximum(index + 1, tl.where(kept, 0, lattice_index(leave, lattice, rule)))
        active = (index < end) & (at < last)
    if not WRITE:
        tl.store(edges + ray + 1, at, mask=held)


@kernel
def _room(edges, ray, held, limit, WRITE: tl.constexpr):
    """Where each ray's samples begin, and how many there may be."""
    if WRITE:
        begin = tl.load(edges + ray, mask=held, other=0)
        return begin, tl.load(edges + ray + 1, mask=held, other=0) - begin
    else:
        return tl.zeros_like(ray), tl.zeros_like(ray) + limit
