"""A radiance field of two factorised grids, a matrix and a small network (Chen et al. 2022)."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.tensors import CP, Factors, VectorMatrix
from rayloom.geometry.boxes import Box
from rayloom.geometry.contraction import frame_from_world, stretch_share
from rayloom.scene_info import SceneInfo

Decomposition = Literal["vm", "cp"]
TensorActivation = Literal["softplus", "relu"]

DENSITY_PER_EDGE = 75.0
"""Factor on density, over the edge of the box: the authors' 25 for boxes that are about 3 wide."""
DENSITY_SHIFT = -10.0
"""Added before the softplus, so that space is all but empty before training."""
_NDC_CORNER = (1.5, 1.67, 1.0)
"""Of the box of forward-facing captures, wider than the cube that the average camera sees."""


class TensorField(nn.Module):
    """Density and colour in a box, or in all of space, contracted by the L-infinity ball of the box.

    Density is the activated sum of the density components. Features, which a matrix makes of the appearance
    components, and the direction go through a network of two hidden layers, both frequency-encoded. Box and
    resolution may change while it trains, and are kept among the weights.
    """

    def __init__(
        self,
        box: Box,
        resolution: int,
        density_components: Sequence[int],
        appearance_components: Sequence[int],
        *,
        contracted: bool,
        decomposition: Decomposition,
        activation: TensorActivation,
        num_features: int,
        width: int,
        octaves: int,
    ) -> None:
        super().__init__()
        self.contracted = contracted
        self.activation: TensorActivation = activation
        # Of the box at the start: matter must not change because the box shrinks.
        self.density_scale = DENSITY_PER_EDGE / float((box.high - box.low).mean())
        # Copies: loading weights writes into them.
        self.box_low: Tensor
        self.register_buffer("box_low", box.low.clone())
        self.box_high: Tensor
        self.register_buffer("box_high", box.high.clone())
        nodes = self.nodes(float(resolution))
        self.density_factors = _drawn(decomposition, nodes, density_components)
        self.appearance_factors = _drawn(decomposition, nodes, appearance_components)
        self.basis = nn.Linear(self.appearance_factors.num_components, num_features, bias=False)
        self.feature_encoding = FrequencyEncoding(octaves, num_features)
        self.direction_encoding = FrequencyEncoding(octaves)
        num_inputs = self.feature_encoding.num_outputs + self.direction_encoding.num_outputs
        hidden = [nn.Linear(num_inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        self.network = nn.Sequential(*hidden, nn.Linear(width, 3), nn.Sigmoid())

    @property
    def box(self) -> Box:
        """What the factors fill; the part of space that is not contracted, where they fill all of it."""
        return Box(self.box_low, self.box_high)

    @property
    def voxel_width(self) -> float:
        """Mean edge of a voxel in the box, world units."""
        cells = self.box_low.new_tensor(self.density_factors.resolution) - 1
        filled = (self.box_high - self.box_low) * (2 if self.contracted else 1)
        return float((filled / cells).mean())

    def nodes(self, resolution: float) -> list[int]:
        """Nodes along the edges of the box for cubic voxels, `resolution`^3 of them in all."""
        edges = (self.box_high - self.box_low).double()
        voxel = edges.prod() ** (1 / 3) / resolution
        return [max(round(n), 2) for n in (edges / voxel).tolist()]

    def unit(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """World points in the frame [-1, 1]^3 of the factors."""
        return frame_from_world(points, self.box, contracted=self.contracted)

    def density(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density per world unit."""
        unit = self.unit(points)
        return self.density_of(self.density_factors(unit), unit)

    def density_of(
        self, components: Float[Tensor, "n components"], unit: Float[Tensor, "n 3"]
    ) -> Float[Tensor, " n"]:
        """Density per world unit where the components are known; 0 beyond a box that has an end.

        Where there is none, fog thins outward like 1 / distance: what is far away is large.
        """
        raw = components.sum(-1)
        positive = raw.relu() if self.activation == "relu" else functional.softplus(raw + DENSITY_SHIFT)
        there = stretch_share(unit) if self.contracted else (unit.abs().amax(-1) <= 1).to(raw.dtype)
        return self.density_scale * positive * there

    def color(self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """SRGB colour of points as seen along unit directions."""
        return self.color_of(self.appearance_factors(self.unit(points)), directions)

    def color_of(
        self, components: Float[Tensor, "n components"], directions: Float[Tensor, "n 3"]
    ) -> Float[Tensor, "n 3"]:
        """SRGB colour where the components are known."""
        features = self.basis(components)
        inputs = [self.feature_encoding(features), self.direction_encoding(directions)]
        return self.network(torch.cat(inputs, dim=-1))

    def upsample(self, resolution: float) -> None:
        """Cut the box into `resolution`^3 cubic voxels; the parameters of the factors are replaced."""
        nodes = self.nodes(resolution)
        self.density_factors = self.density_factors.upsampled(nodes)
        self.appearance_factors = self.appearance_factors.upsampled(nodes)

    @torch.no_grad()
    def shrink(self, kept: Box) -> None:
        """Give up the voxels outside of this part of a box that ends; parameters of factors are replaced."""
        assert not self.contracted, "all of space cannot shrink"
        cells = self.box_low.new_tensor(self.density_factors.resolution) - 1
        first = (self.box.unit_from_world(kept.low) * cells).floor().clamp(min=0)
        last = torch.minimum((self.box.unit_from_world(kept.high) * cells).ceil(), cells)
        corners = first.int().tolist(), last.int().tolist()
        self.density_factors = self.density_factors.cropped(*corners)
        self.appearance_factors = self.appearance_factors.cropped(*corners)
        low, voxel = self.box_low, (self.box_high - self.box_low) / cells
        self.box_low, self.box_high = low + first * voxel, low + last * voxel

    def factors(self) -> list[nn.Parameter]:
        """Planes and lines, of density and of appearance."""
        return [*self.density_factors.parameters(), *self.appearance_factors.parameters()]

    def networks(self) -> list[nn.Parameter]:
        """What makes colour of the appearance components."""
        return [*self.basis.parameters(), *self.network.parameters()]


def box_around(scene: SceneInfo, margin: float = 1.0) -> Box:
    """The object's box with a margin, the cube of NDC and its sides, or the cube that is not contracted."""
    if scene.kind != "object":
        corner = torch.ones(3) if scene.ndc is None else torch.tensor(_NDC_CORNER)
        return Box(-corner, corner)
    low, high = torch.tensor(scene.box_low), torch.tensor(scene.box_high)
    rim = (margin - 1) / 2 * (high - low)
    return Box(low - rim, high + rim)


def _drawn(decomposition: Decomposition, nodes: Sequence[int], components: Sequence[int]) -> Factors:
    """Factors as the authors draw them; CP has as many components as VM has along all axes together."""
    if decomposition == "vm":
        return VectorMatrix(nodes, components, scale=0.1)
    return CP(nodes, sum(components), scale=0.2)
