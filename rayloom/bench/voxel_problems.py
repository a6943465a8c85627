"""The kernels of baked scenes: what rays gather, and how that changes with the voxels."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rayloom.baking.blocks import Blocks, atlas_of, rows_of
from rayloom.bench.limits import Limits
from rayloom.bench.problem import Problem, copied
from rayloom.bench.timing import Effort
from rayloom.kernels import StepRule
from rayloom.kernels.dispatch import Implementation
from rayloom.kernels.voxels import (
    CHANNELS,
    DensityScale,
    VoxelAtlas,
    VoxelSpace,
    trace_voxels,
    voxel_gradients,
)

BLOCKS = 8
VOXELS = 8 * BLOCKS
"""Along each axis, and looks of a ray."""
STOP = 1e-3


def trace_voxels_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Rays straight through a cube of thin matter; every look reads eight corners."""
    (atlas, _), rays, step = _cube(device), _rays(device, effort), StepRule(1 / VOXELS)
    looks = len(rays[2]) * VOXELS
    return Problem(
        *("trace_voxels", trace_voxels, rays, looks, "looks"),
        lambda chosen: lambda: trace_voxels(*rays, atlas, step, STOP, implementation=chosen),
        *(copied(limits, 8 * CHANNELS, looks), "copying bytes"),
    )


def voxel_gradients_backward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """The same, back to the corners; every look reads eight corners and adds real numbers to eight rows."""
    (atlas, rows), rays, step = _cube(device), _rays(device, effort), StepRule(1 / VOXELS)
    looks, count = len(rays[2]) * VOXELS, (VOXELS + 1) ** 3
    grads = (torch.rand(len(rays[2]), CHANNELS - 1, device=device), torch.rand(len(rays[2]), device=device))

    def call(chosen: Implementation) -> Callable[[], object]:
        return lambda: voxel_gradients(*rays, *grads, atlas, rows, count, step, STOP, implementation=chosen)

    return Problem(
        *("voxel_gradients", voxel_gradients, (*rays, *grads), looks, "looks"),
        *(call, copied(limits, 8 * CHANNELS * (1 + 4), looks), "copying bytes"),
    )


def _cube(device: torch.device) -> tuple[VoxelAtlas, Tensor]:
    """A cube of thin matter, and rows for its corners."""
    space = VoxelSpace((0.0, 0.0, 0.0), 1 / VOXELS, (BLOCKS, BLOCKS, BLOCKS), contracted=False)
    scale, blocks = DensityScale(), Blocks.of(torch.ones(BLOCKS, BLOCKS, BLOCKS, dtype=torch.bool))
    voxels = torch.full((len(blocks), 8, 8, 8, CHANNELS), math.ceil(scale.cut_level) + 1, dtype=torch.uint8)
    rows = rows_of(blocks, voxels[..., 0], scale)
    return atlas_of(blocks, voxels, space, scale).to(device), rows.to(device)


def _rays(device: torch.device, effort: Effort) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Origins, directions, near and far of rays along z from random places of a face."""
    n = max(effort.items // VOXELS, 1)
    origins, ahead = torch.rand(n, 3, device=device), torch.zeros(n, 3, device=device)
    origins[:, 2], ahead[:, 2] = -1.0, 1.0
    return origins, ahead, torch.ones(n, device=device), torch.full((n,), 2.0, device=device)
