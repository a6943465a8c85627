"""Kernels that work along rays: marching, weights, sums and compositing."""

from collections.abc import Callable

import torch
from jaxtyping import Bool
from torch import Tensor

from rayloom.bench.limits import Limits
from rayloom.bench.problem import Problem, backward, copied
from rayloom.bench.timing import Effort
from rayloom.kernels import (
    Implementation,
    StepRule,
    composite_packed,
    march,
    occupancy_bits,
    packed_weights,
    segment_sum,
)
from rayloom.kernels.octree import leaf_segments, octree_nodes
from rayloom.types import PackedSamples

SAMPLES_PER_RAY = 16
STEP = 2 / 192
"""Of loom in an object's box."""


def march_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Steps through a ball in a grid of 128^3 cells; each sample found is written as 16 bytes."""
    grid = occupancy_bits(_ball(device)[None], (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    rays = _rays(device, effort)
    samples = len(march(*rays, grid, StepRule(STEP)).starts)
    return Problem(
        *("march", march, rays, samples, "samples"),
        lambda implementation: lambda: march(*rays, grid, StepRule(STEP), implementation=implementation),
        *(copied(limits, 16, samples), "copying bytes"),
    )


def leaf_segments_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """The same ball as leaves of an octree, on its level of 128^3 cells; a leaf's number is 8 bytes more."""
    cells = _ball(device).nonzero()
    tree = octree_nodes(torch.full((len(cells),), 7, device=device), cells, 7, (-1.0, -1.0, -1.0), 2.0)
    rays = _rays(device, effort)
    samples = len(leaf_segments(*rays, tree)[1])
    return Problem(
        *("leaf_segments", leaf_segments, rays, samples, "samples"),
        lambda implementation: lambda: leaf_segments(*rays, tree, implementation=implementation),
        *(copied(limits, 24, samples), "copying bytes"),
    )


def packed_weights_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Weights of samples; depth in, weights and what is left behind each sample out."""
    samples = _samples(device, effort)
    depth, rays = torch.rand(len(samples.starts), device=device), samples.num_rays

    def call(implementation: Implementation) -> Callable[[], object]:
        return lambda: packed_weights(depth, samples.ray_index, rays, implementation=implementation)

    about = ("packed_weights forward", packed_weights, (depth,), len(depth), "samples")
    return Problem(*about, call, copied(limits, 12, len(depth)), "copying bytes")


def packed_weights_backward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Gradient of the depths; gradient, weights and what is left in, gradient out."""
    samples = _samples(device, effort)
    depth = torch.rand(len(samples.starts), device=device).requires_grad_()

    def call(implementation: Implementation) -> Callable[[], object]:
        index, rays = samples.ray_index, samples.num_rays
        return backward(packed_weights(depth, index, rays, implementation=implementation), depth)

    about = ("packed_weights backward", packed_weights, (depth,), len(depth), "samples")
    return Problem(*about, call, copied(limits, 16, len(depth)), "copying bytes")


def segment_sum_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Sums of five channels by ray: colour, opacity and depth."""
    samples = _samples(device, effort)
    values, rays = torch.rand(len(samples.starts), 5, device=device), samples.num_rays

    def call(implementation: Implementation) -> Callable[[], object]:
        return lambda: segment_sum(values, samples.ray_index, rays, implementation=implementation)

    about = ("segment_sum forward", segment_sum, (values,), len(values), "samples")
    return Problem(*about, call, copied(limits, 20, len(values)), "copying bytes")


def segment_sum_backward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Each sample gets its ray's row; the number of the ray in, the row out."""
    samples = _samples(device, effort)
    values = torch.rand(len(samples.starts), 5, device=device).requires_grad_()

    def call(implementation: Implementation) -> Callable[[], object]:
        index, rays = samples.ray_index, samples.num_rays
        return backward(segment_sum(values, index, rays, implementation=implementation), values)

    about = ("segment_sum backward", segment_sum, (values,), len(values), "samples")
    return Problem(*about, call, copied(limits, 28, len(values)), "copying bytes")


def composite_packed_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Colours of rays; density, colour, edges and the ray of each sample in."""
    samples = _samples(device, effort)
    density = torch.rand(len(samples.starts), device=device)
    rgb, background = torch.rand(len(density), 3, device=device), torch.ones(3, device=device)

    def call(implementation: Implementation) -> Callable[[], object]:
        return lambda: composite_packed(density, rgb, samples, background, implementation=implementation)

    about = ("composite_packed", packed_weights, (density,), len(density), "samples")
    return Problem(*about, call, copied(limits, 32, len(density)), "copying bytes")


def _ball(device: torch.device) -> Bool[Tensor, "128 128 128"]:
    """The cells of a cube that hold matter."""
    cell = torch.linspace(-1, 1, 128, device=device)
    return torch.stack(torch.meshgrid(cell, cell, cell, indexing="ij")).norm(dim=0) < 0.2


def _rays(device: torch.device, effort: Effort) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Origins, directions and bounds of rays from all around past the ball and through it."""
    n = max(effort.items // SAMPLES_PER_RAY, 1)
    origins = 2 * torch.nn.functional.normalize(torch.randn(n, 3, device=device), dim=-1)
    directions = torch.nn.functional.normalize(0.5 * torch.rand(n, 3, device=device) - 0.25 - origins, dim=-1)
    return origins, directions, torch.ones(n, device=device), torch.full((n,), 3.0, device=device)


def _samples(device: torch.device, effort: Effort) -> PackedSamples:
    """Samples of rays that have few or many of them."""
    rays = max(effort.items // SAMPLES_PER_RAY, 1)
    counts = torch.randint(2 * SAMPLES_PER_RAY, (rays,), device=device)
    index = torch.repeat_interleave(torch.arange(rays, device=device), counts)
    starts = STEP * torch.arange(len(index), device=device)
    return PackedSamples(starts, starts + STEP, index, rays)
