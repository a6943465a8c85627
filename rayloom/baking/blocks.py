"""Sparse blocks of 8^3 voxels: where they are, what is next to them, and the atlas they make."""

from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from torch import Tensor
from torch.nn import functional

from rayloom.kernels.voxels import BLOCK, DensityScale, VoxelAtlas, VoxelSpace
from rayloom.types import Record, SceneInfo

FARTHEST = 32
"""Blocks that a jump over empty space may span at most."""


def voxel_space(scene: SceneInfo, resolution: int) -> VoxelSpace:
    """The voxels of a scene, `resolution` along the longest side of an object's box or across all space.

    The resolution of an unbounded scene is made a multiple of 32, so that its blocks meet at the faces of the
    unit cube, where the contraction has a kink.
    """
    if scene.kind != "object":
        blocks = 4 * max(round(resolution / 32), 1)
        return VoxelSpace((-2.0, -2.0, -2.0), 4 / (BLOCK * blocks), (blocks, blocks, blocks), contracted=True)
    sides = [high - low for low, high in zip(scene.box_low, scene.box_high, strict=True)]
    width = max(sides) / resolution
    # The last corners of a box belong to no cell of it, so that there is one more voxel.
    counts = [int(-(-(side / width + 1) // BLOCK)) for side in sides]
    lows = [
        (low + high - count * BLOCK * width) / 2
        for low, high, count in zip(scene.box_low, scene.box_high, counts, strict=True)
    ]
    return VoxelSpace((lows[0], lows[1], lows[2]), width, (counts[0], counts[1], counts[2]), contracted=False)


@dataclass(frozen=True)
class Blocks(Record):
    """The places of some blocks, sorted, and which of them is where."""

    places: Int[Tensor, "blocks 3"]
    numbers: Int[Tensor, "x y z"]
    """Row of `places`, or -1."""

    @staticmethod
    def of(kept: Bool[Tensor, "x y z"]) -> "Blocks":
        """The blocks that are kept."""
        numbers = torch.full(kept.shape, -1)
        numbers[kept] = torch.arange(int(kept.sum()))
        return Blocks(kept.nonzero(), numbers)

    def __len__(self) -> int:
        return len(self.places)

    def corners(self, block: Int[Tensor, " n"]) -> Float[Tensor, "n 8 8 8 3"]:
        """The first eight corners along each axis of some of the blocks, in voxels."""
        along = torch.arange(BLOCK)
        inner = torch.stack(torch.meshgrid(along, along, along, indexing="ij"), dim=-1)
        return (BLOCK * self.places[block][:, None, None, None] + inner).float()

    def above(self, values: Shaped[Tensor, "blocks 8 8 8 *c"]) -> Shaped[Tensor, "blocks 9 9 9 *c"]:
        """Values with those of the next corner along each axis behind them, 0 where no block is kept."""
        return self._bordered(values, [(0, slice(0, 8), slice(0, 8)), (1, slice(8, 9), slice(0, 1))])

    def below(self, values: Shaped[Tensor, "blocks 8 8 8 *c"]) -> Shaped[Tensor, "blocks 9 9 9 *c"]:
        """Values with those of the corner before along each axis in front of them."""
        return self._bordered(values, [(0, slice(1, 9), slice(0, 8)), (-1, slice(0, 1), slice(7, 8))])

    def _bordered(self, values: Tensor, parts: list[tuple[int, slice, slice]]) -> Tensor:
        """Put together from the parts (step to the block, where to, where from) of each axis."""
        size = torch.tensor(self.numbers.shape)
        out = values.new_zeros(len(self), *(BLOCK + 1,) * 3, *values.shape[4:])
        for part in product(parts, repeat=3):
            step, to, source = zip(*part, strict=True)
            place = self.places + torch.tensor(step)
            known = ((place >= 0) & (place < size)).all(-1)
            number = torch.where(known, self.numbers[tuple(place.clamp(min=0).minimum(size - 1).T)], -1)
            rows = number >= 0
            out[(rows, *to)] = values[number[rows]][(slice(None), *source)]
        return out


def cells_with(blocks: Blocks, corners: Bool[Tensor, "blocks 8 8 8"]) -> Bool[Tensor, "blocks 8 8 8"]:
    """Cells that have a given corner among their eight."""
    return _either(blocks.above(corners), 1)


def corners_of(blocks: Blocks, cells: Bool[Tensor, "blocks 8 8 8"]) -> Bool[Tensor, "blocks 8 8 8"]:
    """Corners of given cells."""
    return _either(blocks.below(cells), 1)


def spread(kept: Bool[Tensor, "x y z"]) -> Bool[Tensor, "x y z"]:
    """Places that are kept, and those around them."""
    for axis, count in enumerate(kept.shape):
        wider = kept.clone()
        wider.narrow(axis, 1, count - 1).logical_or_(kept.narrow(axis, 0, count - 1))
        wider.narrow(axis, 0, count - 1).logical_or_(kept.narrow(axis, 1, count - 1))
        kept = wider
    return kept


def atlas_of(
    blocks: Blocks, voxels: UInt8[Tensor, "blocks 8 8 8 12"], space: VoxelSpace, scale: DensityScale
) -> VoxelAtlas:
    """The atlas of the blocks in which a ray may meet matter, in their order."""
    met, padded = _padded(blocks, voxels)
    cells = _either(padded[..., 0] >= scale.cut_level, 1)
    filled = cells.flatten(1).any(1)
    kept = torch.zeros(space.blocks, dtype=torch.bool)
    kept[tuple(met.places[filled].T)] = True
    return VoxelAtlas(_slots(kept), padded[filled], cells[filled], space, scale)


def rows_of(
    blocks: Blocks, levels: UInt8[Tensor, "blocks 8 8 8"], scale: DensityScale
) -> Int[Tensor, "met 9 9 9"]:
    """For each corner of `atlas_of` which of those with density it is, counted from 1; 0 where none."""
    known = levels > 0
    numbers = torch.zeros(known.shape, dtype=torch.int32)
    numbers[known] = torch.arange(1, int(known.sum()) + 1, dtype=torch.int32)
    both = torch.stack([numbers, levels.int()], dim=-1)
    padded = _padded(blocks, both)[1]
    filled = (padded[..., 1] >= scale.cut_level).flatten(1).any(1)
    return padded[filled][..., 0].contiguous()


def _padded(
    blocks: Blocks, values: Shaped[Tensor, "blocks 8 8 8 c"]
) -> tuple[Blocks, Shaped[Tensor, "met 9 9 9 c"]]:
    """The blocks that have a corner of others or of their own, and the values at all their corners."""
    # The last cells of a block end at corners that belong to the next one, so that it may be met as well.
    ends = functional.pad(blocks.numbers >= 0, (0, 1, 0, 1, 0, 1))
    met = Blocks.of(_either(ends, 0))
    rows = blocks.numbers[tuple(met.places.T)]
    whole = values.new_zeros(len(met), *values.shape[1:])
    whole[rows >= 0] = values[rows[rows >= 0]]
    return met, met.above(whole)


def _either(flags: Tensor, first_axis: int) -> Tensor:
    """Whether a place or the next one along each of three axes is flagged; one fewer along each."""
    for axis in range(first_axis, first_axis + 3):
        count = flags.shape[axis] - 1
        flags = flags.narrow(axis, 0, count) | flags.narrow(axis, 1, count)
    return flags


def _slots(kept: Bool[Tensor, "x y z"]) -> Int[Tensor, "x y z"]:
    """The number of each block that is kept, and elsewhere minus the distance to the nearest one."""
    distance, near = torch.ones(kept.shape, dtype=torch.int32), kept
    for _ in range(1, FARTHEST):
        near = spread(near)
        if near.all():
            break
        distance += ~near
    return torch.where(kept, Blocks.of(kept).numbers.int(), -distance)
