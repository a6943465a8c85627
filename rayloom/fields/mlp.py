"""Multilayer perceptrons of the field's classic shape: a trunk with one skip, and heads."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rayloom.fields.encodings import FrequencyEncoding

DensityActivation = Literal["relu", "softplus"]


def activate_density(raw: Float[Tensor, "*batch"], activation: DensityActivation) -> Float[Tensor, "*batch"]:
    """Non-negative density: ReLU (Mildenhall et al. 2020) or softplus(x - 1) (Barron et al. 2021).

    The softplus keeps a gradient where nothing is, so that training cannot die in an empty scene.
    """
    return raw.relu() if activation == "relu" else functional.softplus(raw - 1)


class SkipMLP(nn.Module):
    """`depth` ReLU layers; the input enters again after the middle one, as in NeRF and DeepSDF."""

    def __init__(self, num_inputs: int, width: int, depth: int, skip_after: int) -> None:
        super().__init__()
        self.skip_after = skip_after
        self.num_outputs = width
        sizes = [num_inputs] + [width] * (depth - 1)
        self.layers = nn.ModuleList(
            nn.Linear(size + (num_inputs if i == skip_after + 1 else 0), width)
            for i, size in enumerate(sizes)
        )

    def forward(self, x: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch width"]:
        """The last layer's activations."""
        h = x
        for i, layer in enumerate(self.layers):
            h = layer(h).relu()
            if i == self.skip_after and i + 1 < len(self.layers):
                h = torch.cat([x, h], dim=-1)
        return h


class RadianceMLP(nn.Module):
    """NeRF's network: density from the position, colour from position and direction.

    Density is a softplus unless the paper's ReLU is asked for, so that no start leaves it without gradient.

    With 10 and 4 octaves and width 256 it has 595,844 parameters (Mildenhall et al. 2020, fig. 7; one
    colour layer, as in the authors' code).
    """

    def __init__(
        self,
        position: FrequencyEncoding,
        direction: FrequencyEncoding,
        width: int,
        depth: int = 8,
        activation: DensityActivation = "softplus",
    ) -> None:
        super().__init__()
        self.position = position
        self.direction = direction
        self.activation: DensityActivation = activation
        self.trunk = SkipMLP(position.num_outputs, width, depth, skip_after=depth // 2)
        self.density_head = nn.Linear(width, 1)
        self.bottleneck = nn.Linear(width, width)
        self.color_layer = nn.Linear(width + direction.num_outputs, width // 2)
        self.color_head = nn.Linear(width // 2, 3)

    def raw_density(self, h: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch"]:
        """The density before its activation, from the trunk's output."""
        return self.density_head(h)[..., 0]

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density alone."""
        return activate_density(self.raw_density(self.trunk(self.position(points))), self.activation)

    def forward(
        self,
        points: Float[Tensor, "*batch n 3"],
        directions: Float[Tensor, "*batch 3"],
        density_noise: float = 0.0,
    ) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n 3"]]:
        """Density and colour at n points a ray; noise of that deviation is added to the raw density."""
        h = self.trunk(self.position(points))
        raw = self.raw_density(h)
        if density_noise > 0:
            raw = raw + density_noise * torch.randn_like(raw)
        view = self.direction(directions)[..., None, :].expand(*points.shape[:-1], -1)
        color = self.color_layer(torch.cat([self.bottleneck(h), view], dim=-1)).relu()
        return activate_density(raw, self.activation), self.color_head(color).sigmoid()
