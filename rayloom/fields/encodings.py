"""Points and directions as features in which a small network sees fine detail."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.geometry.directions import spherical_harmonics


class FrequencyEncoding(nn.Module):
    """γ(x) = [x, sin 2^0 x, cos 2^0 x, ..., sin 2^(L-1) x, cos 2^(L-1) x] (Mildenhall et al. 2020, eq. 4).

    As in the authors' code, the input itself is kept and there is no factor π.
    """

    def __init__(self, num_octaves: int, num_inputs: int = 3) -> None:
        super().__init__()
        self.num_octaves = num_octaves
        self.num_outputs = num_inputs * (1 + 2 * num_octaves)

    def forward(self, x: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch features"]:
        """The encoded points, octave by octave."""
        octaves = 2.0 ** torch.arange(self.num_octaves, device=x.device, dtype=x.dtype)
        angles = x[..., None, :] * octaves[:, None]
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        return torch.cat([x, waves.flatten(-2)], dim=-1)


class DirectionEncoding(nn.Module):
    """Real spherical harmonics up to the fourth band: 16 values (as in Müller et al. 2022)."""

    num_outputs = 16

    def forward(self, directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 16"]:
        """The harmonics of unit directions."""
        return spherical_harmonics(directions)
