"""Sums and products along rays over packed samples: the reference in torch.

`ray_index` is sorted and names the ray of each sample; a ray may have none.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster
from rayloom.types import PackedSamples

OPAQUE = 1e3
"""An optical depth beyond which nothing shines through; keeps sums over many rays finite."""


def segment_sum(
    values: Float[Tensor, "samples *channels"],
    ray_index: Int[Tensor, " samples"],
    num_rays: int,
    *,
    implementation: Implementation = "auto",
) -> Float[Tensor, "rays *channels"]:
    """The sum of each ray's values; zero for a ray without samples."""
    if fast := faster(segment_sum, implementation, values):
        return fast(values, ray_index, num_rays)
    return values.new_zeros(num_rays, *values.shape[1:]).index_add(0, ray_index, values)


def prefix_sum(
    values: Float[Tensor, " samples"], ray_index: Int[Tensor, " samples"], num_rays: int
) -> Float[Tensor, " samples"]:
    """For each sample the sum of the values before it on the same ray.

    One running sum serves all rays; it should be in double precision, in which its rounding stays below
    1e-6 of a ray's sum even after a million samples of the same size.
    """
    before = values.cumsum(0) - values
    first = torch.searchsorted(ray_index, torch.arange(num_rays, device=ray_index.device))
    return before - before[first.clamp(max=max(len(before) - 1, 0))][ray_index] if len(before) else before


def packed_weights(
    optical_depth: Float[Tensor, " samples"],
    ray_index: Int[Tensor, " samples"],
    num_rays: int,
    *,
    implementation: Implementation = "auto",
) -> Float[Tensor, " samples"]:
    """How much each sample adds to its pixel: w_i = exp(-sum_{j<i} τ_j) (1 - exp(-τ_i)), τ = σ δ.

    The sum runs over the samples before i on the same ray (Mildenhall et al. 2020, eq. 3).
    """
    if fast := faster(packed_weights, implementation, optical_depth):
        return fast(optical_depth, ray_index, num_rays)
    depth = optical_depth.double().clamp(max=OPAQUE)
    before = prefix_sum(depth, ray_index, num_rays)
    return (torch.exp(-before) * -torch.expm1(-depth)).to(optical_depth.dtype)


def composite_packed(
    density: Float[Tensor, " samples"],
    rgb: Float[Tensor, "samples 3"],
    samples: PackedSamples,
    background: Float[Tensor, "3"] | Float[Tensor, "rays 3"],
    *,
    implementation: Implementation = "auto",
) -> tuple[
    Float[Tensor, "rays 3"], Float[Tensor, " rays"], Float[Tensor, " rays"], Float[Tensor, " samples"]
]:
    """Colour over the background, opacity, expected distance (0 where nothing was met), and weights."""
    index, num_rays = samples.ray_index, samples.num_rays
    weights = packed_weights(density * samples.widths, index, num_rays, implementation=implementation)
    stacked = torch.cat([rgb, torch.ones_like(rgb[:, :1]), samples.midpoints[:, None]], dim=-1)
    total = segment_sum(weights[:, None] * stacked, index, num_rays, implementation=implementation)
    opacity = total[:, 3]
    # The smallest normal number stands in for zero: an empty ray has depth 0 and a finite gradient.
    depth = total[:, 4] / opacity.clamp(min=torch.finfo(opacity.dtype).tiny)
    return total[:, :3] + (1 - opacity)[:, None] * background, opacity, depth, weights
