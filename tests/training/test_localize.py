"""The camera of a photo, found by what a method shows."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.claims.experiments import photograph, trained
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.synthetic.rigs import Dome
from rayloom.data.synthetic.still_life import object_world
from rayloom.geometry.transforms import compose, invert_rigid, se3_exp, se3_log, so3_exp
from rayloom.method import Method
from rayloom.methods.nerf import NeRF, NeRFConfig
from rayloom.metrics.poses import pose_errors
from rayloom.training.localize import frozen, localize, pixel_rays, random_pixels
from tests.training.painted_plane import learned_plane, plane, plane_scene, similarity

close = torch.testing.assert_close


def turned(camera: Cameras, degrees: float) -> Cameras:
    """The camera, turned in its place about an axis aslant."""
    turn = so3_exp(math.radians(degrees) * torch.tensor([0.6, 0.0, 0.8]))
    change = torch.cat([turn, torch.zeros(3, 1)], dim=-1)
    return replace(camera, world_from_camera=compose(camera.world_from_camera, change))


def plane_photo() -> tuple[Method[Any], Cameras, Tensor, Tensor]:
    scene = plane_scene(("train", "test"))
    return plane(scene), scene_cameras(scene)[1:], *truth_image(scene, 1)


def test_a_camera_turned_by_two_degrees_comes_back():
    method, camera, photo, valid = plane_photo()
    found = localize(method, turned(camera, 2.0), photo, random_pixels(valid, 256), steps=150)
    errors = pose_errors(found.world_from_camera[None], camera.world_from_camera)
    # Over a plane a small turn looks much like a small move, so that the last of it goes slowly.
    assert errors.median_rotation_deg < 0.5
    assert errors.median_translation < 0.02
    assert len(found.losses) == 150
    assert sum(found.losses[-10:]) < 0.01 * sum(found.losses[:10])


def test_a_camera_comes_back_to_a_trained_nerf():
    scene = photograph(object_world(0), Dome(), num_views=24, size=32, seed=0)
    settings = {"rays_per_step": 256, "density_activation": "softplus"}
    method = trained("nerf", scene, preset="tiny", steps=400, seed=0, **settings)
    photo, valid = truth_image(scene, 8)
    camera = scene_cameras(scene)[8:9]
    found = localize(method, turned(camera, 2.0), photo, random_pixels(valid, 256), steps=120)
    # So short a training leaves about half a degree.
    assert pose_errors(found.world_from_camera[None], camera.world_from_camera).median_rotation_deg < 1


def test_the_gradient_through_a_nerf_is_that_of_central_differences():
    scene = plane_scene(("train", "test"))
    # Places of the second pass depend on the weights of the first, and no gradient passes there.
    size = {"num_coarse": 16, "num_fine": 0, "position_octaves": 4, "width": 32, "depth": 4}
    method = NeRF(NeRFConfig(**size, density_activation="softplus"), scene.info).double().eval()
    camera = scene_cameras(scene)[1:].map(lambda x: x.double() if x.is_floating_point() else x)
    photo, number = truth_image(scene, 1)[0].double().reshape(-1, 3), torch.arange(0, 768, 11)

    def loss(twist: Tensor) -> Tensor:
        moved = compose(camera.world_from_camera, se3_exp(twist)[None])
        rays = pixel_rays(method, replace(camera, world_from_camera=moved), number)
        return (method.render(rays).rgb - photo[number]).square().mean()

    twist = torch.full((6,), 0.01, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(twist), twist)
    assert gradient.abs().min() > 1e-9
    with torch.no_grad():
        # Longer steps would cross kinks of the rectified units.
        steps = 1e-8 * torch.eye(6, dtype=torch.float64)
        differences = torch.stack([(loss(twist + step) - loss(twist - step)) / 2e-8 for step in steps])
    close(gradient, differences, rtol=1e-4, atol=1e-8)


def test_the_method_is_left_as_it_was():
    method, camera, photo, valid = plane_photo()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    method.train()
    fixed = torch.nn.Parameter(torch.zeros(1), requires_grad=False)
    method.register_parameter("fixed", fixed)
    with torch.no_grad():
        localize(method, camera, photo, random_pixels(valid, 16), steps=2)
    assert method.training
    learning = [name for name, parameter in method.named_parameters() if parameter.requires_grad]
    assert learning == ["brightness"]
    assert all(parameter.grad is None for parameter in method.parameters())
    assert all(torch.equal(method.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_frozen_method_is_released_also_after_a_failure():
    method = plane_photo()[0].train()

    def fail() -> None:
        with frozen(method):
            assert not method.training
            assert not any(parameter.requires_grad for parameter in method.parameters())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert method.training
    assert all(parameter.requires_grad for parameter in method.parameters())


def test_steps_begin_at_the_rate_and_fall_to_the_last_one():
    method, camera, photo, valid = plane_photo()
    begin = turned(camera, 5.0)

    def distance(steps: int) -> Tensor:
        found = localize(method, begin, photo, random_pixels(valid, 64), steps=steps, lr=1e-3, lr_final=1e-9)
        given = begin.world_from_camera[0].double()
        inverse = torch.linalg.inv(torch.cat([given, torch.tensor([[0.0, 0.0, 0.0, 1.0]])]))[:3]
        return se3_log(compose(inverse, found.world_from_camera.double())).abs()

    # The first step of Adam is as long as its rate, whatever the gradient.
    close(distance(1), torch.full((6,), 1e-3, dtype=torch.float64), rtol=1e-2, atol=1e-6)
    # A second one at 1e-3 sqrt(1e-6) adds next to nothing.
    close(distance(2), torch.full((6,), 1e-3, dtype=torch.float64), rtol=1e-2, atol=5e-6)
    assert distance(0).max() < 1e-6


def test_pixels_are_drawn_where_they_are_valid_all_alike():
    valid = torch.zeros(4, 5, dtype=torch.bool)
    valid[1, 2] = valid[3, 0] = valid[0, 4] = True
    counts = random_pixels(valid, 6000)(torch.Generator().manual_seed(0)).bincount(minlength=20)
    assert counts.nonzero()[:, 0].tolist() == [4, 7, 15]
    # Five standard deviations of a share of a third.
    assert (counts[[4, 7, 15]] - 2000).abs().max() < 5 * math.sqrt(6000 * 2 / 9)


def test_pixels_that_are_not_chosen_have_no_say():
    method, camera, photo, _ = plane_photo()
    chosen = torch.arange(0, 768, 3)
    spoilt = torch.zeros_like(photo.reshape(-1, 3)).index_copy(0, chosen, photo.reshape(-1, 3)[chosen])

    def choose(generator: torch.Generator) -> Tensor:
        return chosen

    plain, other = (
        localize(method, turned(camera, 1.0), image, choose, steps=3)
        for image in (photo, spoilt.view_as(photo))
    )
    assert torch.equal(plain.world_from_camera, other.world_from_camera)
    assert plain.losses == other.losses


def test_the_seed_decides_about_the_pixels():
    method, camera, photo, valid = plane_photo()
    first, again, other = (
        localize(method, turned(camera, 1.0), photo, random_pixels(valid, 32), steps=2, seed=seed)
        for seed in (3, 3, 4)
    )
    assert first.losses == again.losses != other.losses


def test_rays_of_pixels_are_those_of_a_camera_that_did_not_train():
    scene = plane_scene(("train", "test"))
    camera = scene_cameras(scene)[:1]
    assert camera.image_index.tolist() == [0]
    rays, expected = pixel_rays(plane(scene), camera, torch.arange(768)), camera.image_rays(0).reshape(768)
    assert (rays.camera_index == -1).all()
    for name in ("origins", "directions", "pixels", "near", "far", "radii"):
        assert torch.equal(getattr(rays, name), getattr(expected, name)), name


def test_the_lens_that_training_photos_share_is_also_that_of_other_photos():
    scene = plane_scene(("train", "test"))
    method = learned_plane(scene, similarity(), lenses="shared")
    assert method.corrections is not None
    method.corrections.lenses.data[0, 0] = math.log(2.0)
    camera, number = scene_cameras(scene)[1:], torch.arange(768)
    plain = pixel_rays(plane(scene), camera, number)
    axis = camera.world_from_camera[0, :, 2]
    with torch.no_grad():
        bent = pixel_rays(method, camera, number)
    tangent, expected = ((rays.directions @ axis).acos().tan() for rays in (bent, plain))
    close(2 * tangent, expected, rtol=1e-4, atol=1e-4)


def test_a_nerf_that_is_asked_for_poses_keeps_its_own_gradients_clean():
    scene = plane_scene(("train", "test"))
    method = NeRF(NeRFConfig(num_coarse=8, num_fine=8, width=16, depth=2), scene.info)
    photo, valid = truth_image(scene, 1)
    localize(method, scene_cameras(scene)[1:], photo, random_pixels(valid, 8), steps=1)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in method.parameters())


def test_a_search_on_the_side_of_the_world_tells_its_way_from_start_to_end():
    method, camera, photo, valid = plane_photo()
    start, choose = turned(camera, 2.0), random_pixels(valid, 256)
    found = localize(method, start, photo, choose, steps=40, side="world")
    assert found.poses.shape == (41, 3, 4)
    close(found.poses[0], start.world_from_camera[0])
    assert torch.equal(found.poses[-1], found.world_from_camera)
    assert sum(found.losses[-5:]) < 0.7 * sum(found.losses[:5])
    # The first step of Adam is a twist of one rate in every number, about the origin.
    change = se3_log(compose(found.poses[1:2], invert_rigid(start.world_from_camera)))
    close(change.abs(), torch.full((1, 6), 1e-3), atol=2e-5, rtol=0)
