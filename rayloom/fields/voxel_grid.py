"""A sparse grid of density and spherical harmonics, without a network (Fridovich-Keil et al. 2022).

Values lie on the nodes of a regular grid and are trilinear between them. Only nodes near which something may
be have values: a table says where, so that a fine grid of a thin scene stays small.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rayloom.geometry.boxes import Box
from rayloom.geometry.contraction import frame_from_world, stretch_share
from rayloom.geometry.directions import spherical_harmonics

POINTS_AT_ONCE = 1 << 18
_CORNERS = ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1))


class VoxelGrid(nn.Module):
    """Density and view-dependent colour in a box, or in all of space, contracted by the L-infinity ball.

    Density is the ReLU of what is interpolated, per world unit; colour is max(0, 1/2 + the sum of harmonics
    and their coefficients). A node without values counts as zero. Resolution and nodes may change while it
    trains, and are kept among the weights.
    """

    def __init__(
        self, box: Box, resolution: int, *, degree: int, contracted: bool, first_density: float
    ) -> None:
        """All nodes have values: this density before the ReLU, and grey."""
        super().__init__()
        self.contracted, self.degree = contracted, degree
        # Copies: loading weights writes into them.
        self.box_low: Tensor
        self.register_buffer("box_low", box.low.clone())
        self.box_high: Tensor
        self.register_buffer("box_high", box.high.clone())
        shape = self.nodes(resolution)
        count = shape[0] * shape[1] * shape[2]
        self.rows: Tensor
        self.register_buffer("rows", torch.arange(count, dtype=torch.int32).reshape(shape))
        self.nodes_of_rows: Tensor
        # It follows from the rows, so that it does not belong into the weights.
        self.register_buffer("nodes_of_rows", torch.arange(count), persistent=False)
        self.raw_density = nn.Parameter(torch.full((count,), first_density))
        self.harmonics = nn.Parameter(torch.zeros(count, 3 * (degree + 1) ** 2))

    @property
    def box(self) -> Box:
        """What the grid fills; the part of space that is not contracted, where it fills all of it."""
        return Box(self.box_low, self.box_high)

    @property
    def voxel_width(self) -> float:
        """Mean edge of a voxel in the box, world units."""
        cells = self.box_low.new_tensor(self.rows.shape) - 1
        filled = (self.box_high - self.box_low) * (2 if self.contracted else 1)
        return float((filled / cells).mean())

    def nodes(self, resolution: int) -> tuple[int, int, int]:
        """Nodes along the edges of the box for cubic voxels, about `resolution`^3 of them in all."""
        edges = (self.box_high - self.box_low).double()
        voxel = edges.prod() ** (1 / 3) / resolution
        nx, ny, nz = (max(round(n), 2) for n in (edges / voxel).tolist())
        return nx, ny, nz

    def frame(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """World points in the frame [-1, 1]^3 of the grid."""
        return frame_from_world(points, self.box, contracted=self.contracted)

    def corners(self, frame: Float[Tensor, "n 3"]) -> tuple[Int[Tensor, "n 8"], Float[Tensor, "n 8"]]:
        """Rows of the nodes around each place and their trilinear weights, 0 for nodes without values."""
        last = frame.new_tensor(self.rows.shape) - 1
        scaled = (0.5 * (frame + 1) * last).clamp_min(0).minimum(last)
        # The last cell includes its far wall, so that no corner lies outside the grid.
        cell = scaled.detach().floor().minimum(last - 1)
        fraction = (scaled - cell)[:, None]
        bits = torch.tensor(_CORNERS, device=frame.device)
        x, y, z = (cell.long()[:, None] + bits).unbind(-1)
        rows = self.rows[x, y, z].long()
        weights = torch.where(bits.bool(), fraction, 1 - fraction).prod(-1)
        inside = (frame.abs() <= 1).all(-1, keepdim=True)
        return rows.clamp_min(0), weights * ((rows >= 0) & inside)

    def density(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density at world points, per world unit; 0 beyond a box that has an end."""
        frame = self.frame(points)
        rows, weights = self.corners(frame)
        density = (self.raw_density[rows] * weights).sum(-1).relu()
        return density * stretch_share(frame) if self.contracted else density

    def color(self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """SRGB colour of world points as seen along unit directions; at least 0, and not bounded above."""
        rows, weights = self.corners(self.frame(points))
        coefficients = functional.embedding_bag(rows, self.harmonics, per_sample_weights=weights, mode="sum")
        basis = spherical_harmonics(directions)[:, None, : (self.degree + 1) ** 2]
        return (0.5 + (coefficients.reshape(len(points), 3, -1) * basis).sum(-1)).clamp_min(0)

    def presence(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """1 where any node with values is near, else 0."""
        return (self.corners(self.frame(points))[1] > 0).any(-1).float()

    def nearest(self, points: Float[Tensor, "n 3"]) -> Int[Tensor, " n"]:
        """The row of the node with values that counts most at each place."""
        rows, weights = self.corners(self.frame(points))
        return rows.gather(1, weights.argmax(-1, keepdim=True))[:, 0]

    def neighbours(self, rows: Int[Tensor, " n"]) -> Int[Tensor, "n 3"]:
        """Rows of the next nodes along x, y and z; of the node itself where there is none."""
        place = self.places(rows)
        last = place.new_tensor(self.rows.shape) - 1
        beside = torch.minimum(place[:, None] + torch.eye(3, dtype=torch.long, device=place.device), last)
        found = self.rows[beside[..., 0], beside[..., 1], beside[..., 2]].long()
        return torch.where(found < 0, rows[:, None], found)

    def places(self, rows: Int[Tensor, " n"]) -> Int[Tensor, "n 3"]:
        """Where in the grid the nodes of rows lie."""
        _, ny, nz = self.rows.shape
        node = self.nodes_of_rows[rows]
        return torch.stack([node // (ny * nz), node // nz % ny, node % nz], dim=-1)

    @torch.no_grad()
    def prune(self, kept: Bool[Tensor, " nodes"], margin: int) -> None:
        """Keep the values of these nodes and of those up to `margin` away along each axis.

        Where nothing would be kept, everything is. The parameters are replaced.
        """
        flags = torch.zeros(self.rows.shape, device=kept.device)
        flags[self.rows >= 0] = kept.float()
        near = functional.max_pool3d(flags[None, None], 2 * margin + 1, stride=1, padding=margin)[0, 0] > 0
        rest = (near & (self.rows >= 0))[self.rows >= 0]
        if rest.any():
            present = torch.zeros_like(self.rows, dtype=torch.bool)
            present[self.rows >= 0] = rest
            self._replace(present, self.raw_density[rest], self.harmonics[rest])

    @torch.no_grad()
    def upsample(self, resolution: int) -> None:
        """Values on a finer grid over the same box, interpolated from these; replaces the parameters.

        A new node has values where any old node that counts there has some.
        """
        shape = self.nodes(resolution)
        axes = [torch.linspace(-1, 1, n, device=self.rows.device) for n in shape]
        middle = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 3)
        present, density, harmonics = list[Tensor](), list[Tensor](), list[Tensor]()
        for part in middle.split(POINTS_AT_ONCE):
            rows, weights = self.corners(part)
            near = (weights > 0).any(-1)
            rows, weights = rows[near], weights[near]
            present.append(near)
            density.append((self.raw_density[rows] * weights).sum(-1))
            harmonics.append(
                functional.embedding_bag(rows, self.harmonics, per_sample_weights=weights, mode="sum")
            )
        self._replace(torch.cat(present).reshape(shape), torch.cat(density), torch.cat(harmonics))

    def _replace(
        self,
        present: Bool[Tensor, "x y z"],
        density: Float[Tensor, " nodes"],
        harmonics: Float[Tensor, "nodes c"],
    ) -> None:
        """Take on the values of those nodes that are present, which are in the order of the grid."""
        number = torch.cumsum(present.reshape(-1), 0, dtype=torch.int32).reshape(present.shape) - 1
        self.rows = torch.where(present, number, -1)
        self.nodes_of_rows = present.reshape(-1).nonzero()[:, 0]
        self.raw_density, self.harmonics = nn.Parameter(density.clone()), nn.Parameter(harmonics.clone())

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Take on the saved resolution before torch compares shapes; the degree must be that asked for."""
        rows, harmonics = (state_dict.get(f"{prefix}{name}") for name in ("rows", "harmonics"))
        if rows is not None and harmonics is not None and rows.ndim == 3 and harmonics.ndim == 2:
            self.rows = self.rows.new_empty(rows.shape)
            count = len(harmonics)
            self.raw_density = nn.Parameter(self.raw_density.new_empty(count))
            self.harmonics = nn.Parameter(self.harmonics.new_empty(count, self.harmonics.shape[1]))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        self.nodes_of_rows = (self.rows.reshape(-1) >= 0).nonzero()[:, 0]


def sampled_variation(
    values: Float[Tensor, "nodes channels"],
    rows: Int[Tensor, " n"],
    neighbours: Int[Tensor, "n 3"],
    shape: Sequence[int],
) -> Float[Tensor, ""]:
    """Total variation at n nodes: the mean over them of sum_c sqrt(Δx² + Δy² + Δz² + ε)  (eq. 3).

    Differences to the next nodes are per 1/256 of an edge, so that a weight serves all resolutions of
    `shape`. ε = 1e-6² keeps the slope finite where nothing varies.
    """
    steps = values[neighbours] - values[rows][:, None]
    scaled = steps * (values.new_tensor(list(shape)) / 256)[:, None]
    return (scaled.square().sum(1) + 1e-12).sqrt().sum(-1).mean()
