"""Multiresolution hash lookup (Müller et al. 2022, section 3): the reference in torch.

Level l divides the unit cube into `resolution` cells per axis and keeps a row of features per corner.
One formula finds the row of a corner (x, y, z) on every level,

    offset + ((x ^ y * stride_y ^ z * stride_z) & mask),

with large primes as strides where the corners outnumber the rows (a hash), and powers of two where
they do not (then the exclusive or only joins bits, and no two corners share a row).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster

PRIMES = (2654435761, 805459861)


class HashGridLevel(NamedTuple):
    """Where one level's rows lie in the table."""

    resolution: int
    """Cells per axis."""
    offset: int
    """Row at which the level begins."""
    stride_y: int
    stride_z: int
    mask: int
    """Number of the level's rows less one; all ones in binary."""


@dataclass(frozen=True)
class HashGridLayout:
    """The shape of a hash grid: geometric levels from `coarsest` to `finest` cells per axis."""

    num_levels: int
    features_per_level: int
    log2_rows: int
    """A level has at most 2^log2_rows rows."""
    coarsest: int
    finest: int

    @cached_property
    def levels(self) -> tuple[HashGridLevel, ...]:
        """The levels, coarse to fine."""
        growth = (self.finest / self.coarsest) ** (1 / max(self.num_levels - 1, 1))
        levels: list[HashGridLevel] = []
        offset = 0
        for index in range(self.num_levels):
            level = _level(round(self.coarsest * growth**index), offset, self.log2_rows)
            levels.append(level)
            offset += level.mask + 1
        return tuple(levels)

    @property
    def num_rows(self) -> int:
        """Rows of the table."""
        return self.levels[-1].offset + self.levels[-1].mask + 1

    @property
    def num_channels(self) -> int:
        """Features that a point gets."""
        return self.num_levels * self.features_per_level


def hash_grid(
    points: Float[Tensor, "n 3"],
    table: Float[Tensor, "rows features"],
    layout: HashGridLayout,
    level_weights: Float[Tensor, " levels"] | None = None,
    *,
    implementation: Implementation = "auto",
) -> Float[Tensor, "n channels"]:
    """Features at points of the unit cube, trilinear between corners, all levels side by side.

    Points outside take the value of the nearest face; a point with a coordinate that is no number has
    features of zero, from which nothing is learnt. `level_weights` scales each level, so that fine
    levels can be faded in.
    """
    assert table.shape == (layout.num_rows, layout.features_per_level), "the table fits the layout"
    if fast := faster(hash_grid, implementation, points, table):
        features = fast(points, table, layout)
    else:
        features = torch.cat([_features(points, table, level) for level in layout.levels], dim=-1)
    if level_weights is None:
        return features
    return features * level_weights.repeat_interleave(layout.features_per_level)


def corners(
    points: Float[Tensor, "n 3"], level: HashGridLevel
) -> tuple[Int[Tensor, "n 8"], Float[Tensor, "n 8"]]:
    """Table rows of the eight corners around each point, and their trilinear weights: 0 if it is none."""
    known = ~points.isnan().any(-1, keepdim=True)
    scaled = torch.where(known, points, 0).clamp(0, 1) * level.resolution
    # The last cell includes its far wall, so that no corner lies outside the grid.
    cell = scaled.detach().floor().clamp(max=level.resolution - 1)
    fraction = scaled - cell
    bits = torch.tensor([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)], device=points.device)
    corner = cell.long()[:, None, :] + bits
    row = corner[..., 0] ^ (corner[..., 1] * level.stride_y) ^ (corner[..., 2] * level.stride_z)
    weight = torch.where(bits.bool(), fraction[:, None, :], 1 - fraction[:, None, :]).prod(-1)
    return (row & level.mask) + level.offset, weight * known


def _features(
    points: Float[Tensor, "n 3"], table: Float[Tensor, "rows features"], level: HashGridLevel
) -> Float[Tensor, "n features"]:
    rows, weights = corners(points, level)
    return (table[rows] * weights[..., None]).sum(-2)


def _level(resolution: int, offset: int, log2_rows: int) -> HashGridLevel:
    """A dense level where its resolution + 1 corners per axis fit the rows, else a hashed one."""
    bits = math.ceil(math.log2(resolution + 1))
    if 3 * bits <= log2_rows:
        return HashGridLevel(resolution, offset, 1 << bits, 1 << 2 * bits, (1 << 3 * bits) - 1)
    return HashGridLevel(resolution, offset, *PRIMES, (1 << log2_rows) - 1)
