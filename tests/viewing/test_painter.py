"""Windows without a browser: what is painted, in which order, and what is given up."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rayloom.data.batches import scene_cameras, truth_image
from rayloom.types import Image, Rays
from rayloom.viewing.looking import Looker
from rayloom.viewing.modes import Picture
from rayloom.viewing.painter import Painter, Wanted
from rayloom.viewing.sights import camera_at, sight_of_photo
from rayloom.viewing.turns import OwnThread
from tests.viewing.normal_ball import HEIGHT, INFO, WIDTH, NormalBall, ball_scene

SCENE = ball_scene()
CAMERAS = scene_cameras(SCENE)


def at_photo(index: int, **changes: Any) -> Wanted:
    sight = sight_of_photo(CAMERAS[index : index + 1], WIDTH / HEIGHT)
    return replace(Wanted(sight, WIDTH, HEIGHT), **changes)


class Window:
    """Keeps what it is shown, and waits for more."""

    def __init__(self) -> None:
        self.shown: list[Picture | None] = []
        self.changed = threading.Condition()

    def show(self, picture: Picture | None) -> None:
        with self.changed:
            self.shown.append(picture)
            self.changed.notify_all()

    def error(self, number: int, wanted: Wanted) -> float:
        """How far a picture is from the whole rendering."""
        picture = self.shown[number]
        assert picture is not None
        return float(np.abs(picture.rgb / 255 - rendered(wanted).rgb.numpy()).mean())

    def wait(self, enough: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(enough, timeout=60)


@pytest.fixture
def looker() -> Iterator[Looker]:
    looker = Looker(NormalBall(), OwnThread())
    looker.rays_per_second = 1.0
    yield looker
    looker.turns.close()


def rendered(wanted: Wanted) -> Image:
    window = camera_at(wanted.sight, wanted.width, wanted.height, INFO)
    return NormalBall().render_image(window.image_rays(0))


def test_pictures_grow_finer_until_the_last_is_the_rendering(looker: Looker):
    window = Window()
    painter = Painter(SCENE, looker, window.show)
    wanted = at_photo(1)
    painter.want(wanted)
    window.wait(lambda: len(window.shown) == 6)
    truth, errors = rendered(wanted).rgb.numpy(), []
    for picture in window.shown:
        assert picture is not None
        errors.append(np.abs(picture.rgb / 255 - truth).mean())
    assert errors[-1] < 0.5 / 255
    assert errors == sorted(errors, reverse=True)
    painter.close()
    painter.join()


def test_a_new_sight_ends_the_picture_of_the_old_one_after_its_first_state(looker: Looker):
    window, began, go_on = Window(), threading.Event(), threading.Event()
    whole = looker.look

    def slow(rays: Rays, cancelled: Callable[[], bool] = lambda: False) -> Image:
        began.set()
        go_on.wait(60)
        return whole(rays, cancelled)

    looker.look = slow  # pyright: ignore[reportAttributeAccessIssue]
    painter = Painter(SCENE, looker, window.show)
    painter.want(at_photo(1))
    assert began.wait(60)
    painter.want(at_photo(2))
    go_on.set()
    window.wait(lambda: len(window.shown) > 1 and window.error(-1, at_photo(2)) < 0.5 / 255)
    painter.close()
    painter.join()
    assert window.error(0, at_photo(1)) < window.error(0, at_photo(2))
    for number in range(1, len(window.shown)):
        assert window.error(number, at_photo(2)) < window.error(number, at_photo(1))


def test_what_is_wanted_already_is_not_painted_again(looker: Looker):
    window = Window()
    painter = Painter(SCENE, looker, window.show)
    for _ in range(3):
        painter.want(at_photo(1))
        window.wait(lambda: len(window.shown) == 6)
    painter.close()
    painter.join()
    assert len(window.shown) == 6


def test_a_field_in_training_is_painted_again_at_once_in_full(
    looker: Looker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("rayloom.viewing.painter.SECONDS_TO_LOOK_AGAIN", 0.01)
    window = Window()
    painter = Painter(SCENE, looker, window.show, changing=True)
    painter.want(at_photo(1))
    window.wait(lambda: len(window.shown) > 8)
    painter.close()
    painter.join()
    final = rendered(at_photo(1)).rgb.numpy()
    for picture in window.shown[5:9]:
        assert picture is not None
        assert np.abs(picture.rgb / 255 - final).mean() < 0.5 / 255


def test_ground_truth_is_the_photo_and_asks_the_field_nothing(looker: Looker):
    window = Window()
    painter = Painter(SCENE, looker, window.show)
    painter.want(at_photo(2, photo=2))
    window.wait(lambda: len(window.shown) == 1)
    (picture,) = window.shown
    assert picture is not None
    assert picture.z_depth is None
    truth, _ = truth_image(SCENE, 2)
    # The window shows a little more than the photo, so that all of it is seen.
    assert np.abs(picture.rgb / 255 - truth.numpy())[1:-1, 1:-1].mean() < 0.02
    assert isinstance(looker.method, NormalBall)
    assert looker.method.rays_seen == 0
    painter.close()
    painter.join()


def test_a_crop_shows_what_is_in_its_box(looker: Looker):
    window = Window()
    painter = Painter(SCENE, looker, window.show)
    painter.want(at_photo(1, crop=((5.0, 5.0, 5.0), (6.0, 6.0, 6.0))))
    window.wait(lambda: len(window.shown) == 6)
    last = window.shown[-1]
    assert last is not None
    assert (last.rgb == 255).all()
    painter.close()
    painter.join()


def test_without_a_field_there_is_nothing_to_paint():
    window = Window()
    painter = Painter(SCENE, None, window.show)
    painter.want(at_photo(1))
    window.wait(lambda: window.shown == [None])
    painter.close()
    painter.join()


def test_closing_ends_a_picture_that_is_being_painted(looker: Looker):
    looker.rays_per_second = 1e-3
    asked = threading.Event()
    method = looker.method
    assert isinstance(method, NormalBall)
    whole = method.render

    def render(rays: Rays) -> Any:
        asked.set()
        return whole(rays)

    method.render = render  # pyright: ignore[reportAttributeAccessIssue]
    painter = Painter(SCENE, looker, lambda picture: None)
    painter.want(replace(at_photo(1), width=900, height=600))
    assert asked.wait(60)
    painter.close()
    painter.join()
    assert method.rays_seen < 900 * 600


def test_painters_end_when_there_are_no_turns_any_more(looker: Looker):
    painter = Painter(SCENE, looker, lambda picture: None)
    looker.turns.close()
    painter.want(at_photo(1))
    painter.join()
    assert not painter._thread.is_alive()
