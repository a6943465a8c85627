"""A window of the browser with the viewer in it, as tests use it."""

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image as PILImage

from rayloom.viewing.sights import camera_at
from rayloom.viewing.viewer import Viewer
from tests.viewing.normal_ball import INFO, NormalBall

SIZE = {"width": 420, "height": 280}
WAIT_SECONDS = 300.0
"""For what takes a second on a machine that has time."""
SAME = 30.0
"""Decibels between a screenshot and the rendering: JPEG, and outlines that the browser smooths."""


class Tab:
    """A window of the browser, and its session."""

    def __init__(self, browser: Any, viewer: Viewer) -> None:
        known = {id(session) for session in viewer.sessions}
        self.page = browser.new_page(viewport=SIZE)
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.connected_at: float | None = None
        self.page.on("websocket", self.connected)
        self.page.set_default_timeout(WAIT_SECONDS * 1000)
        # Else viser lowers the resolution of its window where drawing is slow.
        self.page.goto(f"{viewer.url}?fixedDpr=1")
        self.session = self.until(lambda: [s for s in viewer.sessions if id(s) not in known])[0]
        # Keys are known when the panel is there.
        self.page.get_by_text("Keys").wait_for()

    def connected(self, _: object) -> None:
        self.connected_at = self.connected_at or time.monotonic()

    def until(self, happened: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
        """What happened, once it is true; the browser goes on meanwhile."""
        end = time.monotonic() + seconds
        while not (got := happened()):
            assert time.monotonic() < end, "nothing happened"
            self.page.wait_for_timeout(30)
        return got

    def bare(self) -> None:
        """Leave nothing in the window but what is rendered."""
        self.page.add_style_tag(
            content="body { visibility: hidden !important } canvas { visibility: visible !important }"
        )
        self.session.client.scene.set_global_visibility(False)

    def screenshot(self) -> np.ndarray:
        with PILImage.open(io.BytesIO(self.page.screenshot())) as picture:
            return np.asarray(picture.convert("RGB")) / 255

    def shows(self, expected: Callable[[], np.ndarray]) -> None:
        """Wait until this is in the window."""
        self.until(lambda: psnr(self.screenshot(), expected()) > SAME)

    def rendered(self) -> np.ndarray:
        """What the field looks like from where the session believes to be."""
        window = camera_at(self.session.wanted.sight, SIZE["width"], SIZE["height"], INFO)
        return NormalBall().render_image(window.image_rays(0)).rgb.numpy()

    def drag(self, dx: float, dy: float) -> None:
        before = self.session.wanted.sight
        self.page.mouse.move(210, 140)
        self.page.mouse.down()
        for share in (0.25, 0.5, 0.75, 1.0):
            self.page.mouse.move(210 + share * dx, 140 + share * dy)
            self.page.wait_for_timeout(60)
        self.page.mouse.up()
        self.until(lambda: self.session.wanted.sight != before)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((one - other) ** 2)))
