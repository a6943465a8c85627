"""Colour that changes with direction, in eight features a voxel.

A voxel's colour is c(d) = c0 + Σ_k f_k B_k(d): features f times functions of direction that the whole scene
shares, three colours each, made of spherical harmonics. They are the principal components of the harmonics
of single voxels, as these are in PlenOctrees (Yu et al. 2021); and because colour is linear in features, a
ray may add up c0 and f first and look at direction once, as in SNeRG (Hedman et al. 2021), without the small
network whose result depends on what was mixed.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.geometry.directions import spherical_harmonics
from rayloom.kernels.dispatch import numba_suits
from rayloom.kernels.voxels import MAX_LEVEL
from rayloom.types import Record

NUM_FEATURES = 8
NUM_HARMONICS = 15
"""Those of bands 1 to 3: what the constant one adds is c0."""
SMOOTHNESS = 1e-2
"""Weight of the squares of a voxel's harmonics beside the mean squared error of its colours."""
RIDGE = 1e-5
"""The same for features, whose variance over the scene is one."""
FEATURE_STEP = 0.024
"""Change in colour from byte to byte, as the norm of its harmonics: 0.004 a channel in the mean."""
ROUNDS = 6
"""Alternations between the features of voxels and the functions that they share."""


@dataclass(frozen=True)
class Shading(Record):
    """The functions of direction that all voxels share, and what a byte of a feature means."""

    basis: Float[Tensor, "features 3 15"]
    """Coefficients of the harmonics for each feature and colour."""
    low: Float[Tensor, " features"]
    """The feature at byte 0."""
    span: Float[Tensor, " features"]
    """From there to byte 255."""

    def responses(self, directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch features 3"]:
        """The functions B_k of unit directions."""
        return torch.einsum("...h,kch->...kc", harmonics(directions).to(self.basis), self.basis)

    def color(
        self,
        values: Float[Tensor, "*batch 11"],
        opacity: Float[Tensor, "*batch"],
        directions: Float[Tensor, "*batch 3"],
    ) -> Float[Tensor, "*batch 3"]:
        """Colour of rays from their sums of weight times byte / 255; over nothing, so at most `opacity`."""
        features = self.low * opacity[..., None] + self.span * values[..., 3:]
        color = values[..., :3] + (features[..., None] * self.responses(directions)).sum(-2)
        return color.clamp(min=0).minimum(opacity[..., None])

    def over(
        self,
        background: Float[Tensor, "3"],
        values: Float[Tensor, "rays 11"],
        opacity: Float[Tensor, " rays"],
        directions: Float[Tensor, "rays 3"],
    ) -> Float[Tensor, "rays 3"]:
        """The same over a background."""
        if numba_suits(values, opacity, directions):
            from rayloom.kernels.numba.voxel_shading import shaded  # noqa: PLC0415  Numba may be missing.

            return shaded(values, opacity, directions, self.basis, self.low, self.span, background)
        rgb = (1 - opacity)[:, None] * background
        (met,) = opacity.nonzero(as_tuple=True)
        rgb[met] += self.color(values[met], opacity[met], directions[met])
        return rgb


def harmonics(directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 15"]:
    """Real spherical harmonics of bands 1 to 3."""
    return spherical_harmonics(directions)[..., 1:]


def fit_basis(
    colors: Float[Tensor, "n m 3"], directions: Float[Tensor, "n m 3"]
) -> Float[Tensor, "features 3 15"]:
    """The functions that explain best how the colours of n voxels change over m directions each.

    They begin as principal components of voxel-wise ridge regressions; then features and functions are
    solved for in turn.
    """
    waves = harmonics(directions)
    design = torch.cat([torch.ones_like(waves[..., :1]), waves], dim=-1)
    penalty = torch.diag(torch.tensor([1e-6] + [SMOOTHNESS] * NUM_HARMONICS))
    normal = design.mT @ design / design.shape[1] + penalty
    coefficients = torch.linalg.solve(normal, design.mT @ colors / design.shape[1])
    flat = coefficients[:, 1:].mT.reshape(len(colors), -1)
    components = torch.linalg.eigh((flat.mT @ flat).double()).eigenvectors
    basis = components[:, -NUM_FEATURES:].mT.reshape(NUM_FEATURES, 3, NUM_HARMONICS).float()
    for _ in range(ROUNDS):
        mean, features = fit_voxels(colors, directions, basis)
        basis = _best_basis(colors - mean[:, None], waves, features)
    return _principal(basis, fit_voxels(colors, directions, basis)[1])


def feature_bytes(basis: Float[Tensor, "features 3 15"]) -> Shading:
    """What bytes of features shall mean: equal steps in colour for each, with 0 at the middle."""
    step = FEATURE_STEP / basis.flatten(1).norm(dim=-1).clamp_min(1e-9)
    return Shading(basis, -(MAX_LEVEL // 2) * step, MAX_LEVEL * step)


def fit_voxels(
    colors: Float[Tensor, "n m 3"], directions: Float[Tensor, "n m 3"], basis: Float[Tensor, "features 3 15"]
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n features"]]:
    """The mean colour c0, in [0, 1], and the features of voxels that explain their colours best."""
    responses = torch.einsum("nmh,kch->nmck", harmonics(directions), basis)
    middle, center = responses.mean(1, keepdim=True), colors.mean(1, keepdim=True)
    design = (responses - middle).flatten(1, 2)
    normal = design.mT @ design / design.shape[1] + RIDGE * torch.eye(len(basis))
    target = design.mT @ (colors - center).flatten(1)[..., None] / design.shape[1]
    features = torch.linalg.solve(normal, target)[..., 0]
    mean = center[:, 0] - (middle[:, 0] @ features[..., None])[..., 0]
    return mean.clamp(0, 1), features


def _best_basis(
    colors: Float[Tensor, "n m 3"], waves: Float[Tensor, "n m 15"], features: Float[Tensor, "n features"]
) -> Float[Tensor, "features 3 15"]:
    """The functions for given features, each of which is brought to unit variance first."""
    features = features / features.square().mean(0).sqrt().clamp_min(1e-9)
    design = torch.einsum("nk,nmh->nmkh", features, waves).flatten(0, 1).flatten(1)
    normal = design.mT @ design / len(design) + 1e-6 * torch.eye(design.shape[1])
    solved = torch.linalg.solve(normal, design.mT @ colors.flatten(0, 1) / len(design))
    return solved.mT.reshape(3, NUM_FEATURES, NUM_HARMONICS).transpose(0, 1).contiguous()


def _principal(
    basis: Float[Tensor, "features 3 15"], features: Float[Tensor, "n features"]
) -> Float[Tensor, "features 3 15"]:
    """Functions that make the same colours, as orthogonal over the sphere as their features are over voxels.

    Features have unit variance, and the functions of the last ones are small, so that these take few bits.
    """
    padded = torch.cat([features, features.new_zeros(len(basis), len(basis))])
    _, scales, waves = torch.linalg.svd(
        torch.linalg.qr(padded).R @ basis.flatten(1) / math.sqrt(len(features)), full_matrices=False
    )
    return (scales[:, None] * waves).view_as(basis)
