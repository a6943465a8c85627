"""What pictures show, against the closed form of a ball."""

import numpy as np
import pytest
import torch

from rayloom.rendering.progressive import progressively
from rayloom.types import Image
from rayloom.viewing.modes import MODES, picture_of
from rayloom.viewing.sights import pinhole, sight_of
from tests.viewing.normal_ball import INFO, NormalBall, ball_scene

WINDOW = pinhole(
    sight_of(torch.from_numpy(ball_scene().world_from_camera[2]), 0.6), 90, 61, INFO.near, INFO.far
)
RAYS = WINDOW.image_rays(0)
FORWARD = WINDOW.world_from_camera[0, :, 2]
IMAGE = NormalBall().render_image(RAYS)


def test_colour_is_the_image_in_eight_bits():
    picture = picture_of(IMAGE, RAYS, FORWARD, "colour")
    assert np.abs(picture.rgb / 255 - IMAGE.rgb.numpy()).max() < 0.5 / 255 + 1e-6


def test_normals_of_the_depth_are_the_normals_of_the_ball():
    picture = picture_of(IMAGE, RAYS, FORWARD, "normals")
    # The ball's colours are its normals, in the same code; its outline has no neighbours on both sides.
    inside = IMAGE.opacity.numpy() > 0
    for axis in (0, 1):
        for shift in (-2, -1, 1, 2):
            inside &= np.roll(IMAGE.opacity.numpy() > 0, shift, axis)
    error = np.abs(picture.rgb / 255 - IMAGE.rgb.numpy())[inside]
    assert inside.sum() > 300
    assert np.median(error) < 0.01
    assert error.mean() < 0.03


def test_opacity_is_white_on_black_and_depth_is_white_where_nothing_is():
    hit = IMAGE.opacity.numpy() > 0
    opacity = picture_of(IMAGE, RAYS, FORWARD, "opacity").rgb
    assert (opacity[hit] == 255).all()
    assert (opacity[~hit] == 0).all()
    depth = picture_of(IMAGE, RAYS, FORWARD, "depth").rgb
    assert (depth[~hit] == 255).all()
    assert depth[hit].astype(int).std(axis=0).min() > 5


def test_depth_along_the_axis_is_that_of_the_points():
    picture = picture_of(IMAGE, RAYS, FORWARD, "colour")
    assert picture.z_depth is not None
    points = RAYS.at(IMAGE.depth[..., None])[..., 0, :]
    _, z = WINDOW.project(points.reshape(-1, 3), torch.zeros(RAYS.near.numel(), dtype=torch.long))
    hit = IMAGE.opacity.numpy() > 0
    np.testing.assert_allclose(picture.z_depth[hit], z.reshape(hit.shape).numpy()[hit], rtol=1e-4)
    assert np.isinf(picture.z_depth[~hit]).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(61, 90), (33, 1), (1, 1), (2, 37)])
def test_coarse_pictures_have_the_size_of_the_last_one_and_blocks_of_one_colour(mode, shape):
    height, width = shape
    rays = RAYS.map(lambda tensor: tensor[:height, :width])
    stride = 32
    for image in progressively(NormalBall().render_image, rays, stride):
        picture = picture_of(image, rays, FORWARD, mode, stride)
        assert picture.rgb.shape == (height, width, 3)
        assert picture.rgb.dtype == np.uint8
        assert picture.z_depth is not None
        assert picture.z_depth.shape == (height, width)
        block = picture.rgb[:stride, :stride]
        assert (block == block[0, 0]).all()
        stride //= 2


def test_an_empty_field_has_pictures_too():
    empty = Image(torch.ones(4, 5, 3), torch.zeros(4, 5), torch.zeros(4, 5))
    rays = RAYS.map(lambda tensor: tensor[:4, :5])
    for mode in MODES:
        assert picture_of(empty, rays, FORWARD, mode).rgb.shape == (4, 5, 3)
