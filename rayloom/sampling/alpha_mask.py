"""A mask of where nothing is, made all at once from a field that has found its shape (Chen et al. 2022)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from rayloom.geometry.boxes import Box
from rayloom.kernels import occupancy_bits
from rayloom.sampling.occupancy import DensityFunction, OccupancyGrid

POINTS_AT_ONCE = 1 << 17


@torch.no_grad()
def mask_empty_space(
    grid: OccupancyGrid, density: DensityFunction, step_width: float, *, threshold: float
) -> Box | None:
    """Keep the cells that absorb more than this share of light in a step, and the cells next to them.

    A step is `step_width` long in the innermost box and twice as long in each following one. The box around
    all kept cells comes back; where no cell would be kept, the grid stays as it is and None comes back.
    """
    alpha = torch.stack([_alpha(grid, density, step_width, k) for k in range(len(grid.optical_depth))])
    # The largest of 3 x 3 x 3 cells: matter may lie beside the middle of a cell, and may still move a little.
    occupied = functional.max_pool3d(alpha[None], 3, stride=1, padding=1)[0] > threshold
    if not occupied.any():
        return None
    packed = occupancy_bits(occupied, grid.center, grid.half_size)
    grid.bits.copy_(packed.bits)
    grid.blocks.copy_(packed.blocks)
    return _box_around(grid, occupied)


def _alpha(
    grid: OccupancyGrid, density: DensityFunction, step_width: float, cascade: int
) -> Float[Tensor, "r r r"]:
    """Share of light that a step in the middle of each cell of a box absorbs."""
    r, device = grid.resolution, grid.bits.device
    middles = (torch.arange(r, device=device) + 0.5) * (2 / r) - 1
    unit = torch.stack(torch.meshgrid(middles, middles, middles, indexing="ij"), dim=-1).reshape(-1, 3)
    half = torch.tensor(grid.half_size, device=device) * 2.0**cascade
    points = torch.tensor(grid.center, device=device) + unit * half
    parts = torch.split(points, POINTS_AT_ONCE)
    seen = torch.cat([density(part) for part in parts])
    return -torch.expm1(-seen * (step_width * 2.0**cascade)).reshape(r, r, r)


def _box_around(grid: OccupancyGrid, occupied: Bool[Tensor, "cascades r r r"]) -> Box:
    """The smallest box that holds all occupied cells, whichever box they are of."""
    cascade, *cell = occupied.nonzero().unbind(-1)
    place = torch.stack(cell, dim=-1)
    half = torch.tensor(grid.half_size, device=occupied.device) * torch.exp2(cascade)[:, None]
    center = torch.tensor(grid.center, device=occupied.device)
    low, high = (center + ((place + side) * (2 / grid.resolution) - 1) * half for side in (0, 1))
    return Box(low.amin(0), high.amax(0))
