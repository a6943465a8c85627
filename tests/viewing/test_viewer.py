"""The viewer in Chromium: what its window shows, and what people do with it."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from rayloom.cameras.path_files import CameraPath
from rayloom.data.batches import truth_image
from rayloom.errors import InputError
from rayloom.viewing.looking import Looker
from rayloom.viewing.path_draft import load_path
from rayloom.viewing.path_panel import PathPlace
from rayloom.viewing.sights import camera_at, photo_in_window
from rayloom.viewing.turns import OwnThread
from rayloom.viewing.viewer import Viewer
from tests.viewing.normal_ball import INFO, RAW_FROM_WORLD, NormalBall, ball_scene
from tests.viewing.tab import SAME, SIZE, Tab, psnr

# A window may close between the question whether it is open and the answer.
pytestmark = pytest.mark.filterwarnings("ignore:Queued a .* on a closed connection:UserWarning")


class Films:
    """Films nothing, frame by frame, as it is let."""

    def __init__(self) -> None:
        self.began, self.go_on, self.done = (threading.Event() for _ in range(3))
        self.num_frames = 0

    def film(
        self, path: CameraPath, name: str, tell: Callable[[int, int], None], stopped: Callable[[], bool]
    ) -> Path:
        self.num_frames = len(path.cameras)
        self.began.set()
        for i in range(self.num_frames):
            assert self.go_on.wait(120)
            tell(i + 1, self.num_frames)
        self.done.set()
        return Path(f"{name}.mp4")


@pytest.fixture(scope="module")
def films() -> Films:
    return Films()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("viewer")


@pytest.fixture(scope="module")
def viewer(folder: Path, films: Films) -> Iterator[Viewer]:
    looker = Looker(NormalBall().eval(), OwnThread())
    viewer = Viewer(ball_scene(), looker, PathPlace(folder, films.film))
    yield viewer
    films.go_on.set()
    viewer.close()


@pytest.fixture(scope="module")
def tab(browser: Any, viewer: Viewer) -> Iterator[Tab]:
    """One for several tests, each of which leaves it bare and in colour: they run in any order."""
    tab = Tab(browser, viewer)
    tab.bare()
    yield tab
    tab.page.close()


def test_a_frame_is_shown_after_connecting(tab: Tab) -> None:
    tab.shows(tab.rendered)


@pytest.mark.slow
def test_a_frame_is_shown_three_seconds_after_connecting(browser: Any, viewer: Viewer) -> None:
    """Wants a free core, which the tests of every day do not have."""
    tab = Tab(browser, viewer)
    tab.bare()
    tab.shows(tab.rendered)
    assert tab.connected_at is not None
    assert time.monotonic() - tab.connected_at < 3.0
    tab.page.close()


def test_nothing_is_asked_of_another_address(tab: Tab, viewer: Viewer) -> None:
    assert all(url.startswith((viewer.url, "data:", "blob:")) for url in tab.asked)


def test_the_picture_follows_the_camera(tab: Tab) -> None:
    before = tab.rendered()
    tab.drag(60, 25)
    tab.shows(tab.rendered)
    assert psnr(before, tab.rendered()) < SAME - 3


def test_a_photo_and_its_place_are_one_key_apart(tab: Tab) -> None:
    tab.page.keyboard.press("End")
    tab.until(lambda: tab.session.photo == 5)
    tab.shows(tab.rendered)
    tab.page.keyboard.press("g")
    tab.until(lambda: tab.session.wanted.photo == 5)
    photo = tab.session.stage.cameras[5:6]

    def truth() -> np.ndarray:
        window = camera_at(tab.session.wanted.sight, SIZE["width"], SIZE["height"], INFO)
        rgb, _ = truth_image(tab.session.scene, 5)
        seen, inside = photo_in_window(window, photo, rgb)
        return np.where(inside[..., None], seen, 0.25)

    tab.shows(truth)
    place = tab.session.scene.world_from_camera[5, :, 3]
    np.testing.assert_allclose(tab.session.wanted.sight.position, place, atol=1e-4)
    tab.page.keyboard.press("g")
    tab.until(lambda: tab.session.wanted.photo is None)
    tab.shows(tab.rendered)
    tab.drag(40, 0)
    tab.until(lambda: tab.session.photo is None)
    tab.bare()


def test_modes_have_keys(tab: Tab) -> None:
    tab.page.keyboard.press("3")
    tab.until(lambda: tab.session.wanted.mode == "opacity")

    def off() -> float:
        """Share of the window that is not as it should be; where black meets white, decibels say little."""
        opaque = (tab.rendered() != 1.0).any(-1, keepdims=True)
        return float(np.abs(tab.screenshot() - opaque).mean())

    tab.until(lambda: off() < 0.02)
    tab.page.keyboard.press("1")
    tab.until(lambda: tab.session.wanted.mode == "colour")


def test_a_path_is_collected_saved_and_filmed_while_its_window_closes(
    browser: Any, viewer: Viewer, folder: Path, films: Films
) -> None:
    tab = Tab(browser, viewer)
    tab.page.get_by_text("Camera path").click()
    tab.page.wait_for_selector("input[value^='0 keyframes']")
    first = tab.session.wanted.sight
    tab.page.keyboard.press("k")
    tab.page.wait_for_selector("input[value^='1 keyframes']")
    tab.page.keyboard.press("Home")
    tab.until(lambda: tab.session.photo == 0)
    tab.page.keyboard.press("k")
    tab.page.wait_for_selector("input[value^='2 keyframes, 49 frames']")
    tab.page.get_by_role("button", name="save").click()
    tab.until((folder / "path.json").exists)
    keys = load_path(folder / "path.json", RAW_FROM_WORLD).keyframes
    assert len(keys) == 2
    np.testing.assert_allclose(keys[0].position, first.position, atol=1e-5)
    place = tab.session.scene.world_from_camera[0, :, 3]
    np.testing.assert_allclose(keys[1].position, place, atol=1e-3)
    tab.page.get_by_role("button", name="Render video").click()
    tab.until(films.began.is_set)
    tab.page.close()
    tab.session.painter.join()
    films.go_on.set()
    assert films.done.wait(60)
    assert films.num_frames == 49


def test_two_windows_look_at_different_things_and_one_may_leave(
    browser: Any, viewer: Viewer, tab: Tab
) -> None:
    other = Tab(browser, viewer)
    assert len(viewer.sessions) == 2
    other.bare()
    other.drag(-80, 10)
    other.shows(other.rendered)
    tab.shows(tab.rendered)
    assert psnr(tab.rendered(), other.rendered()) < SAME - 3
    # The other one leaves while a large picture is painted for it.
    other.session.set_side(1600)
    other.page.close()
    other.session.painter.join()
    tab.until(lambda: viewer.sessions == [tab.session])
    tab.drag(-50, 0)
    tab.shows(tab.rendered)


def test_what_moves_is_seen_at_the_moment_of_a_photo_and_at_any_other(browser: Any, tmp_path: Path) -> None:
    scene = replace(ball_scene(), times=np.linspace(0, 1, 6))
    viewer = Viewer(scene, Looker(NormalBall().eval(), OwnThread()), PathPlace(tmp_path, None))
    tab = Tab(browser, viewer)
    slider = tab.page.get_by_role("slider").nth(1)
    assert slider.get_attribute("aria-valuenow") == "0"
    tab.page.keyboard.press("End")
    tab.until(lambda: tab.session.wanted.sight.time == 1.0)
    tab.until(lambda: slider.get_attribute("aria-valuenow") == "1")
    late = tab.rendered()
    tab.page.keyboard.press("g")
    tab.until(lambda: tab.session.wanted.photo == 5)
    slider.press("ArrowLeft")
    tab.until(lambda: tab.session.wanted.sight.time == 0.99)
    assert tab.session.wanted.photo is None
    tab.session.set_time(0.2)
    assert psnr(late, tab.rendered()) < SAME - 3
    tab.bare()
    tab.shows(tab.rendered)
    tab.page.close()
    viewer.close()


def test_others_need_the_token(browser: Any, tmp_path: Path) -> None:
    viewer = Viewer(ball_scene(), None, PathPlace(tmp_path, None), host="127.0.0.1")
    address, _, token = viewer.url.rstrip("/").rpartition("/")
    for path in ("", "index.html", f"{token}x/"):
        with pytest.raises(HTTPError, match="403"):
            urlopen(f"{address}/{path}", timeout=30)
    tab = Tab(browser, viewer)
    opens = """url => new Promise(done => {
        const socket = new WebSocket(url, ["viser-v1.1.1"]);
        socket.onopen = () => done(true);
        socket.onerror = () => done(false);
    })"""
    server = address.replace("http", "ws")
    assert not tab.page.evaluate(opens, server)
    assert not tab.page.evaluate(opens, f"{server}/{token}x")
    assert tab.page.evaluate(opens, f"{server}/{token}")
    tab.page.close()
    viewer.close()


def test_a_taken_port_is_told_in_one_sentence(viewer: Viewer) -> None:
    port = int(viewer.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(InputError, match=f"port {port}: cannot be listened at"):
        Viewer(ball_scene(), None, PathPlace(Path(), None), port=port)
