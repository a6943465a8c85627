"""The kernel that renders baked scenes."""

import math

import torch

from rayloom.baking.blocks import Blocks, atlas_of
from rayloom.bench.limits import Limits
from rayloom.bench.problem import Problem, copied
from rayloom.bench.timing import Effort
from rayloom.kernels import StepRule
from rayloom.kernels.voxels import CHANNELS, DensityScale, VoxelSpace, trace_voxels

BLOCKS = 8
VOXELS = 8 * BLOCKS
"""Along each axis, and looks of a ray."""
STOP = 1e-3


def trace_voxels_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Rays straight through a cube of thin matter; every look reads eight corners."""
    space, scale = (
        VoxelSpace((0.0, 0.0, 0.0), 1 / VOXELS, (BLOCKS, BLOCKS, BLOCKS), contracted=False),
        DensityScale(),
    )
    blocks = Blocks.of(torch.ones(BLOCKS, BLOCKS, BLOCKS, dtype=torch.bool))
    voxels = torch.full((len(blocks), 8, 8, 8, CHANNELS), math.ceil(scale.cut_level) + 1, dtype=torch.uint8)
    atlas, step = atlas_of(blocks, voxels, space, scale).to(device), StepRule(1 / VOXELS)
    n = max(effort.items // VOXELS, 1)
    origins, ahead = torch.rand(n, 3, device=device), torch.zeros(n, 3, device=device)
    origins[:, 2], ahead[:, 2] = -1.0, 1.0
    rays = (origins, ahead, torch.ones(n, device=device), torch.full((n,), 2.0, device=device))
    looks = n * VOXELS
    return Problem(
        *("trace_voxels", trace_voxels, rays, looks, "looks"),
        lambda chosen: lambda: trace_voxels(*rays, atlas, step, STOP, implementation=chosen),
        *(copied(limits, 8 * CHANNELS, looks), "copying bytes"),
    )
