"""A tensorial field seen through a Gaussian, which no dense grid is built for (Cheng et al. 2024)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.fields.filtering import gaussian_filter
from rayloom.fields.tensor_field import TensorField
from rayloom.fields.tensors import Factors, vector_matrix_components


class FilteredField(nn.Module):
    """A `TensorField` of planes and lines whose features are filtered before anything is made of them.

    Planes and lines are filtered by themselves (theorem 4). Density and colour, which are no linear functions
    of the features, are not those of a blurred scene. Factors begin positive, as in the authors' code.
    """

    def __init__(self, field: TensorField, *, normalized: bool) -> None:
        super().__init__()
        for factor in field.factors():
            factor.data.abs_()
        self.field = field
        self.normalized = normalized
        self.width: Tensor
        self.register_buffer("width", torch.tensor(0.0))
        """Deviation of the filter in edges of the grid; kept with the weights, which were learnt under it."""

    def density(self, points: Float[Tensor, "n 3"], scale: float = 1.0) -> Float[Tensor, " n"]:
        """Density per world unit under a filter of scaled width; 0 beyond a box that has an end."""
        unit = self.field.unit(points)
        return self.field.density_of(self.components(self.field.density_factors, unit, scale), unit)

    def color(self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """SRGB colour of points as seen along unit directions, under a filter of the whole width."""
        unit = self.field.unit(points)
        return self.field.color_of(self.components(self.field.appearance_factors, unit), directions)

    def components(
        self, factors: Factors, unit: Float[Tensor, "n 3"], scale: float = 1.0
    ) -> Float[Tensor, "n components"]:
        """What filtered factors are at points in [-1, 1]^3."""
        sigma, normalized = scale * float(self.width) * sum(factors.resolution) / 3, self.normalized
        planes = [gaussian_filter(plane, sigma, (1, 2), normalized=normalized) for plane in factors.planes]
        lines = [gaussian_filter(line, sigma, (1,), normalized=normalized) for line in factors.lines]
        return vector_matrix_components(planes, lines, unit)
