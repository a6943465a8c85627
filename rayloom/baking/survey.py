"""Where a field has matter: from probes of whole blocks to the voxels that are kept."""

from collections.abc import Callable
from itertools import product

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from rayloom.baking.blocks import Blocks, cells_with, corners_of, spread
from rayloom.kernels.voxels import BLOCK, DensityScale, VoxelSpace

PROBES = 4
"""Probes of a block along each axis; matter thinner than two voxels can slip through between them."""
POINTS_AT_ONCE = 1 << 17

DensityFunction = Callable[[Float[Tensor, "n 3"]], Float[Tensor, " n"]]
Tell = Callable[[float], None]
"""Hears which share of the work is done."""


@torch.no_grad()
def probed_blocks(
    density: DensityFunction,
    space: VoxelSpace,
    scale: DensityScale,
    within: Bool[Tensor, "x y z"],
    tell: Tell,
) -> Blocks:
    """Blocks among some where a probe finds matter."""
    everywhere = Blocks.of(within)
    generator = torch.Generator().manual_seed(0)
    cells = torch.stack(torch.meshgrid(*[torch.arange(PROBES)] * 3, indexing="ij"), dim=-1).reshape(-1, 3)
    step = POINTS_AT_ONCE // len(cells)
    found = torch.zeros(len(everywhere), dtype=torch.bool)
    for start in range(0, len(everywhere), step):
        corner = everywhere.places[start : start + step, None] * BLOCK
        # Probes at random places of equal parts do not fall into step with the field's own grid.
        inside = (cells + torch.rand(len(corner), *cells.shape, generator=generator)) * (BLOCK / PROBES)
        depth = optical_depth(density, space, (corner + inside).reshape(-1, 3))
        found[start : start + step] = (depth.view(len(corner), -1) >= scale.cut).any(1)
        tell(min(start + step, len(everywhere)) / len(everywhere))
    kept = torch.zeros(space.blocks, dtype=torch.bool)
    kept[tuple(everywhere.places[found].T)] = True
    return Blocks.of(kept)


def neighbours(
    space: VoxelSpace,
    blocks: Blocks,
    dense: Bool[Tensor, "blocks 8 8 8"],
    within: Bool[Tensor, "x y z"],
) -> Blocks:
    """Further blocks among some that share a cell with dense corners of known ones."""
    wanted = torch.zeros(space.blocks, dtype=torch.bool)
    size = torch.tensor(space.blocks)
    sides = {-1: slice(0, 1), 0: slice(0, BLOCK), 1: slice(BLOCK - 1, BLOCK)}
    for step in product(sides, repeat=3):
        touched = dense[(slice(None), *(sides[side] for side in step))].flatten(1).any(1)
        places = blocks.places[touched] + torch.tensor(step)
        places = places[((places >= 0) & (places < size)).all(-1)]
        wanted[tuple(places.T)] = True
    return Blocks.of(wanted & (blocks.numbers < 0) & within)


@torch.no_grad()
def density_levels(
    density: DensityFunction,
    space: VoxelSpace,
    scale: DensityScale,
    blocks: Blocks,
    chosen: Int[Tensor, " n"],
) -> UInt8[Tensor, "n 8 8 8"]:
    """The byte of density at the corners of some of the blocks."""
    places = blocks.corners(chosen)
    parts = [
        scale.levels(optical_depth(density, space, part)).to(torch.uint8)
        for part in places.reshape(-1, 3).split(POINTS_AT_ONCE)
    ]
    return torch.cat(parts).view(places.shape[:-1])


def optical_depth(
    density: DensityFunction, space: VoxelSpace, places: Float[Tensor, "n 3"]
) -> Float[Tensor, " n"]:
    """Of the width of a voxel, at places in voxels; 0 where space has come to its end."""
    points = space.world_from_grid(places)
    depth = density(points).cpu() * space.grid_from_world(points)[1]
    return torch.where(_beyond(space, places), 0, depth)


def kept_corners(
    levels: UInt8[Tensor, "blocks 8 8 8"], blocks: Blocks, scale: DensityScale
) -> Bool[Tensor, "blocks 8 8 8"]:
    """Corners of the cells in which there is matter."""
    return corners_of(blocks, cells_with(blocks, levels >= scale.cut_level))


def blocks_near(space: VoxelSpace, known: VoxelSpace, places: Int[Tensor, "n 3"]) -> Bool[Tensor, "x y z"]:
    """The blocks of a space that lie near places in voxels of another one, which are twice as wide at least.

    Matter that the coarser space has shown may end up to two of its voxels off.
    """
    kept = torch.zeros([BLOCK * count + 1 for count in known.blocks], dtype=torch.bool)
    kept[tuple(places.T)] = True
    kept = spread(spread(kept))
    found = torch.zeros(space.blocks, dtype=torch.bool)
    for step in product((0.0, 0.5, 1.0), repeat=3):
        chosen = []
        for axis, count in enumerate(space.blocks):
            along = space.low[axis] + space.width * BLOCK * (torch.arange(count) + step[axis])
            nearest = ((along - known.low[axis]) / known.width).round().long()
            chosen.append(nearest.clamp(0, kept.shape[axis] - 1))
        found |= kept[torch.meshgrid(*chosen, indexing="ij")]
    return found


def in_space(space: VoxelSpace) -> Bool[Tensor, "x y z"]:
    """The blocks that some point of the world is in: of contracted space, no block off all axes."""
    axes = [torch.arange(count) for count in space.blocks]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    if not space.contracted:
        return torch.ones(space.blocks, dtype=torch.bool)
    # The blocks that begin at 1 hold the last corners of those that end there.
    corner = space.width * BLOCK * places - 2
    outside = (corner > 1 + space.width / 2) | (corner < -1 - space.width / 2)
    return outside.sum(-1) <= 1


def _beyond(space: VoxelSpace, places: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
    """What no point of the world is at: the corners of contracted space, and its last face."""
    points = (space.width * places + places.new_tensor(space.low)).abs()
    outside = (points > 1 + 1e-4 * space.width).sum(-1) > 1
    return (outside | (points >= 2 - 0.5 * space.width).any(-1)) & space.contracted
