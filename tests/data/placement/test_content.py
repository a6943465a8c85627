from dataclasses import replace

import numpy as np

from rayloom.data.placement.content import content_depths
from tests.data.camera_rings import capture_of, window_poses

POSES = window_poses(4, depth=50.0)


def bounded(capture, *bounds):
    frames = [
        replace(frame, near=near, far=far) for frame, (near, far) in zip(capture.frames, bounds, strict=True)
    ]
    return replace(capture, frames=tuple(frames))


def test_bounds_of_the_files_come_first():
    points = np.random.default_rng(0).normal((0, 20, 0), size=(500, 3))
    capture = bounded(capture_of(POSES, points=points), *[(2.0, 9.0)] * 4)
    depths = content_depths(capture, POSES)
    assert depths is not None
    assert depths.source == "bounds of the files"
    assert depths.near.tolist() == [2.0] * 4


def test_missing_and_senseless_bounds_are_replaced_by_the_median():
    capture = bounded(capture_of(POSES), (None, None), (2.0, 9.0), (4.0, 7.0), (5.0, 1.0))
    depths = content_depths(capture, POSES)
    assert depths is not None
    assert depths.near.tolist() == [3.0, 2.0, 4.0, 3.0]
    assert depths.far.tolist() == [8.0, 9.0, 7.0, 8.0]


def test_depths_of_points_leave_out_the_strays():
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(-3, 3, 2000), rng.uniform(10, 30, 2000), rng.uniform(-3, 3, 2000)], axis=1)
    strays = np.array([[0.0, 0.2, 0.0], [0.0, 1e5, 0.0]])
    depths = content_depths(capture_of(POSES, points=np.concatenate([points, strays])), POSES)
    assert depths is not None
    assert depths.source == "sparse points"
    np.testing.assert_allclose(depths.near, 10, atol=1)
    np.testing.assert_allclose(depths.far, 30, atol=1)


def test_the_middle_lies_halfway_in_disparity():
    depths = content_depths(bounded(capture_of(POSES), *[(3.0, 15.0)] * 4), POSES)
    assert depths is not None
    assert np.isclose(1 / depths.middle, (1 / 3 + 1 / 15) / 2)


def test_nothing_is_known_without_bounds_or_visible_points():
    behind = np.full((100, 3), -50.0)
    assert content_depths(capture_of(POSES), POSES) is None
    assert content_depths(capture_of(POSES, points=behind), POSES) is None
    assert content_depths(capture_of(POSES, points=-behind[:3]), POSES) is None
