"""Emission and absorption along a ray, for the same number of samples on every ray."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.geometry.ndc import world_t_from_ndc_t
from rayloom.types import Intervals, NDCFrame, Rays, Rendering

# Optical depth is linear in width, so any number far beyond the scene makes matter opaque.
ENDLESS = 1e10


def weights_from_density(
    density: Float[Tensor, "*batch n"], widths: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch n"]:
    """How much each interval adds: w_i = T_i (1 - exp(-σ_i δ_i))   (Mildenhall et al. 2020, eq. 3)."""
    optical_depth = density * widths
    # Pad rather than subtract: the last interval may be infinitely dense.
    before = torch.nn.functional.pad(optical_depth[..., :-1].cumsum(-1), (1, 0))
    # expm1 keeps thin matter exact; 1 - exp(-x) rounds to 0 below 3e-8 in float32.
    return torch.exp(-before) * -torch.expm1(-optical_depth)


def composite(
    density: Float[Tensor, "*batch n"],
    rgb: Float[Tensor, "*batch n 3"],
    intervals: Intervals,
    background: Tensor | Sequence[float],
    coarser: tuple[Rendering, ...] = (),
    *,
    endless: bool = False,
    widths: Float[Tensor, "*batch n"] | None = None,
) -> Rendering:
    """Colour, opacity and expected depth of each ray over a background colour.

    `endless` lets the last interval reach to infinity, as in the code of Mildenhall et al. 2020. `widths` are
    those by which density counts, where it is not per unit of the intervals.
    """
    widths = intervals.widths if widths is None else widths
    if endless:
        widths = torch.cat([widths[..., :-1], torch.full_like(widths[..., -1:], ENDLESS)], dim=-1)
    weights = weights_from_density(density, widths)
    opacity = weights.sum(-1)
    behind = torch.as_tensor(background, dtype=rgb.dtype, device=rgb.device).expand(*opacity.shape, 3)
    return Rendering(
        rgb=(weights[..., None] * rgb).sum(-2) + (1 - opacity)[..., None] * behind,
        opacity=opacity,
        depth=expected_depth(weights, intervals.midpoints, opacity),
        intervals=intervals,
        weights=weights,
        background=behind,
        coarser=coarser,
    )


def expected_depth(
    weights: Float[Tensor, "*batch n"], t: Float[Tensor, "*batch n"], opacity: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Mean distance of what was met, 0 where nothing was met."""
    met = opacity > torch.finfo(opacity.dtype).eps
    return torch.where(met, (weights * t).sum(-1) / torch.where(met, opacity, 1), 0)


def with_world_depth(rendering: Rendering, rays: Rays, frame: NDCFrame) -> Rendering:
    """A rendering of rays in normalised device coordinates with its depth along the world's rays.

    Depth in the cube is not linear in distance, so each interval is taken back before the mean.
    """
    assert isinstance(rendering.intervals, Intervals), "the same number on every ray"
    t = world_t_from_ndc_t(rendering.intervals.midpoints, rays, frame)
    return replace(rendering, depth=expected_depth(rendering.weights, t, rendering.opacity))
