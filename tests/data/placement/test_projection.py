import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.placement.projection import project, tan_half_view
from tests.data.camera_rings import look_at, pinhole

MODELS = [
    CameraModel.PINHOLE,
    CameraModel.OPENCV_FISHEYE,
    CameraModel.ORTHOGRAPHIC,
    CameraModel.EQUIRECTANGULAR,
]


@pytest.mark.parametrize("model", MODELS)
@given(seed=st.integers(0, 2**31))
def test_points_fall_where_the_camera_puts_them(model, seed):
    rng = np.random.default_rng(seed)
    camera = Intrinsics(model, 80, 60, 50.0, 55.0, 41.0, 29.0)
    pose = look_at(rng.normal(size=3), rng.normal(size=3) + 5)
    points = (rng.normal(size=(20, 3)) * (0.8, 0.8, 1.0) + (0, 0, 4)) @ pose[:, :3].T + pose[:, 3]
    cameras = Cameras.from_intrinsics([camera], pose[None], 0.1, 10.0, dtype=torch.float64)
    expected, _ = cameras.project(torch.from_numpy(points), torch.zeros(20, dtype=torch.long))
    pixels, _, seen = project(points, pose, camera)
    np.testing.assert_allclose(pixels[seen], expected.numpy()[seen], atol=1e-6)


def test_what_is_behind_the_camera_or_beside_the_image_is_not_seen():
    pose = look_at((0.0, -4.0, 0.0), (0.0, 0.0, 0.0))
    points = np.array([[0.0, 0.0, 0.0], [0.0, -5.0, 0.0], [9.0, 0.0, 0.0]])
    _, depth, seen = project(points, pose, pinhole())
    assert seen.tolist() == [True, False, False]
    np.testing.assert_allclose(depth, [4, -1, 4])


def test_the_half_view_reaches_the_farthest_corner():
    assert tan_half_view(pinhole(6, 8, 5.0)) == pytest.approx(1.0)
    assert tan_half_view(Intrinsics(CameraModel.ORTHOGRAPHIC, 6, 8, 5.0, 5.0, 3.0, 4.0)) == 0
