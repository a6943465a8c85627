"""Where matter may be: one bit per cell of nested boxes, and the lookup that defines it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from rayloom.types import Record

BLOCK = 8
"""Cells along one edge of a block, the unit in which long empty stretches are skipped."""

SHORTER = 0.999
"""Factor on the width of steps in lookups: one as long as a cell counts as shorter, despite rounding."""


@dataclass(frozen=True)
class OccupancyBits(Record):
    """Occupied cells of the boxes center ± half_size * 2^k, each cut into resolution^3 cells.

    Box k is asked about points outside box k - 1, and wherever the steps are longer than the cells
    of box k - 1. What lies outside all boxes is empty.
    """

    bits: UInt8[Tensor, "cascades bytes"]
    """Cell (x, y, z) is bit `i & 7` of byte `i >> 3`, with i = (x * resolution + y) * resolution + z."""
    blocks: UInt8[Tensor, "cascades blocks"]
    """Whether any of the 8 x 8 x 8 cells of a block is occupied; 1 or 0, ordered like the cells."""
    resolution: int
    center: tuple[float, float, float]
    half_size: tuple[float, float, float]

    @property
    def num_cascades(self) -> int:
        """Number of boxes."""
        return self.bits.shape[0]

    @property
    def cell_width(self) -> float:
        """Shortest edge of a cell of the innermost box."""
        return 2 * min(self.half_size) / self.resolution

    def contains(
        self, points: Float[Tensor, "*batch 3"], widths: Float[Tensor, "*batch"]
    ) -> Bool[Tensor, "*batch"]:
        """Whether matter may be at points that are sampled in steps of these widths."""
        unit = (points - points.new_tensor(self.center)) / points.new_tensor(self.half_size)
        # The exponent e of a float x with 2^(e-1) <= x < 2^e is the first box it lies strictly inside.
        by_place = torch.frexp(unit.abs().amax(-1)).exponent.clamp(min=0)
        by_width = torch.frexp(widths * (SHORTER / self.cell_width)).exponent.clamp(min=0)
        cascade = torch.maximum(by_place, by_width).clamp(max=self.num_cascades - 1).long()
        shrunk = torch.ldexp(unit, -cascade[..., None])
        cell = ((shrunk + 1) * (self.resolution / 2)).floor().long().clamp(0, self.resolution - 1)
        index = (cell[..., 0] * self.resolution + cell[..., 1]) * self.resolution + cell[..., 2]
        bit = (self.bits[cascade, index >> 3] >> (index & 7)) & 1
        return (by_place < self.num_cascades) & (bit == 1)


def occupancy_bits(
    occupied: Bool[Tensor, "cascades r r r"],
    center: tuple[float, float, float],
    half_size: tuple[float, float, float],
) -> OccupancyBits:
    """The packed form of a grid of flags, indexed by cascade, x, y and z.

    The resolution is a multiple of 8 and, with several cascades, of 32, so that no block straddles
    the wall of an inner box.
    """
    cascades, resolution = occupied.shape[0], occupied.shape[1]
    assert resolution % (BLOCK if cascades == 1 else 4 * BLOCK) == 0, "blocks fit the boxes"
    flags = occupied.to(torch.uint8)
    place = torch.tensor([1 << i for i in range(8)], dtype=torch.uint8, device=occupied.device)
    bits = (flags.reshape(cascades, -1, 8) * place).sum(-1, dtype=torch.uint8)
    n = resolution // BLOCK
    blocks = flags.reshape(cascades, n, BLOCK, n, BLOCK, n, BLOCK).amax((2, 4, 6)).reshape(cascades, -1)
    return OccupancyBits(bits, blocks, resolution, center, half_size)
