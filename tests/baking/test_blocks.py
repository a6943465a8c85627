"""Blocks and their neighbours, against one dense array of all corners."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rayloom.baking.blocks import Blocks, atlas_of, cells_with, corners_of, rows_of, voxel_space
from rayloom.kernels.voxels import DensityScale, VoxelSpace
from tests.methods.ball import OBJECT, UNBOUNDED

SIZE = (3, 2, 4)
SPACE = VoxelSpace((0.0, 0.0, 0.0), 1.0, SIZE, contracted=False)


def some_blocks(seed: int, share: float = 0.5) -> Blocks:
    return Blocks.of(torch.rand(SIZE, generator=torch.Generator().manual_seed(seed)) < share)


def dense(blocks: Blocks, values: Tensor) -> Tensor:
    """All corners of space in one array, 0 where there is no block, with one more 0 along each axis."""
    whole = values.new_zeros([8 * n + 1 for n in SIZE])
    for (x, y, z), block in zip((8 * blocks.places).tolist(), values, strict=True):
        whole[x : x + 8, y : y + 8, z : z + 8] = block
    return whole


@given(seed=st.integers(0, 100))
@settings(max_examples=10)
def test_a_block_knows_the_corners_behind_and_before_it(seed: int) -> None:
    blocks = some_blocks(seed)
    values = torch.randint(1, 256, (len(blocks), 8, 8, 8))
    whole = dense(blocks, values)
    before = torch.nn.functional.pad(whole[:-1, :-1, :-1], (1, 0, 1, 0, 1, 0))
    for (x, y, z), above, below in zip(
        (8 * blocks.places).tolist(), blocks.above(values), blocks.below(values), strict=True
    ):
        assert torch.equal(above, whole[x : x + 9, y : y + 9, z : z + 9])
        assert torch.equal(below, before[x : x + 9, y : y + 9, z : z + 9])


def test_cells_and_corners_belong_together() -> None:
    blocks = Blocks.of(torch.ones(SIZE, dtype=torch.bool))
    corner = torch.zeros(len(blocks), 8, 8, 8, dtype=torch.bool)
    corner[int(blocks.numbers[1, 1, 1]), 0, 0, 3] = True
    cells = cells_with(blocks, corner)
    assert int(cells.sum()) == 8
    assert int(corners_of(blocks, cells).sum()) == 27
    assert bool(cells[int(blocks.numbers[0, 0, 1]), 7, 7, 2])


@given(seed=st.integers(0, 100))
@settings(max_examples=10)
def test_an_atlas_finds_every_corner_and_jumps_no_matter(seed: int) -> None:
    blocks = some_blocks(seed, 0.2)
    values = torch.randint(0, 256, (len(blocks), 8, 8, 8, 12), dtype=torch.uint8)
    atlas = atlas_of(blocks, values, SPACE, DensityScale())
    whole = dense(blocks, values[..., 0])
    kept = (atlas.slots >= 0).nonzero()
    for x, y, z in torch.cartesian_prod(*map(torch.arange, SIZE)).tolist():
        around = whole[8 * x : 8 * x + 9, 8 * y : 8 * y + 9, 8 * z : 8 * z + 9]
        slot = int(atlas.slots[x, y, z])
        if slot >= 0:
            assert torch.equal(atlas.voxels[slot, ..., 0], around)
        else:
            assert (around < DensityScale().cut_level).all()
            apart = (kept - torch.tensor([x, y, z])).abs().amax(-1)
            assert -slot == (int(apart.min()) if len(kept) else 32)


def test_rows_number_the_corners_of_an_atlas() -> None:
    blocks = some_blocks(3)
    values = torch.randint(0, 256, (len(blocks), 8, 8, 8, 12), dtype=torch.uint8)
    values[values[..., 0] < 100] = 0
    atlas = atlas_of(blocks, values, SPACE, DensityScale())
    rows = rows_of(blocks, values[..., 0], DensityScale())
    told = torch.cat([torch.zeros(1, 12, dtype=torch.uint8), values[values[..., 0] > 0]])
    assert torch.equal(told[rows.long()], atlas.voxels)


def test_voxels_cover_the_box_of_an_object_and_meet_the_faces_of_the_cube() -> None:
    space = voxel_space(OBJECT, 100)
    assert space.width * 100 == 1.2
    for low, count in zip(space.low, space.blocks, strict=True):
        assert low <= -0.6
        assert low + (8 * count - 1) * space.width >= 0.6
    endless = voxel_space(UNBOUNDED, 100)
    assert endless.blocks == (12, 12, 12)
    assert (1 - endless.low[0]) / endless.width % 8 == 0
