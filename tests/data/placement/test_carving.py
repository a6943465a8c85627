import numpy as np
import pytest

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.placement.carving import object_extent
from tests.data.camera_rings import ball_images, pinhole, ring_poses

CAMERA = pinhole(80, 80, 100.0)


def extent_of(images, poses, camera=CAMERA):
    return object_extent(images, [camera] * len(poses), poses, np.zeros(3), 1.5)


@pytest.fixture
def poses():
    return np.concatenate([ring_poses(8, height=h) for h in (-2.0, 0.5, 3.0)])


@pytest.mark.parametrize(
    ("centre", "radius"), [((0, 0, 0), 0.8), ((0.3, -0.2, 0.4), 0.5), ((0.5, 0, 0), 0.1)]
)
def test_the_bounds_of_a_ball_hold_it_closely(poses, centre, radius):
    extent = extent_of(ball_images(poses, CAMERA, centre, radius), poses)
    assert extent is not None
    assert (extent.low < np.array(centre) - radius).all()
    assert (extent.high > np.array(centre) + radius).all()
    assert (extent.high - extent.low).max() < 1.25 * 2 * radius + 0.1
    assert extent.radius > radius


def test_a_thing_thinner_than_a_cell_is_found(poses):
    camera = pinhole(160, 160, 200.0)
    extent = extent_of(ball_images(poses, camera, (0, 0, 0.4), 0.02), poses, camera)
    assert extent is not None
    assert extent.low[2] < 0.4 < extent.high[2]


def test_one_view_that_shows_nothing_is_outvoted(poses):
    images = ball_images(poses, CAMERA, (0, 0, 0), 0.5)
    images[3] = np.zeros_like(images[3])
    assert extent_of(images, poses) is not None


def test_silhouettes_that_contradict_each_other_enclose_nothing(poses):
    images = ball_images(poses, CAMERA, (0, 0, 0.9), 0.2)
    images[::2] = ball_images(poses[::2], CAMERA, (0, 0, -0.9), 0.2)
    assert extent_of(images, poses) is None


def test_panoramas_have_no_silhouettes(poses):
    panorama = Intrinsics(CameraModel.EQUIRECTANGULAR, 80, 80, 1.0, 1.0, 40.0, 40.0)
    images = ball_images(poses, CAMERA, (0, 0, 0), 0.5)
    assert extent_of(images, poses, panorama) is None
