"""Multilayer perceptrons of the field's classic shape: a trunk with one skip, and heads."""

from typing import Generic, Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rayloom.fields.encodings import Encoding

Place = TypeVar("Place")
DensityActivation = Literal["relu", "softplus"]
Initialization = Literal["glorot", "he"]


def activate_density(raw: Float[Tensor, "*batch"], activation: DensityActivation) -> Float[Tensor, "*batch"]:
    """Non-negative density: ReLU (Mildenhall et al. 2020) or softplus(x - 1) (Barron et al. 2021).

    The softplus keeps a gradient where nothing is, so that training cannot die in an empty scene.
    """
    return raw.relu() if activation == "relu" else functional.softplus(raw - 1)


@torch.no_grad()
def initialize(network: nn.Module, scheme: Initialization) -> None:
    """Draw the weights of all linear layers anew, evenly from [-a, a], and set their biases to 0.

    a² is 6 / (inputs + outputs) for "glorot" (Glorot and Bengio 2010, eq. 16), which mip-NeRF uses, and
    6 / inputs for "he" (He et al. 2015, eq. 10), which mip-NeRF 360 uses.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            if scheme == "glorot":
                nn.init.xavier_uniform_(layer.weight)
            else:
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            layer.bias.zero_()


class SkipMLP(nn.Module):
    """`depth` ReLU layers; the input enters again behind layer `skip_after`, as in NeRF and DeepSDF.

    Layers count from 0; a trunk of no more than `skip_after` + 1 layers has no skip.
    """

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


class RadianceMLP(nn.Module, Generic[Place]):
    """NeRF's network: density from the position, colour from position and direction.

    Density is a softplus unless the paper's ReLU is asked for, so that no start leaves it without gradient.
    The bottleneck between trunk and colour is as wide as the trunk, and the colour layer half as wide, unless
    told otherwise. `color_padding` stretches colours to [-padding, 1 + padding], so that black and white lie
    where the sigmoid still has a slope. With a `code_size`, colour depends on a code of each ray too.

    With 10 and 4 octaves and width 256 it has 595,844 parameters (Mildenhall et al. 2020, fig. 7; one
    colour layer, as in the authors' code).
    """

    def __init__(
        self,
        position: Encoding[Place],
        direction: Encoding[Tensor],
        width: int,
        depth: int = 8,
        activation: DensityActivation = "softplus",
        *,
        bottleneck: int | None = None,
        color_width: int | None = None,
        color_padding: float = 0.0,
        code_size: int = 0,
    ) -> None:
        super().__init__()
        self.position = position
        self.direction = direction
        self.activation: DensityActivation = activation
        self.color_padding = color_padding
        bottleneck, color_width = bottleneck or width, color_width or width // 2
        self.trunk = SkipMLP(position.num_outputs, width, depth, skip_after=depth // 2)
        self.density_head = nn.Linear(width, 1)
        self.bottleneck = nn.Linear(width, bottleneck)
        self.color_layer = nn.Linear(bottleneck + direction.num_outputs + code_size, color_width)
        self.color_head = nn.Linear(color_width, 3)

    def raw_density(self, h: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch"]:
        """The density before its activation, from the trunk's output."""
        return self.density_head(h)[..., 0]

    def density(self, places: Place) -> Float[Tensor, "*batch"]:
        """Density alone."""
        return activate_density(self.raw_density(self.features(places)), self.activation)

    def features(self, places: Place) -> Float[Tensor, "*batch width"]:
        """The output of the trunk, which heads of other kinds may read too."""
        return self.trunk(self.position(places))

    def forward(
        self, places: Place, directions: Float[Tensor, "*batch 3"], density_noise: float = 0.0
    ) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n 3"]]:
        """Density and colour at n places a ray; noise of that deviation is added to the raw density."""
        return self.seen(self.features(places), directions, density_noise)

    def seen(
        self,
        h: Float[Tensor, "*batch n width"],
        directions: Float[Tensor, "*batch 3"],
        density_noise: float = 0.0,
        code: Float[Tensor, "*batch size"] | None = None,
    ) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n 3"]]:
        """As `forward`, from the trunk's output, and with the codes of the rays where there are any."""
        density, _, rgb = self._heads(h, directions, density_noise, code)
        return density, rgb

    def with_activations(
        self, places: Place, directions: Float[Tensor, "*batch 3"], density_noise: float = 0.0
    ) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n c"], Float[Tensor, "*batch n 3"]]:
        """As `forward`, with the output of the colour layer, on which alone colour depends."""
        return self._heads(self.features(places), directions, density_noise, None)

    def _heads(
        self, h: Tensor, directions: Tensor, density_noise: float, code: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Density, the output of the colour layer, and colour."""
        raw = self.raw_density(h)
        if density_noise > 0:
            raw = raw + density_noise * torch.randn_like(raw)
        view = self.direction(directions)
        view = view if code is None else torch.cat([view, code], dim=-1)
        view = view[..., None, :].expand(*raw.shape, -1)
        activations = self.color_layer(torch.cat([self.bottleneck(h), view], dim=-1)).relu()
        rgb = self.color_head(activations).sigmoid() * (1 + 2 * self.color_padding) - self.color_padding
        return activate_density(raw, self.activation), activations, rgb


class DensityMLP(nn.Module, Generic[Place]):
    """Density alone, as a small network that only says where to look (Barron et al. 2022, section 3).

    With 4 layers of 256 and 504 features it has 326,913 parameters.
    """

    def __init__(
        self,
        position: Encoding[Place],
        width: int,
        depth: int,
        activation: DensityActivation = "softplus",
    ) -> None:
        super().__init__()
        self.position = position
        self.activation: DensityActivation = activation
        # The input is not needed again: the network is shallow.
        self.trunk = SkipMLP(position.num_outputs, width, depth, skip_after=depth)
        self.density_head = nn.Linear(width, 1)

    def forward(self, places: Place) -> Float[Tensor, "*batch"]:
        """Density at places."""
        return activate_density(self.density_head(self.trunk(self.position(places)))[..., 0], self.activation)
