"""All of space in a ball of radius 2 (Barron et al. 2022, eq. 10), in the Euclidean and the maximum norm."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from rayloom.geometry.boxes import Box
from rayloom.types import Gaussians

Norm = Literal["l2", "linf"]
"""The unit ball of "l2" is round, that of "linf" is the cube [-1, 1]^3."""


def contract(points: Float[Tensor, "*batch 3"], norm: Norm) -> Float[Tensor, "*batch 3"]:
    """Points with |x| > 1 moved to (2 - 1/|x|) x/|x|, the others as they are."""
    # At radius 1 the factor is 1: clamping the radius makes one formula do for inside and outside.
    radius = _radius_from_one(points, norm)
    return points * ((2 - 1 / radius) / radius)


def uncontract(points: Float[Tensor, "*batch 3"], norm: Norm) -> Float[Tensor, "*batch 3"]:
    """The inverse of `contract`; points at radius 2 and beyond go to radius 1e6 instead of infinity."""
    radius = _radius_from_one(points, norm)
    return points / (radius * (2 - radius).clamp_min(1e-6))


def contraction_jacobian(points: Float[Tensor, "*batch 3"], norm: Norm) -> Float[Tensor, "*batch 3 3"]:
    """Derivatives of `contract`: rows for its outputs, columns for its inputs; the identity inside.

    Outside it is a I + (b - a) u nᵀ, with u = x / |x|, n the gradient of the norm (u itself for "l2"),
    a = (2 - 1/|x|) / |x| the scale along the sphere and b = 1/|x|² the scale across it.
    """
    radius = _radius_from_one(points, norm)
    outward = points / radius
    sideways_scale = (2 - 1 / radius) / radius
    # b - a = 2 (1 - |x|) / |x|² is 0 at the clamped radius, so that what u and n are inside does not matter.
    difference = 2 * (1 / radius - 1) / radius
    steepest = outward if norm == "l2" else _steepest_axis(outward)
    identity = torch.eye(3, dtype=points.dtype, device=points.device)
    return (
        sideways_scale[..., None] * identity + (difference * outward)[..., :, None] * steepest[..., None, :]
    )


def contract_gaussians(gaussians: Gaussians, norm: Norm) -> Gaussians:
    """Normal distributions under the contraction, linear around their means: (f(μ), J Σ Jᵀ) (eq. 9)."""
    jacobian = contraction_jacobian(gaussians.means, norm)
    return Gaussians(contract(gaussians.means, norm), jacobian @ gaussians.covariances @ jacobian.mT)


def frame_from_world(
    points: Float[Tensor, "*batch 3"], box: Box, *, contracted: bool
) -> Float[Tensor, "*batch 3"]:
    """World points in the frame [-1, 1]^3 of a grid, which a box fills.

    Contracted, the grid holds all of space: the box fills its middle half, [-0.5, 0.5]^3.
    """
    in_box = 2 * box.unit_from_world(points) - 1
    return contract(in_box, "linf") / 2 if contracted else in_box


def stretch_share(frame: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    """How much shorter than the grid's a world unit is where `frame_from_world` contracted: 1 in the box.

    Outside it falls like 1 / distance, and so should fog: what is far away is large.
    """
    return (2 - 2 * frame.abs().amax(-1)).clamp(max=1)


def _radius_from_one(points: Tensor, norm: Norm) -> Tensor:
    """The norm, but at least 1; the clamp comes before the root, whose slope at 0 is infinite."""
    if norm == "l2":
        return points.square().sum(-1, keepdim=True).clamp_min(1).sqrt()
    return points.abs().amax(-1, keepdim=True).clamp_min(1)


def _steepest_axis(points: Tensor) -> Tensor:
    """The gradient of the maximum norm: the signed axis of the largest coordinate, or of one of them."""
    largest = functional.one_hot(points.abs().argmax(-1), 3)
    return largest * points.sign()
