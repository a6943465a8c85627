"""A surface gets the colours that the field shows there."""

import numpy as np
import pytest
import torch

from rayloom.data.placement.orientation import invert_similarity, move_points, scale_of
from rayloom.export.colors import surface_colors
from rayloom.export.frames import field_cameras
from rayloom.export.visibility import Visibility
from tests.baking.shining_ball import BallConfig, ShiningBall, cameras_around
from tests.export.known_fields import CENTER, RADIUS, ball_world, field_of, photographed, scene_of
from tests.export.test_visibility import ball
from tests.methods.ball import OBJECT


@pytest.mark.parametrize("asked", [True, False])
def test_colours_of_a_matte_field_are_exact(asked: bool):
    scene = scene_of(photographed(ball_world()).capture)
    field = field_of(ball_world(), scene, asked=asked)
    world_from_raw = invert_similarity(scene.raw_from_world)
    middle = torch.from_numpy(move_points(world_from_raw, np.array(CENTER))).float()
    normals = 2 * ball(1500)
    points = middle + RADIUS * scale_of(world_from_raw) * normals
    visibility = Visibility(field_cameras(field, scene), points, width=0.01)
    colors = surface_colors(field, visibility, points, normals, lambda share: None)
    seen = visibility.views(points, normals, 1).seen[:, 0]
    assert seen.sum() > 500
    torch.testing.assert_close(colors[seen], field.rgb(points)[seen], atol=0.01, rtol=0)


def test_what_depends_on_the_view_is_averaged_over_views():
    field, points = ShiningBall(BallConfig(radius=0.5), OBJECT), ball(2000)
    visibility = Visibility(cameras_around(60, size=64), ball(), width=0.01)
    colors = surface_colors(field, visibility, points, 2 * points, lambda share: None)
    views = visibility.views(points, 2 * points, 8)
    ways = torch.nn.functional.normalize(points[:, None] - views.eyes, dim=-1)
    every = field.color(points, ways)
    seen = views.seen.all(-1)
    assert seen.sum() > 500
    torch.testing.assert_close(colors[seen], every.mean(1)[seen])


def test_an_unseen_place_takes_after_its_neighbours():
    field, points = ShiningBall(BallConfig(radius=0.5), OBJECT), ball(2000)
    normals = 2 * points
    normals[:20] = -normals[:20]
    visibility = Visibility(cameras_around(60, size=64), ball(), width=0.02)
    colors = surface_colors(field, visibility, points, normals, lambda share: None)
    nearest = torch.cdist(points[:20], points[20:]).argmin(-1)
    torch.testing.assert_close(colors[:20], colors[20:][nearest], atol=0.12, rtol=0)
