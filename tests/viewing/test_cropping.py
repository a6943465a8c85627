"""Inside a box there is what there was; outside there is nothing, and nothing is rendered."""

import torch

from rayloom.data.batches import scene_cameras
from rayloom.geometry.boxes import Box
from rayloom.viewing.cropping import cropped
from tests.viewing.normal_ball import INFO, NormalBall, ball_scene

RAYS = scene_cameras(ball_scene()).image_rays(3)


def test_a_box_around_everything_changes_nothing():
    method = NormalBall()
    look = cropped(method.render_image, Box(torch.full((3,), -9.0), torch.full((3,), 9.0)), torch.ones(3))
    image, whole = look(RAYS), method.render_image(RAYS)
    torch.testing.assert_close(image.rgb, whole.rgb)
    torch.testing.assert_close(image.depth, whole.depth)


def test_what_is_left_lies_in_the_box_and_was_there_before():
    method, box = NormalBall(), Box(torch.tensor([-0.4, -0.2, -1.0]), torch.tensor([1.0, 1.0, 0.1]))
    image = cropped(method.render_image, box, torch.tensor([0.0, 0.0, 1.0]))(RAYS)
    whole = method.render_image(RAYS)
    points = RAYS.at(whole.depth[..., None])[..., 0, :]
    kept = (whole.opacity > 0) & box.contains(points)
    assert 20 < kept.sum() < (whole.opacity > 0).sum()
    torch.testing.assert_close(image.opacity > 0, kept)
    torch.testing.assert_close(image.rgb[kept], whole.rgb[kept])
    enter, leave = box.intersect(RAYS.origins, RAYS.directions)
    missed = leave <= enter
    assert (image.rgb[missed] == torch.tensor([0.0, 0.0, 1.0])).all()


def test_rays_that_miss_are_not_rendered():
    method = NormalBall()
    box = Box(torch.tensor([50.0, 50.0, 50.0]), torch.tensor([51.0, 51.0, 51.0]))
    image = cropped(method.render_image, box, torch.tensor(INFO.background))(RAYS)
    assert method.rays_seen == 0
    assert not image.opacity.any()
