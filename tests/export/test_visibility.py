"""Cameras see what is in front of them, and not what is behind it."""

import torch

from rayloom.export.visibility import Visibility
from tests.baking.shining_ball import cameras_around


def ball(count: int = 40_000, radius: float = 0.5) -> torch.Tensor:
    normal = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    return radius * torch.nn.functional.normalize(normal, dim=-1)


def test_a_ball_is_seen_on_its_near_side_only():
    cameras, points = cameras_around(1, size=64), ball()
    views = Visibility(cameras, points, width=0.01).views(points, 2 * points, 1)
    ways = torch.nn.functional.normalize(cameras.world_from_camera[0, :, 3] - points, dim=-1)
    cosines = (2 * points * ways).sum(-1)
    assert views.seen[cosines > 0.3, 0].float().mean() > 0.99
    assert not views.seen[cosines < 0, 0].any()


def test_what_is_inside_is_not_seen():
    outer, inner = ball(), ball(1000, 0.2)
    visibility = Visibility(cameras_around(6, size=64), outer, width=0.01)
    assert not visibility.views(inner, 5 * inner, 3).seen.any()


def test_the_most_frontal_camera_comes_first():
    cameras, points = cameras_around(20, size=64), ball()[:200]
    views = Visibility(cameras, ball(), width=0.01).views(points, 2 * points, 4)
    ways = torch.nn.functional.normalize(views.eyes - points[:, None], dim=-1)
    cosines = (2 * points[:, None] * ways).sum(-1).where(views.seen, -1)
    assert (cosines[:, :-1] >= cosines[:, 1:] - 1e-6).all()
    assert views.seen[:, 0].float().mean() > 0.9


def test_points_outside_of_the_picture_are_not_seen():
    cameras = cameras_around(1, size=64)
    middle = cameras.image_rays(0).reshape(-1)[32 * 64 + 32]
    behind = middle.origins - middle.directions
    visibility = Visibility(cameras, ball(), width=0.01)
    assert not visibility.views(behind[None], middle.directions[None], 1).seen.any()
