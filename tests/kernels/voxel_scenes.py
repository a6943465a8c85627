"""Small atlases to trace rays through."""

import torch

from rayloom.baking.blocks import Blocks, atlas_of
from rayloom.kernels.voxels import DensityScale, VoxelAtlas, VoxelSpace

SCALE = DensityScale()
BOX = VoxelSpace((-1.0, -0.5, -1.25), 1 / 16, (4, 3, 5), contracted=False)
ENDLESS = VoxelSpace((-2.0, -2.0, -2.0), 1 / 16, (8, 8, 8), contracted=True)


def sparse_atlas(space: VoxelSpace, share: float, seed: int = 0) -> VoxelAtlas:
    """Some blocks, with thin to dense matter of any colour; density changes little from voxel to voxel."""
    generator = torch.Generator().manual_seed(seed)
    blocks = Blocks.of(torch.rand(space.blocks, generator=generator) < share)
    values = torch.randint(0, 256, (len(blocks), 8, 8, 8, 12), generator=generator, dtype=torch.uint8)
    values[..., 0] = values[..., 0] // 4 + 100
    return atlas_of(blocks, values, space, SCALE)


def rays_through(
    count: int, spread: float, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Origins, directions, near and far of rays from everywhere to everywhere."""
    generator = torch.Generator().manual_seed(seed)
    origins = spread * torch.randn(count, 3, generator=generator)
    targets = torch.randn(count, 3, generator=generator)
    directions = torch.nn.functional.normalize(targets - origins, dim=-1)
    return origins, directions, torch.full((count,), 0.02), torch.full((count,), 30.0)
