"""Colour as the sigmoid of a sum of spherical harmonics (Yu et al. 2021, "PlenOctrees", section 3)."""

from typing import Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.fields.encodings import Encoding
from rayloom.fields.mlp import SkipMLP, activate_density
from rayloom.geometry.directions import spherical_harmonics

Place = TypeVar("Place")

NUM_HARMONICS = 16
"""Of bands 0 to 3, for each of three colours."""
SATURATED = 1e-2
"""Colours are kept so far from 0 and 1 before the inverse sigmoid, where they would count without bound."""
RIDGE = 1e-3
"""Weight of the squares of coefficients beside the mean squared error."""


def harmonic_color(
    coefficients: Float[Tensor, "n 48"], directions: Float[Tensor, "n 3"]
) -> Float[Tensor, "n 3"]:
    """Colour in a direction, from 16 coefficients for each of red, green and blue (eq. 4 and 5)."""
    basis = spherical_harmonics(directions)[:, None]
    return (coefficients.unflatten(-1, (3, NUM_HARMONICS)) * basis).sum(-1).sigmoid()


def fitted_harmonics(
    rgb: Float[Tensor, "n m 3"], directions: Float[Tensor, "n m 3"]
) -> Float[Tensor, "n 48"]:
    """The coefficients whose sums are nearest in squares to the inverse sigmoid of m colours."""
    basis = spherical_harmonics(directions)
    identity = torch.eye(NUM_HARMONICS, dtype=rgb.dtype, device=rgb.device)
    normal = basis.mT @ basis / rgb.shape[1] + RIDGE * identity
    wanted = basis.mT @ rgb.clamp(SATURATED, 1 - SATURATED).logit() / rgb.shape[1]
    return torch.linalg.solve(normal, wanted).mT.flatten(1)


class HarmonicMLP(nn.Module, Generic[Place]):
    """NeRF-SH: the trunk of NeRF, then density and harmonics of colour; it never sees the direction."""

    def __init__(self, position: Encoding[Place], width: int, depth: int) -> None:
        super().__init__()
        self.position = position
        self.trunk = SkipMLP(position.num_outputs, width, depth, skip_after=depth // 2)
        self.density_head = nn.Linear(width, 1)
        self.harmonics_head = nn.Linear(width, 3 * NUM_HARMONICS)

    def density(self, places: Place) -> Float[Tensor, " n"]:
        """Density alone."""
        return activate_density(self.density_head(self.trunk(self.position(places)))[:, 0], "softplus")

    def coefficients(self, places: Place) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 48"]]:
        """Density, and the coefficients of colour."""
        h = self.trunk(self.position(places))
        return activate_density(self.density_head(h)[:, 0], "softplus"), self.harmonics_head(h)

    def forward(
        self, places: Place, directions: Float[Tensor, "n 3"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Density, and colour in one direction for each place."""
        density, coefficients = self.coefficients(places)
        return density, harmonic_color(coefficients, directions)
