"""Sums of a second grid's features, and their gradient, are those composed from the references."""

import pytest
import torch

from rayloom.geometry.contraction import contract
from rayloom.kernels import HashGridLayout, hash_grid, segment_sum, use_reference
from rayloom.kernels.numba.fused_sums import sum_along_rays
from tests.kernels.fused_scenes import BOX, Scene, make

LAYOUT = HashGridLayout(4, 4, 9, 4, 24)


def composed(scene: Scene, table: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    _, (_, opacity, depth, weights), samples = scene.composed(torch.float64)
    index, rays = samples.ray_index, scene.rays
    points = rays.origins[index] + samples.midpoints[:, None] * rays.directions[index]
    place = (points - points.new_tensor(BOX[0])) / points.new_tensor(BOX[1])
    place = (contract(place, "linf") + 2) / 4 if scene.contracted else (place + 1) / 2
    with use_reference():
        features = hash_grid(place, table, LAYOUT)
        return segment_sum(weights.detach()[:, None] * features, index, samples.num_rays), opacity, depth


@pytest.mark.parametrize("contracted", [False, True])
@pytest.mark.parametrize("rays", [1, 333])
def test_fused_sums_and_their_gradient_are_the_composed_ones(contracted, rays):
    scene = make(contracted=contracted, rays=rays)
    table = torch.randn(LAYOUT.num_rows, 4, requires_grad=True)
    double = table.detach().double().requires_grad_()
    expected = composed(scene, double)
    found = sum_along_rays(scene.fused(), table, LAYOUT, scene.rays, scene.space, scene.jitter)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.detach(), atol=2e-4, rtol=1e-4)
    slopes = torch.randn(found[0].shape)
    (wanted,) = torch.autograd.grad(expected[0], double, slopes.double())
    (slope,) = torch.autograd.grad(found[0], table, slopes)
    # The place of a sample is known to 1e-5 cells of the finest level.
    assert (slope - wanted).norm() <= 5e-5 * wanted.norm()


def test_opacity_and_depth_are_constants_for_the_table():
    scene = make()
    table = torch.randn(LAYOUT.num_rows, 4, requires_grad=True)
    _, opacity, depth = sum_along_rays(scene.fused(), table, LAYOUT, scene.rays, scene.space, scene.jitter)
    assert not opacity.requires_grad
    assert not depth.requires_grad


@pytest.mark.parametrize("rays", [0, 50])
def test_without_rays_or_matter_there_is_nothing_to_add(rays):
    scene = make(share=0.0, rays=rays)
    table = torch.randn(LAYOUT.num_rows, 4, requires_grad=True)
    sums, opacity, depth = sum_along_rays(scene.fused(), table, LAYOUT, scene.rays, scene.space, scene.jitter)
    assert sums.shape == (rays, LAYOUT.num_channels)
    assert not sums.any()
    assert not opacity.any()
    assert not depth.any()
    (slope,) = torch.autograd.grad(sums.sum(), table)
    assert not slope.any()
