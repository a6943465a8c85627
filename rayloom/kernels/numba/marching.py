"""Stepping along rays on the CPU: the faster twin of `rayloom.kernels.marching`."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN202

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.marching import StepRule
from rayloom.kernels.numba.jit import kernel
from rayloom.kernels.numba.stepping import cells_of, lattice_range, march_on, ray_in_box, rule_of
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add
from rayloom.kernels.occupancy import OccupancyBits
from rayloom.types import PackedSamples

CHUNK = 64
"""Rays per block of work."""


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

    Rays are marched twice: to count, and to write where the counts say. Only so does nothing need
    room for the longest ray.
    """
    first, count = lattice(near, far, step, jitter)
    rays = (origins.detach().contiguous().numpy(), directions.detach().contiguous().numpy(), first, count)
    space = (cells_of(occupancy), rule_of(step), limit)
    offsets = np.zeros(len(first) + 1, np.int64)
    blocks = -(-len(first) // CHUNK)
    run(_count, blocks, *rays, *space, offsets)
    np.cumsum(offsets, out=offsets)
    starts, ends = np.empty((2, offsets[-1]), np.float32)
    run(_write, blocks, *rays, *space, offsets, starts, ends)
    index = np.repeat(np.arange(len(first)), np.diff(offsets))
    return PackedSamples(
        torch.from_numpy(starts), torch.from_numpy(ends), torch.from_numpy(index), len(first)
    )


def lattice(
    near: Float[Tensor, " rays"],
    far: Float[Tensor, " rays"],
    step: StepRule,
    jitter: Float[Tensor, " rays"] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Lattice coordinate of each ray's first edge, and its number of steps up to `far`."""
    first = step.u_from_t(near.detach()) + (0 if jitter is None else jitter)
    count = (step.u_from_t(far.detach()) - first).ceil().clamp(min=0).nan_to_num(0)
    return first.numpy(), count.long().numpy()


@kernel
def _count(thread, counter, origins, directions, first, count, cells, rule, limit, offsets):
    """Count each ray's samples, into the place behind its own."""
    starts, ends = np.empty(limit, np.float32), np.empty(limit, np.float32)
    while True:
        begin = fetch_add(counter, 1) * CHUNK
        if begin >= first.shape[0]:
            break
        for i in range(begin, min(begin + CHUNK, first.shape[0])):
            ray = ray_in_box(origins, directions, i, first[i], cells)
            index, end = lattice_range(ray, count[i], cells, rule)
            offsets[i + 1], _ = march_on(ray, index, end, cells, rule, starts, ends, 0, limit)


@kernel
def _write(thread, counter, origins, directions, first, count, cells, rule, limit, offsets, starts, ends):
    """Write each ray's samples to its own place."""
    while True:
        begin = fetch_add(counter, 1) * CHUNK
        if begin >= first.shape[0]:
            break
        for i in range(begin, min(begin + CHUNK, first.shape[0])):
            ray = ray_in_box(origins, directions, i, first[i], cells)
            index, end = lattice_range(ray, count[i], cells, rule)
            march_on(ray, index, end, cells, rule, starts, ends, offsets[i], offsets[i + 1] - offsets[i])
