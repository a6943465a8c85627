"""Latents in a hash grid of their own, linear in its features, so that whole rays are turned into latents.

    z(x, d) = M (Y(d) ⊗ h(x)) + b
    Z = sum_k w_k z(x_k, d) + (1 - o) z_0 = M (Y(d) ⊗ sum_k w_k h(x_k)) + o b + (1 - o) z_0

with the features h of a place, functions Y of a direction, weights w_k and opacity o of a ray, and what is
seen where nothing is, z_0. Since z is linear in h and d is the same all along a ray, features can be added up
first: the matrix works once on a ray instead of once on each of its samples.

A latent tells what lies right of a place and below it in the picture. With the texture on a surface given,
slopes along these axes of the picture are linear in the axes, so that Y has them beside the direction.
"""

import importlib
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.kernels import HashGridLayout, hash_grid
from rayloom.kernels.fused import Space
from rayloom.types import Rays

if TYPE_CHECKING:
    from rayloom.kernels.numba.fused import FusedField


NUM_FUNCTIONS = 9


def upright_frame(view_directions: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 9"]:
    """One, the direction, and the axes right and down of a picture by a camera that is held upright.

    The height of the axis to the right is 0, as z is up, and takes no place. Straight up and down there is
    no such camera, and this axis shrinks to nothing.
    """
    x, y, z = view_directions.unbind(-1)
    level = (x * x + y * y).clamp(min=1e-6).sqrt()
    right_x, right_y = y / level, -x / level
    # The cross product of the direction and the axis to the right.
    down = (-z * right_y, z * right_x, x * right_y - y * right_x)
    return torch.stack([torch.ones_like(x), x, y, z, right_x, right_y, *down], dim=-1)


class LatentField(nn.Module):
    """Latents of places and directions, and that of the background, all unbounded.

    What is learned are latents of mean 0 and deviation 1; `standardise` says what that stands for.
    """

    def __init__(self, layout: HashGridLayout, num_latents: int) -> None:
        super().__init__()
        self.layout = layout
        inputs = NUM_FUNCTIONS * layout.num_channels
        self.table = nn.Parameter(
            torch.empty(layout.num_rows, layout.features_per_level).uniform_(-1e-4, 1e-4)
        )
        self.matrix = nn.Parameter(torch.randn(inputs, num_latents) / layout.num_channels**0.5)
        self.bias = nn.Parameter(torch.zeros(num_latents))
        self.background = nn.Parameter(torch.zeros(num_latents))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(num_latents))
        self.deviation: Tensor
        self.register_buffer("deviation", torch.ones(num_latents))

    def standardise(self, mean: Float[Tensor, " latents"], deviation: Float[Tensor, " latents"]) -> None:
        """Mean and standard deviation of the latents that are to be learned, channel by channel."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp(min=1e-6))

    def features(self, unit: Float[Tensor, "n 3"]) -> Float[Tensor, "n channels"]:
        """What the grid holds at places of the unit cube."""
        return hash_grid(unit, self.table, self.layout)

    def latents(
        self,
        sums: Float[Tensor, "rays channels"],
        opacity: Float[Tensor, " rays"],
        view_directions: Float[Tensor, "rays 3"],
    ) -> Float[Tensor, "rays latents"]:
        """Latents of rays from the weighted sums of features along them."""
        frame = upright_frame(view_directions)[:, None]
        # A product of sums with a part of the matrix for each function: nothing as wide as frame ⊗ sums.
        parts = self.matrix.unflatten(0, (NUM_FUNCTIONS, -1)).transpose(0, 1).flatten(1)
        lifted = (frame @ (sums @ parts).unflatten(1, (NUM_FUNCTIONS, -1)))[:, 0]
        seen = opacity[:, None]
        standard = lifted + seen * self.bias + (1 - seen) * self.background
        return self.mean + self.deviation * standard

    def fused_sums(
        self, geometry: "FusedField", rays: Rays, space: Space, jitter: Float[Tensor, " rays"]
    ) -> tuple[Float[Tensor, "rays channels"], Float[Tensor, " rays"], Float[Tensor, " rays"]]:
        """Sums of features, opacity and expected distance of rays by the kernel of the field of density.

        Only the table gets a gradient: weights are constants here.
        """
        kernel = importlib.import_module("rayloom.kernels.numba.fused_sums")
        return kernel.sum_along_rays(geometry, self.table, self.layout, rays, space, jitter)

    def compile(self, geometry: "FusedField", space: Space) -> None:
        """Compile these kernels and their way back, on a ray that meets nothing."""
        geometry.compile(space)
        far_away, ahead, zero = torch.tensor([[1e6, 0, 0]]), torch.tensor([[1.0, 0, 0]]), torch.zeros(1)
        nobody = torch.zeros(1, dtype=torch.int64)
        ray = Rays(far_away, ahead, ahead, zero, zero, zero, nobody, torch.zeros(1, 2), zero)
        with torch.enable_grad():
            sums, _, _ = self.fused_sums(geometry, ray, space, zero)
            torch.autograd.grad(sums.sum(), self.table)
