"""A radiance field in a hash grid, read by two small networks (Müller et al. 2022, section 5.4)."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rayloom.fields.codes import CodeTable
from rayloom.fields.encodings import DirectionEncoding
from rayloom.geometry.boxes import Box
from rayloom.geometry.contraction import contract
from rayloom.kernels import HashGridLayout, hash_grid, tiny_mlp
from rayloom.kernels.fused import Space, fused_field
from rayloom.types import Image, Rays

if TYPE_CHECKING:
    from rayloom.kernels.numba.fused import FusedField

NUM_FEATURES = 16
"""Outputs of the density network; the first is the logarithm of density over its initial value."""
CODE_SIZE = 16
MAX_LOG_DENSITY = 12.0
"""Beyond it density stays constant: matter so dense is opaque at any step."""


class HashField(nn.Module):
    """Density and 16 features from a place; colour from the features, the direction and an image's code.

    The grid covers a box, or all of space, contracted by the L-infinity ball of the box. The networks have
    no biases, so that the features of a place alone decide what is there.
    """

    def __init__(
        self, layout: HashGridLayout, box: Box, *, contracted: bool, num_codes: int, initial_density: float
    ) -> None:
        super().__init__()
        self.initial_density = initial_density
        self.layout = layout
        self.contracted = contracted
        self.box = box
        self.table = nn.Parameter(
            torch.empty(layout.num_rows, layout.features_per_level).uniform_(-1e-4, 1e-4)
        )
        self.directions = DirectionEncoding()
        code_size = CODE_SIZE if num_codes else 0
        self.density_mlp = _matrices(layout.num_channels, 64, NUM_FEATURES)
        self.color_mlp = _matrices(NUM_FEATURES + self.directions.num_outputs + code_size, 64, 3)
        self.codes = CodeTable(num_codes, code_size) if num_codes else None
        self._fused: FusedField | None = None

    @torch.no_grad()
    def hold_back(self, share: float) -> None:
        """Empty the finest levels: of the finer half of them, all but a share in [0, 1].

        A wrong camera finds its way by what is coarse; fine levels would soon show what it sees as it stands.
        """
        count = self.layout.num_levels
        held = math.ceil((1 - share) * (count // 2))
        if held > 0:
            self.table[self.layout.levels[count - held].offset :] = 0

    def unit(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """World points in the unit cube of the grid."""
        in_box = self.box.to(points.device).unit_from_world(points)
        return (contract(2 * in_box - 1, "linf") + 2) / 4 if self.contracted else in_box

    def geometry(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 16"]]:
        """Density per world unit, and the features that colour is made of."""
        unit = self.unit(points)
        features = self.features(unit)
        density = self.initial_density * features[:, 0].clamp(max=MAX_LOG_DENSITY).exp()
        return density * self.thinning(unit), features

    def density(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density at world points, per world unit."""
        return self.geometry(points)[0]

    def quick_density(self, points: Float[Tensor, "n 3"], space: Space) -> Float[Tensor, " n"]:
        """The same without a gradient, by the fused kernel where there is one."""
        field = self.fused()
        return self.density(points) if field is None else field.density_at(points, space)

    def fused_image(self, rays: Rays, background: Float[Tensor, "3"], space: Space) -> Image | None:
        """The picture seen along `h w` rays, by the fused kernel; None where there is none."""
        field, flat = self.fused(), rays.reshape(rays.shape.numel())
        if field is None:
            return None
        stranger = None if self.codes is None else self.codes.stranger
        middle = torch.full_like(flat.near, 0.5)
        rgb, opacity, depth = field.render(flat, background.expand_as(flat.origins), space, middle, stranger)
        return Image(rgb.reshape(*rays.shape, 3), opacity.reshape(rays.shape), depth.reshape(rays.shape))

    def features(self, unit: Float[Tensor, "n 3"]) -> Float[Tensor, "n 16"]:
        """What the density network makes of places in the unit cube."""
        return tiny_mlp(hash_grid(unit, self.table, self.layout), list(self.density_mlp))

    def thinning(self, unit: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Factor on density by which fog thins outward like 1 / distance where the grid holds all of space.

        What is far away is large: a step there is as long as the distance, and should weigh as much.
        """
        if not self.contracted:
            return torch.ones_like(unit[:, 0])
        return (2 - (4 * unit - 2).abs().amax(-1)).clamp(max=1)

    def color(self, features: Float[Tensor, "n 16"], view: Float[Tensor, "n inputs"]) -> Float[Tensor, "n 3"]:
        """SRGB colour from the features of places and the view of their rays."""
        return tiny_mlp(torch.cat([features, view], dim=-1), list(self.color_mlp)).sigmoid()

    def seen(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n m 3"]
    ) -> Float[Tensor, "n m 3"]:
        """Colours of world points from m unit directions each, as no photo in particular shows them."""
        count, per_point = directions.shape[:2]
        nobody = torch.full((count * per_point,), -1, device=points.device)
        features = self.geometry(points)[1].repeat_interleave(per_point, 0)
        return self.color(features, self.view(directions.flatten(0, 1), nobody)).view(directions.shape)

    def view(
        self, directions: Float[Tensor, "rays 3"], image: Int[Tensor, " rays"]
    ) -> Float[Tensor, "rays inputs"]:
        """What colour depends on besides the place; an image of -1 has the code of a stranger."""
        harmonics = self.directions(directions)
        if self.codes is None:
            return harmonics
        return torch.cat([harmonics, self.codes(image)], dim=-1)

    def fused(self) -> "FusedField | None":
        """This field in one kernel, made when first wanted; None where the device has no such kernel.

        It trains and reads the parameters of this module in place.
        """
        if self._fused is None:
            codes = None if self.codes is None else self.codes.weight
            parts = (self.layout, self.table, list(self.density_mlp), list(self.color_mlp), codes)
            self._fused = fused_field(*parts, contracted=self.contracted, thinness=self.initial_density)
        return self._fused


def _matrices(*sizes: int) -> nn.ParameterList:
    """Matrices of a network without biases, outputs by inputs, He-uniform."""
    matrices: Sequence[Tensor] = [torch.empty(outputs, inputs) for inputs, outputs in pairwise(sizes)]
    for matrix in matrices:
        nn.init.kaiming_uniform_(matrix, nonlinearity="relu")
    return nn.ParameterList(nn.Parameter(matrix) for matrix in matrices)
