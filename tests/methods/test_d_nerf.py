from dataclasses import replace

import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.views import Views
from rayloom.methods.d_nerf import DNeRF, DNeRFConfig
from rayloom.types import Batch, Progress, Rays, SceneInfo
from tests.methods.ball import FORWARD, OBJECT, UNBOUNDED, random_rays


def d_nerf(scene: SceneInfo = OBJECT, *, moves: bool = True, **settings: object) -> DNeRF:
    torch.manual_seed(0)
    method = DNeRF(replace(DNeRF.presets["tiny"], **settings), scene).eval()  # type: ignore[arg-type]
    if moves and method.deformation is not None:
        torch.nn.init.normal_(method.deformation.head.weight, std=0.1)
    return method


def rays_at(time: float | torch.Tensor, num_rays: int = 8) -> Rays:
    rays = random_rays(OBJECT, num_rays, torch.Generator().manual_seed(0))
    return replace(rays, time=torch.as_tensor(time).expand(num_rays).clone())


def test_the_paper_size_has_one_nerf_and_as_deep_a_deformation():
    method = DNeRF(DNeRFConfig(), OBJECT)
    assert sum(p.numel() for p in method.network.parameters()) == 595_844
    assert method.deformation is not None
    assert len(method.deformation.trunk.layers) == 8
    assert method.deformation.trunk.layers[0].in_features == 63 + 21


def test_at_time_0_nothing_is_displaced_whatever_the_network_says():
    method, rays = d_nerf(), rays_at(torch.tensor([0.0, 0.0, 0.5, 1.0]), 4)
    points = rays.at(torch.linspace(1, 3, 5).expand(4, 5))
    places = method.places(points, rays.time)
    assert torch.equal(places[:2], points[:2])
    assert (places[2:] != points[2:]).any(-1).all()


def test_before_the_first_training_photo_nothing_is_displaced():
    method, rays = d_nerf(), rays_at(torch.tensor([0.0, 0.2, 0.3]), 3)
    item = Intrinsics(CameraModel.PINHOLE, 4, 4, 4.0, 4.0, 2.0, 2.0)
    poses, times = torch.eye(3, 4).repeat(3, 1, 1), torch.tensor([0.6, 0.2, 1.0])
    method.observe(Views(Cameras.from_intrinsics([item] * 3, poses, 1.0, 3.0, times=times), ()))
    points = rays.at(torch.linspace(1, 3, 5).expand(3, 5))
    places = method.places(points, rays.time)
    assert torch.equal(places[:2], points[:2])
    assert (places[2] != points[2]).any(-1).all()


def test_time_moves_what_is_seen_by_way_of_the_deformation_alone():
    moving, resting = d_nerf(), d_nerf(moves=False)
    with torch.no_grad():
        first, later = (moving.render(rays_at(time)).rgb for time in (0.0, 0.7))
        torch.testing.assert_close(resting.render(rays_at(0.0)).rgb, first)
    assert (first - later).abs().max() > 1e-4


def test_a_known_translation_shows_the_scene_of_time_0_from_elsewhere():
    method = d_nerf(moves=False)
    assert method.deformation is not None
    shift = torch.tensor([0.2, -0.1, 0.15])
    torch.nn.init.zeros_(method.deformation.head.weight)
    method.deformation.head.bias.data.copy_(shift)
    moved = rays_at(0.0)
    moved = replace(moved, origins=moved.origins + shift)
    with torch.no_grad():
        torch.testing.assert_close(method.render(rays_at(0.5)).rgb, method.render(moved).rgb)


def test_without_a_canonical_scene_time_is_an_input_of_the_one_network():
    method = d_nerf(canonical=False)
    assert method.deformation is None
    with torch.no_grad():
        assert (method.render(rays_at(0.0)).rgb - method.render(rays_at(0.7)).rgb).abs().max() > 1e-4


def test_density_is_that_of_time_0_in_world_and_in_ndc():
    points = torch.rand(4, 5, 3) - 0.5
    for scene in (OBJECT, FORWARD):
        method = d_nerf(scene)
        with torch.no_grad():
            density = method.density(points)
            assert density.shape == (4, 5)
            if scene is OBJECT:
                torch.testing.assert_close(density, method.network.density(points))


def test_later_photos_are_let_in_one_by_one():
    method = d_nerf(curriculum=0.5)
    times = torch.tensor([0.1, 0.3, 0.6, 1.0])
    rendering, rays = method.render(rays_at(times, 4)), rays_at(times, 4)
    truth = torch.rand(4, 3, generator=torch.Generator().manual_seed(1))
    batch = Batch(rays, rgb=truth, alpha=torch.ones(4))
    squares = (rendering.rgb - truth).square().mean(-1)
    for fraction, count in ((0.0, 1), (0.16, 2), (0.3, 3), (0.5, 4), (1.0, 4)):
        loss = method.losses(rendering, batch, Progress(step=0, fraction=fraction))["photometric"]
        torch.testing.assert_close(loss, squares[:count].mean())


@pytest.mark.parametrize(("scene", "spacing"), [(OBJECT, "distance"), (UNBOUNDED, "disparity")])
def test_unbounded_captures_are_sampled_evenly_in_disparity(scene: SceneInfo, spacing: str):
    assert d_nerf(scene).spacing == spacing
