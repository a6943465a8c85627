"""What is exported lies where the files of the capture say, however these were scaled, turned and moved."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.cameras.corrections import CameraCorrections
from rayloom.data.placement.orientation import invert_similarity, move_points
from rayloom.export.camera_files import camera_capture
from rayloom.export.frames import field_cameras, out_from_field, turn
from rayloom.export.mesh import MeshSettings, make_mesh
from rayloom.export.mesh import moved as moved_mesh
from rayloom.export.point_cloud import make_points
from rayloom.geometry.transforms import compose, so3_exp
from rayloom.metrics.poses import aligned
from tests.export.known_fields import (
    CENTER,
    LEVEL,
    RADIUS,
    ball_world,
    field_of,
    moved,
    photographed,
    scene_of,
)

PLAIN = MeshSettings(
    resolution=64, level=LEVEL, smoothing=0.0, faces=None, least_part=0.01, color="none", texture_size=64
)
MADE = photographed(ball_world())


def similarity(scale: float, vector: list[float], shift: list[float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = scale * so3_exp(torch.tensor(vector, dtype=torch.float64)).numpy()
    matrix[:3, 3] = scale * np.array(shift)
    return matrix


numbers = st.lists(st.floats(-3, 3), min_size=3, max_size=3)
# Made within tests: the type checker draws from the random numbers that strategies must leave alone.
similarities = st.tuples(st.floats(-4, 4).map(lambda x: 10**x), numbers, numbers)


def off_the_ball(points: np.ndarray) -> float:
    """The largest distance from the true surface, in units of the world."""
    return float(np.abs(np.linalg.norm(points - np.array(CENTER), axis=-1) - RADIUS).max())


@settings(max_examples=5, deadline=None)
@given(similarities)
def test_mesh_points_and_cameras_land_in_the_raw_frame(parts: tuple[float, list[float], list[float]]):
    raw_from_true = similarity(*parts)
    capture = moved(MADE, raw_from_true)
    scene, true_from_raw = scene_of(capture), invert_similarity(raw_from_true)
    field = field_of(ball_world(), scene, raw_from_true)
    out, cameras = out_from_field(field, scene, raw=True), field_cameras(field, scene)
    mesh = make_mesh(field, cameras, PLAIN, lambda stage, share: None).mesh
    assert off_the_ball(move_points(true_from_raw, moved_mesh(mesh, out).surface.vertices)) < 1e-3
    cloud = make_points(field, cameras, 2000, opacity=0.5, reach=9.0, tell=lambda share: None)
    points = move_points(true_from_raw, move_points(out, cloud.points.double().numpy()))
    assert off_the_ball(points) < 1e-3
    normals = turn(true_from_raw, turn(out, cloud.normals.double().numpy()))
    assert np.median((normals * (points - np.array(CENTER)) / RADIUS).sum(-1)) > 0.98
    for given_frame, kept in zip(
        capture.frames, camera_capture(field, scene, capture, raw=True).frames, strict=True
    ):
        np.testing.assert_array_equal(given_frame.raw_from_camera, kept.raw_from_camera)


def test_the_training_frame_is_that_of_the_scene():
    scene = scene_of(MADE.capture)
    field = field_of(ball_world(), scene)
    np.testing.assert_array_equal(out_from_field(field, scene, raw=False), np.eye(4))
    capture = camera_capture(field, scene, MADE.capture, raw=False)
    poses = np.stack([frame.raw_from_camera for frame in capture.frames])
    np.testing.assert_allclose(poses, scene.world_from_camera, atol=1e-9)


@pytest.fixture
def learned():
    """A field that knows its cameras in a frame of its own: shrunk, turned and moved."""
    scene = scene_of(MADE.capture)
    field = field_of(ball_world(), scene)
    field_from_world = similarity(0.5, [0.2, -0.4, 0.3], [1.0, 0.5, -0.2])
    train = torch.from_numpy(scene.world_from_camera[list(scene.indices("train"))])
    linear = torch.from_numpy(field_from_world[:3])
    poses = compose(linear, train)
    poses = torch.cat([poses[:, :, :3] / 0.5, poses[:, :, 3:]], dim=-1)
    corrections = CameraCorrections(len(poses))
    corrections.start_from(poses.float())
    field.learned_cameras = lambda: corrections  # pyright: ignore[reportAttributeAccessIssue]
    return scene, field, field_from_world


def test_a_method_with_a_frame_of_its_own_is_led_back(learned):
    scene, field, field_from_world = learned
    out = out_from_field(field, scene, raw=True)
    np.testing.assert_allclose(out @ field_from_world, scene.raw_from_world, atol=1e-4)
    cameras = field_cameras(field, scene)
    assert (cameras.image_index == -1).all()
    near = torch.from_numpy(scene.near[list(scene.indices("train"))]).float()
    torch.testing.assert_close(cameras.near, 0.5 * near, atol=1e-4, rtol=1e-4)


def test_learned_poses_replace_those_of_training_photos(learned):
    scene, field, _ = learned
    corrections = field.learned_cameras()
    with torch.no_grad():
        corrections.twists[0, 3:] += torch.tensor([0.01, 0.0, 0.0])
    train = list(scene.indices("train"))
    capture = camera_capture(field, scene, MADE.capture, raw=False)
    found = np.stack([capture.frames[i].raw_from_camera for i in train])
    given = torch.from_numpy(scene.world_from_camera[train])
    expected = aligned(corrections.world_from_camera().detach(), given).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    shifts = np.linalg.norm(found[:, :, 3] - given[:, :, 3].numpy(), axis=-1)
    assert shifts.argmax() == 0
    assert shifts[0] > 0.01
    capture = camera_capture(field, scene, MADE.capture, raw=True)
    held_out = scene.indices("test")[0]
    assert capture.frames[held_out] is MADE.capture.frames[held_out]
