"""Windows and photos as cameras: axes, fields of view, bounds, and a photo seen through a window."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.geometry.transforms import look_at, so3_exp
from rayloom.viewing.sights import Sight, camera_at, photo_in_window, pinhole, sight_of, sight_of_photo
from tests.viewing.normal_ball import HEIGHT, INFO, WIDTH, NormalBall, ball_scene

numbers = st.floats(-3, 3)


@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
def test_a_sight_keeps_a_pose(turn, place):
    rotation = so3_exp(torch.tensor(turn, dtype=torch.float64))
    pose = torch.cat([rotation, torch.tensor(place, dtype=torch.float64)[:, None]], dim=-1)
    torch.testing.assert_close(sight_of(pose, 0.7).world_from_camera, pose, rtol=0, atol=1e-12)


def test_a_level_camera_without_turn_looks_along_z_with_y_down():
    camera = pinhole(Sight((1.0, 2.0, 3.0), (1.0, 0.0, 0.0, 0.0), math.pi / 2), 4, 2, 0.1, 9.0)
    pixels, depth = camera.project(torch.tensor([[1.0, 2.0, 8.0], [1.0, 7.0, 8.0]]), torch.tensor([0, 0]))
    torch.testing.assert_close(pixels, torch.tensor([[2.0, 1.0], [2.0, 2.0]]))
    assert depth.tolist() == [5.0, 5.0]


def test_bounds_are_the_scenes_at_its_photos_and_follow_who_looks_from_elsewhere():
    photo = sight_of(torch.from_numpy(ball_scene().world_from_camera[1]), 0.6)
    camera = camera_at(photo, 30, 20, INFO)
    assert float(camera.near) == pytest.approx(INFO.near)
    assert float(camera.far) == INFO.far
    inside = camera_at(replace(photo, position=(0.7, 0.1, 0.1)), 30, 20, INFO)
    assert 0 < float(inside.near) < 0.02
    far_away = camera_at(replace(photo, position=(20.0, 0.0, 0.0)), 30, 20, INFO)
    assert float(far_away.far) > 20.5
    unbounded = camera_at(replace(photo, position=(0.7, 0.1, 0.1)), 30, 20, replace(INFO, kind="unbounded"))
    assert float(unbounded.near) == INFO.near


def test_at_a_photo_it_is_the_moment_of_the_photo():
    photo = replace(photo_with(LENSES[0]), time=torch.tensor([0.75]))
    sight = sight_of_photo(photo, 1.5)
    assert sight.time == 0.75
    assert pinhole(sight, 6, 4, INFO.near, INFO.far).image_rays(0).time.unique().tolist() == [0.75]


LENSES = [
    Intrinsics(CameraModel.PINHOLE, 60, 40, 50.0, 55.0, 33.0, 18.0),
    Intrinsics(CameraModel.OPENCV, 60, 40, 50.0, 50.0, 30.0, 20.0, k1=-0.2, k2=0.05, p1=0.01, p2=-0.005),
    Intrinsics(CameraModel.OPENCV_FISHEYE, 60, 40, 45.0, 45.0, 30.0, 20.0, k1=0.05, k2=-0.01),
]


def photo_with(lens: Intrinsics) -> Cameras:
    pose = look_at(torch.tensor([2.0, -1.5, 1.1]), torch.tensor([0.2, 0.1, 0.0]), torch.tensor([0.1, 0, 1.0]))
    return Cameras.from_intrinsics([lens], pose[None], INFO.near, INFO.far)


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: str(lens.model))
@pytest.mark.parametrize("aspect", [0.5, 1.0, 1.5, 2.4])
def test_a_window_at_a_photo_shows_all_of_it_and_not_much_more(lens: Intrinsics, aspect: float):
    photo = photo_with(lens)
    sight = sight_of_photo(photo, aspect)
    window = pinhole(sight, round(400 * aspect), 400, INFO.near, INFO.far)
    rays = photo.image_rays(0)
    points = (rays.origins + rays.directions).reshape(-1, 3)
    pixels, depth = window.project(points, torch.zeros(len(points), dtype=torch.long))
    assert (depth > 0).all()
    share = (pixels / window.size[0] - 0.5).abs().amax(0)
    assert share.max() <= 0.5 + 1e-3
    assert share.max() > 0.47


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: str(lens.model))
def test_a_photo_in_a_window_lies_over_what_is_rendered_for_the_window(lens: Intrinsics):
    method, photo = NormalBall(), photo_with(replace(lens).resized(480, 320))
    shot = method.render_image(photo.image_rays(0)).rgb
    window = pinhole(sight_of_photo(photo, 1.6), 320, 200, INFO.near, INFO.far)
    seen, inside = photo_in_window(window, photo, shot)
    rendered = method.render_image(window.image_rays(0)).rgb
    error = (seen - rendered).abs().mean(-1)
    assert inside.float().mean() > 0.5
    # The outline of the ball is a jump, and falls between pixels.
    assert error[inside].median() < 2e-3
    assert (error[inside] > 0.05).float().mean() < 0.02


def test_through_a_window_of_its_own_a_photo_is_itself():
    scene = ball_scene()
    photo = scene_cameras(scene)[2:3]
    window = pinhole(sight_of_photo(photo, WIDTH / HEIGHT), WIDTH, HEIGHT, INFO.near, INFO.far)
    # Pixel centres at the border have half a pixel beyond them.
    window = replace(window, focal=photo.focal)
    truth, _ = truth_image(scene, 2)
    seen, inside = photo_in_window(window, photo, truth)
    assert inside.all()
    torch.testing.assert_close(seen, truth, rtol=0, atol=1e-3)


def test_of_a_panorama_a_window_shows_the_middle():
    lens = Intrinsics(CameraModel.EQUIRECTANGULAR, 64, 32, 1.0, 1.0, 32.0, 16.0)
    photo = photo_with(lens)
    sight = sight_of_photo(photo, 1.5)
    window = pinhole(sight, 30, 20, INFO.near, INFO.far)
    shot = photo.image_rays(0).directions
    seen, inside = photo_in_window(window, photo, shot)
    assert inside.all()
    expected = window.image_rays(0).directions
    assert (torch.nn.functional.normalize(seen, dim=-1) - expected).abs().max() < 0.02
