"""Looking in slices is looking, and can be ended between them."""

import pytest
import torch

from rayloom.data.batches import scene_cameras
from rayloom.types import Rays
from rayloom.viewing.looking import COARSEST, Cancelled, Looker
from rayloom.viewing.turns import OwnThread
from tests.viewing.normal_ball import NormalBall, ball_scene


@pytest.fixture
def rays() -> Rays:
    return scene_cameras(ball_scene()).image_rays(1)


def test_a_picture_in_slices_is_the_picture(rays: Rays):
    method = NormalBall().train()
    looker = Looker(method, OwnThread())
    looker.rays_per_second = 100.0
    image, whole = looker.look(rays), method.render_image(rays)
    for name in ("rgb", "opacity", "depth"):
        torch.testing.assert_close(getattr(image, name), getattr(whole, name))
    looker.turns.close()


def test_the_method_is_asked_in_evaluation_mode_and_trains_on(rays: Rays):
    method = NormalBall().train()
    looker = Looker(method, OwnThread())
    assert not looker.exclusively(lambda: method.training)
    assert method.training
    with pytest.raises(ZeroDivisionError):
        looker.exclusively(lambda: 1 / 0)
    assert method.training
    looker.turns.close()


def test_looking_ends_between_slices(rays: Rays):
    method = NormalBall()
    looker = Looker(method, OwnThread())
    looker.rays_per_second = 1.0
    with pytest.raises(Cancelled):
        looker.look(rays, lambda: method.rays_seen > 0)
    assert 0 < method.rays_seen < rays.near.numel()
    looker.turns.close()


def test_a_first_picture_is_as_coarse_as_the_time_asks_for():
    looker = Looker(NormalBall(), OwnThread())
    looker.rays_per_second = 1000.0
    assert looker.coarsest(100, 0.1) == 1
    assert looker.coarsest(101, 0.1) == 2
    assert looker.coarsest(6400, 0.1) == 8
    assert looker.coarsest(10**9, 0.1) == COARSEST
    looker.turns.close()
