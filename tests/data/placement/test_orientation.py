from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from rayloom.cameras.intrinsics import CameraModel
from rayloom.data.placement.content import ContentDepths
from rayloom.data.placement.orientation import (
    find_region,
    find_up,
    focus,
    invert_similarity,
    move_points,
    move_poses,
    scale_of,
    similarity,
    upright,
)
from tests.data.camera_rings import pinhole, ring_poses, window_poses

SEEDS = st.integers(0, 2**31)
Z = np.array([0.0, 0.0, 1.0])


def random_similarity(seed):
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = np.exp(rng.uniform(-7, 7)) * Rotation.random(rng=rng).as_matrix()
    matrix[:3, 3] = rng.normal(size=3) * np.exp(rng.uniform(-7, 7))
    return matrix


def turned(poses, rotation):
    return np.concatenate([rotation @ poses[:, :, :3], (poses[:, :, 3] @ rotation.T)[:, :, None]], axis=2)


def degrees_between(a, b):
    return np.rad2deg(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


@given(SEEDS)
def test_a_similarity_and_its_inverse_cancel(seed):
    matrix = random_similarity(seed)
    inverse = invert_similarity(matrix)
    points = np.random.default_rng(seed).normal(size=(9, 3)) * np.linalg.norm(matrix[:3, 3])
    there = move_points(matrix, points)
    tolerance = 1e-9 * np.abs(points).max()
    np.testing.assert_allclose(move_points(inverse, there), points, rtol=1e-9, atol=tolerance)
    assert scale_of(matrix) * scale_of(inverse) == pytest.approx(1, rel=1e-12)


@given(SEEDS)
def test_moving_poses_moves_what_the_cameras_see(seed):
    matrix = random_similarity(seed)
    poses = ring_poses(3)
    local = np.random.default_rng(seed).normal(size=3)
    moved = move_poses(matrix, poses)
    np.testing.assert_allclose(
        move_points(matrix, poses[:, :, :3] @ local + poses[:, :, 3]),
        moved[:, :, :3] @ (scale_of(matrix) * local) + moved[:, :, 3],
        rtol=1e-9,
        atol=1e-9 * np.abs(matrix).max(),
    )
    assert np.abs(moved[:, :, :3] @ moved[:, :, :3].swapaxes(1, 2) - np.eye(3)).max() < 1e-12


@pytest.mark.parametrize("arc_degrees", [120, 180, 360])
@pytest.mark.parametrize("height", [-1.0, 0.0, 3.0])
@given(seed=SEEDS)
def test_up_is_found_for_level_cameras_around_something(arc_degrees, height, seed):
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    poses = turned(ring_poses(24, height=height, arc=np.deg2rad(arc_degrees)), rotation)
    assert degrees_between(find_up(poses), rotation @ Z) < 3


def test_up_survives_hands_that_are_not_quite_level():
    rolls = Rotation.from_rotvec(np.random.default_rng(0).normal(0, 0.05, (40, 1)) * Z).as_matrix()
    poses = ring_poses(40, height=2.0)
    poses[:, :, :3] = poses[:, :, :3] @ rolls
    assert degrees_between(find_up(poses), Z) < 1.5


@pytest.mark.parametrize("direction", [Z, -Z])
def test_up_of_cameras_that_look_straight_down_is_against_their_view(direction):
    down = Rotation.from_matrix(np.diag([1.0, -1.0, -1.0]))
    spins = Rotation.from_rotvec(np.arange(8)[:, None] * np.pi / 4 * Z)
    poses = np.zeros((8, 3, 4))
    poses[:, :, :3] = (spins * down).as_matrix() * np.array([1, direction[2], direction[2]])
    assert degrees_between(find_up(poses), direction) < 1e-3


@given(SEEDS)
def test_upright_turns_up_to_z_and_is_a_rotation(seed):
    rng = np.random.default_rng(seed)
    raw = Rotation.random(rng=rng).as_matrix()
    poses = turned(ring_poses(9, arc=2.0), raw)
    for up in (None, raw @ Z):
        rotation = upright(poses, up)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert degrees_between(rotation @ raw @ Z, Z) < 2


@pytest.mark.parametrize("up", [(0, 0, 1), (0, 0, -1), (0, 1, 0), (1, 0, 0)])
def test_a_known_up_axis_becomes_z(up):
    rotation = upright(ring_poses(3), np.array(up, float))
    np.testing.assert_allclose(rotation @ up, Z, atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_frame_that_is_z_up_keeps_its_axes():
    np.testing.assert_array_equal(upright(ring_poses(3), 2 * Z), np.eye(3))


def test_without_a_known_up_axis_the_view_becomes_y():
    poses = turned(window_poses(9), Rotation.from_euler("zx", [70, 20], degrees=True).as_matrix())
    forward = upright(poses, None) @ poses[:, :, 2].mean(0)
    np.testing.assert_allclose(forward / np.linalg.norm(forward), [0, 1, 0], atol=0.02)


@given(SEEDS)
def test_the_focus_is_nearest_to_all_axes(seed):
    rng = np.random.default_rng(seed)
    poses = ring_poses(7, centre=rng.normal(size=3))
    poses[:, :, :3] = poses[:, :, :3] @ Rotation.from_rotvec(rng.normal(0, 0.05, (7, 3))).as_matrix()
    origins, axes = poses[:, :, 3], poses[:, :, 2]

    def cost(point):
        to_point = point - origins
        along = (to_point * axes).sum(-1)
        pull = 1e-3 * ((point - origins.mean(0)) ** 2).sum()
        return ((to_point**2).sum(-1) - along**2).mean() + pull

    best = minimize(cost, origins.mean(0), tol=1e-12)
    np.testing.assert_allclose(focus(poses), best.x, atol=1e-4)


def test_the_cameras_of_an_object_lie_at_eight_thirds():
    region = find_region(
        ring_poses(12, radius=4.0, height=0.0, centre=(1, 2, 3)), [pinhole()] * 12, "object", None
    )
    np.testing.assert_allclose(region.centre, (1, 2, 3), atol=1e-9)
    assert region.radius == pytest.approx(1.5)


def test_cameras_around_a_place_lie_in_the_unit_ball():
    region = find_region(
        ring_poses(12, radius=4.0, height=3.0, centre=(1, 2, 3)), [pinhole()] * 12, "unbounded", None
    )
    # The focus is drawn a thousandth of the way to the cameras.
    np.testing.assert_allclose(region.centre, (1, 2, 3), atol=0.02)
    assert region.radius == pytest.approx(5, rel=0.01)


def test_one_stray_camera_does_not_shrink_the_scene():
    poses = ring_poses(30, radius=4.0)
    poses[0, :, 3] *= 100
    assert find_region(poses, [pinhole()] * 30, "unbounded", None).radius < 8


def test_narrow_lenses_show_no_more_than_twice_the_width_of_their_view():
    poses = ring_poses(12, radius=4.0, height=3.0)
    telephoto = pinhole(focal=100.0)
    region = find_region(poses, [telephoto] * 12, "unbounded", None)
    # Half the diagonal of 16 x 12 pixels is 10; the cameras are 5 away.
    assert region.radius == pytest.approx(2 * 5 * 10 / 100, rel=0.01)
    mostly = [telephoto] * 7 + [pinhole()] * 5
    assert find_region(poses, mostly, "unbounded", None).radius == pytest.approx(region.radius)


def test_orthographic_cameras_have_no_angle_of_view_that_could_bound_the_scene():
    camera = replace(pinhole(), model=CameraModel.ORTHOGRAPHIC)
    region = find_region(ring_poses(12, radius=4.0, height=3.0), [camera] * 12, "unbounded", None)
    assert region.radius == pytest.approx(5, rel=0.01)


def test_cameras_that_look_out_of_a_room_are_in_its_middle():
    poses = ring_poses(12, radius=0.5, height=0.0, centre=(1, 2, 3))
    poses[:, :, [0, 2]] *= -1
    depths = ContentDepths(np.full(12, 2.0), np.full(12, 6.0), "sparse points")
    region = find_region(poses, [pinhole()] * 12, "unbounded", depths)
    np.testing.assert_allclose(region.centre, (1, 2, 3), atol=1e-9)
    assert region.radius == pytest.approx(3)


def test_forward_facing_cameras_lie_before_the_middle_of_the_content():
    depths = ContentDepths(np.full(9, 3.0), np.full(9, 15.0), "bounds of the files")
    poses = window_poses(9, depth=5.0)
    region = find_region(poses, [pinhole()] * 9, "forward-facing", depths)
    # Halfway in disparity between 3 and 15.
    assert np.linalg.norm(region.centre - poses[:, :, 3].mean(0)) == pytest.approx(5)
    assert region.radius == pytest.approx(4)
    distances = np.linalg.norm(poses[:, :, 3] - region.centre, axis=-1) / region.radius
    assert 1 < distances.min() < distances.max() < 1.5


def test_parallel_cameras_without_points_get_a_guess_that_says_so():
    poses = np.stack([np.concatenate([np.eye(3), [[x], [0.0], [0.0]]], axis=1) for x in (-1.0, 0.0, 1.0)])
    region = find_region(poses, [pinhole()] * 3, "forward-facing", None)
    assert region.note is not None
    assert region.radius == pytest.approx(4 / 1.25)


@pytest.mark.parametrize("kind", ["object", "unbounded", "forward-facing"])
def test_a_single_camera_gets_a_guess_that_says_so(kind):
    region = find_region(ring_poses(1), [pinhole()], kind, None)
    assert region.radius > 0
    assert region.note is not None


def test_a_similarity_takes_the_region_to_the_unit_ball():
    rotation = Rotation.random(rng=np.random.default_rng(0)).as_matrix()
    poses = ring_poses(12, radius=4.0)
    region = find_region(turned(poses, rotation), [pinhole()] * 12, "object", None)
    matrix = similarity(rotation, region)
    np.testing.assert_allclose(move_points(matrix, focus(poses)[None]), np.zeros((1, 3)), atol=1e-9)
    assert scale_of(matrix) == pytest.approx(1 / region.radius)
