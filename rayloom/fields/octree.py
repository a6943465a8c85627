"""A radiance field in the leaves of an octree, without a network (Yu et al. 2021, "PlenOctrees")."""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rayloom.cameras.camera import Cameras
from rayloom.fields.harmonics import NUM_HARMONICS, harmonic_color
from rayloom.kernels import packed_weights
from rayloom.kernels.octree import OctreeNodes, leaf_segments, octree_nodes
from rayloom.types import PackedSamples, Rays

RAYS_AT_ONCE = 1 << 16
THINNEST = 1e-6
"""Optical depth of a leaf that is planted empty; its logarithm can still be learnt."""


def in_parts(function: Callable[..., tuple[Tensor, ...]], size: int, *columns: Tensor) -> list[Tensor]:
    """What a function makes of columns, asked for `size` rows at once."""
    rows = torch.arange(len(columns[0]), device=columns[0].device).split(max(size, 1))
    made = [function(*(column[part] for column in columns)) for part in rows]
    return [torch.cat(column) for column in zip(*made, strict=True)]


class LeafGrid:
    """Where leaves may be: cells of nested cubes, each twice as wide as the one inside, of as many cells.

    Leaves of the innermost cube are the smallest, `resolution` along its edge, a power of two. They are
    numbered by level and by cell on this level, as `octree_nodes` wants them.
    """

    def __init__(
        self, center: tuple[float, float, float], edge: float, resolution: int, num_cubes: int
    ) -> None:
        self.resolution, self.num_cubes = resolution, num_cubes
        self.depth = int(math.log2(resolution)) + num_cubes - 1
        self.width = edge * 2.0 ** (num_cubes - 1)
        x, y, z = (middle - self.width / 2 for middle in center)
        self.low = (x, y, z)

    def cells(self) -> tuple[Int[Tensor, " n"], Int[Tensor, "n 3"]]:
        """Levels and cells of all leaves that there may be."""
        levels, cells = list[Tensor](), list[Tensor]()
        r, along = self.resolution, torch.arange(self.resolution)
        for cube in range(self.num_cubes):
            inner = torch.cartesian_prod(along, along, along)
            level = self.depth - cube
            if cube:
                inner = inner[((inner < r // 4) | (inner >= 3 * r // 4)).any(-1)]
            # All cubes share their middle, which is that of the cells of each level.
            cells.append(inner + (1 << level) // 2 - r // 2)
            levels.append(torch.full((len(inner),), level))
        return torch.cat(levels), torch.cat(cells)

    def widths(self, levels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Edges of leaves."""
        return self.width / torch.exp2(levels.float())

    def middles(self, levels: Int[Tensor, " n"], cells: Int[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """The middles of leaves."""
        places = (cells + 0.5) * self.widths(levels)[:, None]
        return places + places.new_tensor(self.low)

    def points_in(
        self, levels: Int[Tensor, " n"], cells: Int[Tensor, "n 3"], num: int
    ) -> Float[Tensor, "n num 3"]:
        """Random points in leaves, so many in each."""
        inside = torch.rand(len(cells), num, 3, device=cells.device)
        places = (cells[:, None] + inside) * self.widths(levels)[:, None, None]
        return places + places.new_tensor(self.low)


class Octree(nn.Module):
    """The logarithm of optical depth across it, and 16 harmonics for each colour, in every leaf.

    A leaf is the same all over. There are none before `plant`; weights are loaded at whatever size they have.
    """

    def __init__(self, grid: LeafGrid) -> None:
        super().__init__()
        self.grid = grid
        self.octants: Tensor
        self.register_buffer("octants", torch.full((1, 8), -1, dtype=torch.int32))
        self.levels: Tensor
        self.register_buffer("levels", torch.zeros(0, dtype=torch.long))
        self.log_depths = nn.Parameter(torch.zeros(0))
        self.harmonics = nn.Parameter(torch.zeros(0, 3 * NUM_HARMONICS))

    @property
    def nodes(self) -> OctreeNodes:
        """Which leaf is where."""
        return OctreeNodes(self.octants, self.grid.depth, self.grid.low, self.grid.width)

    @property
    def num_bytes(self) -> int:
        """What the tree takes in memory: numbers of leaves in single precision, and nodes."""
        return 4 * (self.octants.numel() + self.log_depths.numel() + self.harmonics.numel())

    @torch.no_grad()
    def plant(
        self,
        levels: Int[Tensor, " n"],
        cells: Int[Tensor, "n 3"],
        density: Float[Tensor, " n"],
        harmonics: Float[Tensor, "n 48"],
    ) -> None:
        """Take on these leaves, with a density per world unit; the parameters are replaced."""
        self.octants = octree_nodes(levels, cells, self.grid.depth, self.grid.low, self.grid.width).children
        self.levels = levels
        self.log_depths = nn.Parameter((density * self.grid.widths(levels)).clamp_min(THINNEST).log())
        self.harmonics = nn.Parameter(harmonics.clone())

    def density(self, leaf: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Density per world unit in leaves."""
        return self.log_depths[leaf].exp() / self.grid.widths(self.levels[leaf])

    def segments(self, rays: Rays) -> tuple[PackedSamples, Int[Tensor, " samples"]]:
        """Where rays are in leaves, and in which ones."""
        return leaf_segments(rays.origins, rays.directions, rays.near, rays.far, self.nodes)

    @torch.no_grad()
    def heaviest(self, rays: Rays) -> Float[Tensor, " leaves"]:
        """The largest weight that each leaf has in the pixel of any ray."""
        samples, leaf = self.segments(rays)
        weights = packed_weights(self.density(leaf) * samples.widths, samples.ray_index, samples.num_rays)
        return torch.zeros_like(self.log_depths).scatter_reduce_(0, leaf, weights, "amax")

    def heaviest_in(self, cameras: Cameras, num_rays: int) -> Float[Tensor, " leaves"]:
        """The same for about so many pixels of all cameras, evenly spread."""
        weights = torch.zeros_like(self.log_depths)
        stride = max(int(cameras.size.prod(-1).sum()) // num_rays, 1)
        for i in range(len(cameras)):
            rays = cameras[i : i + 1].image_rays(0)
            rays = rays.reshape(rays.shape.numel())[::stride].to(weights.device)
            for part in rays.chunks(RAYS_AT_ONCE):
                weights = torch.maximum(weights, self.heaviest(part))
        return weights

    def density_at(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density per world unit at points, 0 where there is no leaf."""
        leaf = self.nodes.leaf_at(points)
        density = torch.zeros_like(points[:, 0])
        density[leaf >= 0] = self.density(leaf[leaf >= 0])
        return density

    def color_at(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n m 3"]
    ) -> Float[Tensor, "n m 3"]:
        """Colours of points from m unit directions each, grey where there is no leaf."""
        leaf = self.nodes.leaf_at(points)
        coefficients = points.new_zeros(len(points), 3 * NUM_HARMONICS)
        coefficients[leaf >= 0] = self.harmonics[leaf[leaf >= 0]]
        each = coefficients.repeat_interleave(directions.shape[1], 0)
        return harmonic_color(each, directions.flatten(0, 1)).view(directions.shape)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Take on the saved number of leaves before torch compares shapes."""
        saved = [state_dict.get(f"{prefix}{name}") for name in ("octants", "levels", "harmonics")]
        if all(value is not None and value.ndim == 2 - (i == 1) for i, value in enumerate(saved)):
            octants, levels, harmonics = (value for value in saved if value is not None)
            self.octants = self.octants.new_empty(octants.shape)
            self.levels = self.levels.new_empty(levels.shape)
            self.log_depths = nn.Parameter(self.log_depths.new_empty(levels.shape))
            self.harmonics = nn.Parameter(self.harmonics.new_empty(len(harmonics), 3 * NUM_HARMONICS))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
