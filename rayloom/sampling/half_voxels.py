"""Rays through grids of voxels: steps of half a voxel, inside the box alone where it is all there is."""

import torch

from rayloom.geometry.boxes import Box
from rayloom.kernels import StepRule, march
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import PackedSamples, Rays

MOST_STEPS = 4096
"""Of one ray."""


def half_voxel_steps(voxel_width: float, *, contracted: bool) -> StepRule:
    """Steps that grow with the distance where there is no end, as contracted voxels do."""
    step = 0.5 * voxel_width
    return StepRule(step, growth=step / 2 if contracted else 0.0)


@torch.no_grad()
def march_voxels(
    rays: Rays, mask: OccupancyGrid, steps: StepRule, box: Box | None, *, jitter: bool
) -> PackedSamples:
    """Steps through what a mask says may hold matter, and through nothing outside of a box; None for no end.

    With `jitter` each ray's first step begins anywhere within it, else in its middle.
    """
    near, far = rays.near, rays.far
    if box is not None:
        enter, leave = box.intersect(rays.origins, rays.directions)
        near, far = torch.maximum(near, enter), torch.minimum(far, leave)
    first = torch.rand_like(near) if jitter else torch.full_like(near, 0.5)
    return march(rays.origins, rays.directions, near, far, mask.occupancy, steps, first, limit=MOST_STEPS)
