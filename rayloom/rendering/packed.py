"""Emission and absorption along rays that have different numbers of samples."""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rayloom.geometry.ndc import world_t_from_ndc_t
from rayloom.kernels import composite_packed, march, packed_weights, prefix_sum, segment_sum
from rayloom.kernels.fused import Space
from rayloom.types import NDCFrame, PackedSamples, Rays, Rendering


@torch.no_grad()
def visible_samples(
    rays: Rays,
    space: Space,
    jitter: Float[Tensor, " rays"],
    density: Callable[[Float[Tensor, "n 3"]], Float[Tensor, " n"]],
) -> PackedSamples:
    """Steps in occupied cells that at least `space.stop` of the light reaches, by the density at points."""
    samples = march(
        rays.origins, rays.directions, rays.near, rays.far, space.occupancy, space.step, jitter,
        limit=space.limit,
    )  # fmt: skip
    return select(samples, visible(density(rays.at_samples(samples)), samples, space.stop))


@torch.no_grad()
def visible(
    density: Float[Tensor, " samples"], samples: PackedSamples, min_transmittance: float
) -> Bool[Tensor, " samples"]:
    """Which samples at least this share of the light gets through to."""
    weights = packed_weights(density * samples.widths, samples.ray_index, samples.num_rays).double()
    return 1 - prefix_sum(weights, samples.ray_index, samples.num_rays) > min_transmittance


def select(samples: PackedSamples, kept: Bool[Tensor, " samples"]) -> PackedSamples:
    """The samples that are kept; rays may end up with none."""
    return PackedSamples(samples.starts[kept], samples.ends[kept], samples.ray_index[kept], samples.num_rays)


def render_packed(
    density: Float[Tensor, " samples"],
    rgb: Float[Tensor, "samples 3"],
    samples: PackedSamples,
    background: Float[Tensor, "3"] | Float[Tensor, "rays 3"],
) -> Rendering:
    """Colour, opacity and expected depth of each ray over a background."""
    color, opacity, depth, weights = composite_packed(density, rgb, samples, background)
    return Rendering(color, opacity, depth, samples, weights, background.expand_as(color))


def with_world_depth_packed(rendering: Rendering, rays: Rays, frame: NDCFrame) -> Rendering:
    """As `with_world_depth`, of rays that have different numbers of samples; `rays` are the world's."""
    samples = rendering.intervals
    assert isinstance(samples, PackedSamples), "dense samples have `with_world_depth`"
    t = world_t_from_ndc_t(samples.midpoints[:, None], rays[samples.ray_index], frame)[:, 0]
    depth = segment_sum(rendering.weights * t, samples.ray_index, samples.num_rays)
    return replace(rendering, depth=depth / rendering.opacity.clamp(min=torch.finfo(t.dtype).tiny))
