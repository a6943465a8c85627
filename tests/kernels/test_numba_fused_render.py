"""Fused images and densities are those that a method composes from the references."""

import pytest
import torch

from rayloom.geometry.contraction import contract
from rayloom.kernels import hash_grid, tiny_mlp
from tests.kernels.fused_scenes import BOX, LAYOUT, THINNESS, make


@pytest.mark.parametrize("contracted", [False, True])
@pytest.mark.parametrize("codes", [False, True])
def test_fused_image_is_the_composed_image(contracted, codes):
    scene = make(contracted=contracted, codes=codes)
    scene.rays.camera_index[::3] = -1
    _, expected, _ = scene.composed(torch.float64)
    found = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    for one, other in zip(found, expected[:3], strict=True):
        torch.testing.assert_close(one.double(), other.detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("contracted", [False, True])
def test_density_at_points_is_that_of_the_field(contracted):
    scene = make(contracted=contracted)
    table, w1, w2, *_ = scene.params
    points = torch.randn(333, 3) * 2
    place = (points - torch.tensor(BOX[0])) / torch.tensor(BOX[1])
    distance = place.abs().amax(-1).clamp(min=1) if contracted else 1
    place = (contract(place, "linf") + 2) / 4 if contracted else (place + 1) / 2
    density = tiny_mlp(hash_grid(place, table, LAYOUT), [w1, w2])[:, 0].clamp(max=12).exp() * THINNESS
    expected = density / distance
    found = scene.fused().density_at(points, scene.space)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_ray_that_is_no_number_spoils_its_own_pixel_only():
    scene = make()
    whole, _, _ = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    scene.rays.origins[7] = float("nan")
    found, _, _ = scene.fused().render(scene.rays, scene.background, scene.space, scene.jitter)
    others = torch.arange(len(found)) != 7
    torch.testing.assert_close(found[others], whole[others])
