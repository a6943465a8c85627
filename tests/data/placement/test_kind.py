import numpy as np
import pytest

from rayloom.data.placement.content import ContentDepths
from rayloom.data.placement.kind import detect_kind, faces_forward, transparent_share
from tests.data.camera_rings import ball_images, capture_of, pinhole, pixels_of, ring_poses, window_poses

DEPTHS = ContentDepths(np.full(8, 4.0), np.full(8, 9.0), "bounds of the files")


def kind_of(poses, depths=None, **fields):
    capture = capture_of(poses, **fields)
    return detect_kind(capture, poses, pixels_of(capture), depths)


def test_cut_out_photos_show_an_object():
    poses, camera = ring_poses(8), pinhole(40, 40, 50.0)
    assert kind_of(poses, images=ball_images(poses, camera, (0, 0, 0), 1.0), camera=camera) == "object"


def test_a_format_of_objects_shows_an_object():
    assert kind_of(ring_poses(8), kind_hint="object") == "object"


def test_a_few_transparent_pixels_do_not_make_an_object():
    images = [np.full((12, 16, 4), 255, np.uint8) for _ in range(8)]
    images[0][:5, :5, 3] = 0
    assert transparent_share(images) == pytest.approx(25 / (8 * 192))
    assert kind_of(ring_poses(8), images=images) == "unbounded"


def test_cameras_around_something_are_unbounded():
    assert kind_of(ring_poses(8)) == "unbounded"


@pytest.mark.parametrize("depths", [None, DEPTHS])
@pytest.mark.parametrize("hint", [None, "unbounded"])
def test_cameras_at_a_window_face_forward(depths, hint):
    assert kind_of(window_poses(8), depths, kind_hint=hint) == "forward-facing"


def test_a_walk_towards_something_does_not_face_forward():
    poses = window_poses(8, spread=0.1)
    poses[:, 1, 3] = np.linspace(0, 4, 8)
    assert not faces_forward(poses, DEPTHS)


def test_a_window_as_wide_as_the_scene_is_deep_does_not_face_forward():
    assert not faces_forward(window_poses(8, depth=50.0, spread=9.0), DEPTHS)


def test_one_image_does_not_face_forward():
    assert not faces_forward(window_poses(1), None)
