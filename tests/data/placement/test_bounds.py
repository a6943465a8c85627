import numpy as np
import pytest
import torch

from rayloom.cameras.camera import Cameras
from rayloom.data.placement.bounds import UNBOUNDED_FAR, ndc_frame, ray_bounds
from rayloom.data.placement.content import ContentDepths
from tests.data.camera_rings import pinhole, ring_poses, window_poses

BOX = (np.array([-0.5, -0.4, -0.7]), np.array([0.5, 0.4, 0.7]))


def test_rays_meet_the_box_of_an_object_between_near_and_far():
    poses = ring_poses(12, radius=2.5)
    near, far = ray_bounds(poses, [pinhole()] * 12, "object", BOX, None)
    corners = np.stack(np.meshgrid(*np.stack(BOX, -1), indexing="ij"), -1).reshape(-1, 3)
    distances = np.linalg.norm(poses[:, None, :, 3] - corners, axis=-1)
    assert (near <= distances.min(1)).all()
    assert (far >= distances.max(1)).all()
    assert near.min() > 0


def test_a_camera_inside_the_box_sees_from_just_before_itself():
    near, _ = ray_bounds(ring_poses(4, radius=0.2), [pinhole()] * 4, "object", BOX, None)
    assert ((near > 0) & (near < 0.1)).all()


@pytest.mark.parametrize("source", ["bounds of the files", "sparse points"])
def test_content_lies_between_near_and_far_also_at_the_corners(source):
    depths = ContentDepths(np.array([1.0, 1.5, 2.0]), np.array([6.0, 7.0, 9.0]), source)
    camera = pinhole()
    near, far = ray_bounds(window_poses(3), [camera] * 3, "forward-facing", BOX, depths)
    corner = np.hypot(camera.width / 2, camera.height / 2) / camera.fx
    assert (near < depths.near).all()
    assert (far > depths.far.max() * np.hypot(1, corner)).all()


def test_stated_bounds_of_other_units_scale_near_and_far():
    depths = ContentDepths(np.full(3, 1.0), np.full(3, 6.0), "bounds of the files")
    twice = ContentDepths(np.full(3, 2.0), np.full(3, 12.0), "bounds of the files")
    first = ray_bounds(window_poses(3), [pinhole()] * 3, "unbounded", BOX, depths)
    second = ray_bounds(window_poses(3), [pinhole()] * 3, "unbounded", BOX, twice)
    np.testing.assert_allclose(np.array(second), 2 * np.array(first))


@pytest.mark.parametrize("depths", [None, ContentDepths(np.full(5, 0.4), np.full(5, 3.0), "sparse points")])
def test_unbounded_scenes_without_stated_bounds_go_on(depths):
    poses, wide = ring_poses(5, radius=1.0, height=0.0), [pinhole(focal=8.0)] * 5
    near, far = ray_bounds(poses, wide, "unbounded", BOX, depths)
    assert (far == UNBOUNDED_FAR).all()
    np.testing.assert_allclose(near, 0.05 if depths is None else 0.2)


@pytest.mark.parametrize(
    ("focal", "share"),
    [(14.0, 0.5), (20.0, 0.5 / 0.9), (28.0, (1 - 10 / 28) / 0.9), (50.0, 0.8 / 0.9), (200.0, 0.85)],
)
def test_narrow_lenses_around_something_see_from_the_front_of_what_fills_their_view(focal, share):
    poses, nearest = ring_poses(5, radius=1.0, height=0.0), 0.9
    depths = ContentDepths(np.full(5, nearest), np.full(5, 3.0), "sparse points")
    near, _ = ray_bounds(poses, [pinhole(focal=focal)] * 5, "unbounded", BOX, depths)
    np.testing.assert_allclose(near, min(share, 0.85) * nearest)


def test_narrow_lenses_that_look_out_see_from_half_of_the_points_depth():
    poses = ring_poses(5, radius=1.0, height=0.0)
    poses[:, :, [0, 2]] *= -1
    depths = ContentDepths(np.full(5, 0.9), np.full(5, 3.0), "sparse points")
    near, _ = ray_bounds(poses, [pinhole(focal=50.0)] * 5, "unbounded", BOX, depths)
    np.testing.assert_allclose(near, 0.45)


def test_the_average_camera_sees_the_scene_along_minus_z_in_front_of_the_near_plane():
    poses = window_poses(9, depth=1.25, spread=0.2)
    depths = ContentDepths(np.full(9, 0.6), np.full(9, 5.0), "bounds of the files")
    cameras = [pinhole()] * 9
    frame = ndc_frame(poses, cameras, depths, depths.near)
    assert frame is not None
    matrix = np.array(frame.ndc_camera_from_world)
    np.testing.assert_allclose(matrix[:, :3] @ matrix[:, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix[:, :3]) == pytest.approx(1)
    np.testing.assert_allclose(matrix[:, :3] @ poses[:, :, 3].mean(0) + matrix[:, 3], 0, atol=1e-12)
    # Right stays right, and the cameras' down is minus y.
    assert (matrix[0, :3] @ poses[:, :, 0].mean(0)) > 0.9
    assert (matrix[1, :3] @ poses[:, :, 1].mean(0)) < -0.9

    rays = Cameras.from_intrinsics(cameras, poses, depths.near, depths.far, dtype=torch.float64)
    index = torch.arange(9)
    seen = rays.rays(index, torch.full((9, 2), 6.0, dtype=torch.float64))
    nearest = seen.origins + depths.near[0] * seen.directions
    z = nearest.numpy() @ matrix[2, :3] + matrix[2, 3]
    assert (z < -frame.near).all()
    assert frame.near > 0
    assert frame.tan_half_fov_x == pytest.approx(8 / 14)
    assert frame.tan_half_fov_y == pytest.approx(6 / 14)
