"""A grid of tiny radiance networks, one for each cell of a box (Reiser et al. 2021, "KiloNeRF").

Samples are grouped by cell, and each group is cut into tiles of equally many rows, the last of them padded,
so that batched matrix products do the work of all networks at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.mlp import activate_density
from rayloom.geometry.boxes import Box
from rayloom.types import Record

ROWS = 32
"""Samples of a tile: enough for a matrix product, few enough that padding stays small."""


@dataclass(frozen=True)
class Tiles(Record):
    """Which tile and row each sample goes to, and which network each tile belongs to."""

    slots: Int[Tensor, " n"]
    """Row of each sample among the rows of all tiles; no two samples share one."""
    networks: Int[Tensor, " tiles"]

    def split(self, values: Float[Tensor, "n k"]) -> Float[Tensor, "tiles rows k"]:
        """Values of samples in tiles; rows without a sample are 0."""
        rows = values.new_zeros(len(self.networks) * ROWS, values.shape[1])
        return rows.index_copy(0, self.slots, values).view(-1, ROWS, values.shape[1])

    def join(self, tiles: Float[Tensor, "tiles rows k"]) -> Float[Tensor, "n k"]:
        """The inverse of `split`: values of samples in their own order."""
        return tiles.flatten(0, 1)[self.slots]


def tiles_by_network(network: Int[Tensor, " n"], num_networks: int) -> Tiles:
    """Tiles for samples whose networks are known."""
    order = network.argsort(stable=True)
    counts = torch.bincount(network, minlength=num_networks)
    tile_counts = (counts + ROWS - 1) // ROWS
    first_sample, first_tile = counts.cumsum(0) - counts, tile_counts.cumsum(0) - tile_counts
    ordered = network[order]
    rank = torch.arange(len(network), device=network.device) - first_sample[ordered]
    slots = torch.empty_like(order).index_copy(0, order, ROWS * first_tile[ordered] + rank)
    return Tiles(slots, torch.arange(num_networks, device=network.device).repeat_interleave(tile_counts))


def cubic_cells(box: Box, longest: int) -> tuple[int, int, int]:
    """Numbers of about cubic cells along x, y and z, so many along the longest edge of a box."""
    edges = box.high - box.low
    x, y, z = (edges / edges.max() * longest).round().clamp(min=1).int().tolist()
    return x, y, z


class ParallelLinear(nn.Module):
    """A linear layer for each network; all begin alike, so that neighbours agree at their wall."""

    def __init__(self, num_networks: int, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        first = torch.empty(num_outputs, num_inputs)
        nn.init.kaiming_uniform_(first, nonlinearity="relu")
        self.weight = nn.Parameter(first.T.repeat(num_networks, 1, 1))
        self.bias = nn.Parameter(torch.zeros(num_networks, 1, num_outputs))

    def forward(
        self, x: Float[Tensor, "tiles rows k"], networks: Int[Tensor, " tiles"]
    ) -> Float[Tensor, "tiles rows m"]:
        """Each tile through the layer of its network."""
        # index_select, because its gradient adds up rows instead of single numbers.
        bias, weight = self.bias.index_select(0, networks), self.weight.index_select(0, networks)
        return torch.baddbmm(bias, x, weight)


class NetworkGrid(nn.Module):
    """Density and colour in the cube [-1, 1]^3, cut into cells that have a network each.

    A network has two hidden layers, then density and as many features, and one more layer for features and
    direction. Places are encoded in coordinates of their cell, which reach from -1 to 1. With a width of 32,
    10 and 4 octaves a network has 6,212 parameters.
    """

    def __init__(
        self, cells: Sequence[int], width: int, position_octaves: int, direction_octaves: int
    ) -> None:
        super().__init__()
        self.position = FrequencyEncoding(position_octaves)
        self.direction = FrequencyEncoding(direction_octaves)
        self.cells: Tensor
        self.register_buffer("cells", torch.tensor(tuple(cells)), persistent=False)
        num = int(self.cells.prod())
        sizes = [self.position.num_outputs, width, width, 1 + width]
        self.trunk = nn.ModuleList(ParallelLinear(num, *size) for size in pairwise(sizes))
        self.color_layer = ParallelLinear(num, width + self.direction.num_outputs, width)
        self.color_head = ParallelLinear(num, width, 3)

    @property
    def num_networks(self) -> int:
        """How many networks there are."""
        return len(self.color_head.bias)

    def forward(
        self, places: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Density and colour; places beyond the cube are those of the nearest cell, extrapolated."""
        tiles, h = self._trunk(places)
        view = tiles.split(self.direction(directions))
        hidden = self.color_layer(torch.cat([h[..., 1:], view], dim=-1), tiles.networks).relu()
        rgb = tiles.join(self.color_head(hidden, tiles.networks)).sigmoid()
        return self._density(tiles, h), rgb

    def density(self, places: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density alone."""
        return self._density(*self._trunk(places))

    def view_penalty(self) -> Float[Tensor, ""]:
        """Sum of the squares of what direction goes through: without it colours follow single photos."""
        parts = [*self.color_layer.parameters(), *self.color_head.parameters()]
        return torch.stack([part.square().sum() for part in parts]).sum()

    def _trunk(self, places: Float[Tensor, "n 3"]) -> tuple[Tiles, Float[Tensor, "tiles rows k"]]:
        scaled = 0.5 * (places + 1) * self.cells
        cell = torch.minimum(scaled.detach().floor().long().clamp(min=0), self.cells - 1)
        _, ny, nz = self.cells.unbind()
        tiles = tiles_by_network((cell[:, 0] * ny + cell[:, 1]) * nz + cell[:, 2], self.num_networks)
        h = tiles.split(self.position(2 * (scaled - cell) - 1))
        for i, layer in enumerate(self.trunk):
            h = layer(h, tiles.networks)
            h = h.relu() if i + 1 < len(self.trunk) else h
        return tiles, h

    def _density(self, tiles: Tiles, h: Float[Tensor, "tiles rows k"]) -> Float[Tensor, " n"]:
        return activate_density(tiles.join(h[..., :1])[:, 0], "softplus")
