"""Points, normal distributions and directions as features in which a small network sees fine detail."""

import math
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.geometry.directions import spherical_harmonics
from rayloom.types import Gaussians

Place_contra = TypeVar("Place_contra", contravariant=True)


@runtime_checkable
class Encoding(Protocol[Place_contra]):
    """A module that makes features of places: of points, or of normal distributions where width counts."""

    num_outputs: int

    def forward(self, places: Place_contra, /) -> Float[Tensor, "*batch features"]:
        """The features of each place."""
        ...

    def __call__(self, places: Place_contra, /) -> Float[Tensor, "*batch features"]:
        """What `forward` returns, after the hooks of the module."""
        ...


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
        return torch.cat([x, _waves(x, self.num_octaves).flatten(-2)], dim=-1)


class AnnealedEncoding(nn.Module):
    """[x, w_0 sin π2^0 x, w_0 cos π2^0 x, ...]: octaves let in one after another (Lin et al. 2021, eq. 14).

    While only low octaves are in, a network is smooth, and gradients pull cameras from afar. The input itself
    always counts in full, and the waves have the factor π, both as in the authors' code. What is in is a
    buffer, so that it is kept with the weights; from the beginning it is every octave.
    """

    def __init__(self, num_octaves: int, num_inputs: int = 3) -> None:
        super().__init__()
        self.num_octaves = num_octaves
        self.num_outputs = num_inputs * (1 + 2 * num_octaves)
        self.octaves_in: Tensor
        self.register_buffer("octaves_in", torch.tensor(float(num_octaves)))

    def let_in(self, octaves: float) -> None:
        """Let the lowest octaves in; a fraction more lets the next one in by its weight."""
        self.octaves_in.fill_(octaves)

    def forward(self, x: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch features"]:
        """The encoded points, octave by octave."""
        weights = octave_weights(self.octaves_in, self.num_octaves).to(x)[:, None]
        return torch.cat([x, (weights * _waves(math.pi * x, self.num_octaves)).flatten(-2)], dim=-1)


def octave_weights(octaves_in: Float[Tensor, ""], num_octaves: int) -> Float[Tensor, " octaves"]:
    """(1 - cos π c) / 2 with c = α - k kept in [0, 1], for α octaves let in (Lin et al. 2021, eq. 14)."""
    share = octaves_in - torch.arange(num_octaves, device=octaves_in.device, dtype=octaves_in.dtype)
    return 0.5 * (1 - (math.pi * share.clamp(0, 1)).cos())


class FourierEncoding(nn.Module):
    """γ(v) = [cos 2πBv, sin 2πBv] with a row of B for each wave (Tancik et al. 2020, section 6).

    Drawn from N(0, σ²), the entries of B let a network that sees γ learn frequencies up to about σ waves per
    unit of v. B is kept with the weights, which mean nothing without it.
    """

    def __init__(self, frequencies: Float[Tensor, "waves k"]) -> None:
        super().__init__()
        self.num_outputs = 2 * len(frequencies)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies)

    def forward(self, x: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch features"]:
        """All cosines, then all sines."""
        angles = 2 * math.pi * (x @ self.frequencies.T)
        return torch.cat([angles.cos(), angles.sin()], dim=-1)


class IntegratedEncoding(nn.Module):
    """Expected sines and cosines of normally distributed coordinates (Barron et al. 2021, eq. 14).

    E[sin 2^l x] = sin(2^l μ) exp(-4^l σ² / 2), and so for the cosine: an octave fades where its waves are
    shorter than the distribution is wide. Where all variances are 0 it is a `FrequencyEncoding` without the
    input itself.
    """

    def __init__(self, num_octaves: int, num_inputs: int = 3) -> None:
        super().__init__()
        self.num_octaves = num_octaves
        self.num_outputs = 2 * num_octaves * num_inputs

    def forward(
        self, marginals: tuple[Float[Tensor, "*batch k"], Float[Tensor, "*batch k"]]
    ) -> Float[Tensor, "*batch features"]:
        """The expected waves, octave by octave, from the means and the variances of k coordinates."""
        means, variances = marginals
        fading = (-0.5 * variances[..., None, :] * _octaves(means, self.num_octaves).square()).exp()
        return (_waves(means, self.num_octaves) * torch.cat([fading, fading], dim=-1)).flatten(-2)


class OffAxisEncoding(nn.Module):
    """The integrated encoding of projections on k directions (Barron et al. 2022, supplement).

    The directions, one in each column, are those of `solid_directions`. Three axes alone cannot tell a long
    oblique distribution from a round one; 21 directions can.
    """

    def __init__(self, num_octaves: int, directions: Float[Tensor, "3 k"]) -> None:
        super().__init__()
        self.waves = IntegratedEncoding(num_octaves, directions.shape[1])
        self.num_outputs = self.waves.num_outputs
        self.directions: Tensor
        # The directions follow from the settings, so that they do not belong into the weights.
        self.register_buffer("directions", directions, persistent=False)

    def forward(self, gaussians: Gaussians) -> Float[Tensor, "*batch features"]:
        """The expected waves along every direction."""
        means = gaussians.means @ self.directions
        variances = (self.directions * (gaussians.covariances @ self.directions)).sum(-2)
        # A flat distribution may come out below 0 by rounding, and high octaves would make much of it.
        return self.waves((means, variances.clamp_min(0)))


class DirectionEncoding(nn.Module):
    """Real spherical harmonics up to the fourth band: 16 values (as in Müller et al. 2022)."""

    num_outputs = 16

    def forward(self, directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 16"]:
        """The harmonics of unit directions."""
        return spherical_harmonics(directions)


def _octaves(like: Tensor, num: int) -> Float[Tensor, "octaves 1"]:
    """The frequencies 1, 2, 4, ... of the waves."""
    return (2.0 ** torch.arange(num, device=like.device, dtype=like.dtype))[:, None]


def _waves(x: Float[Tensor, "*batch k"], num_octaves: int) -> Float[Tensor, "*batch octaves waves"]:
    """Sines and then cosines of all coordinates, for each octave."""
    angles = x[..., None, :] * _octaves(x, num_octaves)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
