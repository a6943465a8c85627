"""Fields that lead places of a moving scene to where they belong in one that stands still."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.fields.encodings import Encoding
from rayloom.fields.mlp import SkipMLP
from rayloom.geometry.transforms import screwed

Movement = Literal["translation", "screw"]

_FIRST_OUTPUTS = 1e-4
"""The last layer begins evenly within this distance of 0 (Park et al. 2021): at first nothing moves."""


class DeformationField(nn.Module):
    """Where the matter that is at a place at some moment lies in the scene that stands still.

    A network sees the encoded place and a code of the moment. It gives a vector to add (Pumarola et al.
    2021), or a twist of SE(3), whose screw turns and moves the place (Park et al. 2021, eq. 3). A rotating
    part has the same twist everywhere, but a translation that differs from place to place.
    """

    def __init__(
        self, position: Encoding[Tensor], code_size: int, width: int, depth: int, movement: Movement
    ) -> None:
        super().__init__()
        self.position = position
        self.movement: Movement = movement
        self.trunk = SkipMLP(position.num_outputs + code_size, width, depth, skip_after=4)
        self.head = nn.Linear(width, 3 if movement == "translation" else 6)
        nn.init.uniform_(self.head.weight, -_FIRST_OUTPUTS, _FIRST_OUTPUTS)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, points: Float[Tensor, "*batch n 3"], codes: Float[Tensor, "*batch c"]
    ) -> Float[Tensor, "*batch n 3"]:
        """Where n places a ray belong; all those of a ray share its code."""
        features = self.position(points)
        codes = codes[..., None, :].expand(*features.shape[:-1], -1)
        movement = self.head(self.trunk(torch.cat([features, codes], dim=-1)))
        return points + movement if self.movement == "translation" else screwed(movement, points)

    def jacobian(
        self, points: Float[Tensor, "*batch 3"], codes: Float[Tensor, "*batch c"]
    ) -> Float[Tensor, "*batch 3 3"]:
        """Derivatives of where a place belongs, a row for each coordinate of it; they can be derived again.

        Each place has a code of its own.
        """
        with torch.enable_grad():
            points = points.detach().requires_grad_()
            moved = self(points[..., None, :], codes)[..., 0, :]
            # No place depends on another, so that one sum over them gives the row of each.
            rows = [torch.autograd.grad(moved[..., i].sum(), points, create_graph=True)[0] for i in range(3)]
            return torch.stack(rows, dim=-2)
