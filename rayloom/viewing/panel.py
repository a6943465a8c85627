"""The buttons and keys of one browser window."""

from collections.abc import Callable
from typing import Any

import numpy as np
import viser

from rayloom.viewing.modes import MODES
from rayloom.viewing.path_panel import PathPanel
from rayloom.viewing.session import SIDE, Session
from rayloom.viewing.sights import Triple

Key = Callable[[Any], None]

KEYS = """
drag, right-drag, wheel: orbit, pan, zoom &nbsp; W A S D Q E: fly &nbsp; arrows: turn<br>
Page Up, Page Down: photos &nbsp; Home, End: first, last &nbsp; G: ground truth<br>
1 2 3 4: colour, depth, opacity, normals &nbsp; Shift+R: first view &nbsp; K: keyframe
"""


class Panel:
    """Controls that belong to one client; what it does is the session's."""

    def __init__(self, session: Session, path: PathPanel, *, has_field: bool) -> None:
        self.session, self.path = session, path
        self.gui = session.client.gui
        if has_field:
            self._add_view()
        self._add_photos()
        path.add()
        self._add_keys(has_field=has_field)
        session.on_photo = self._at_photo

    def _add_view(self) -> None:
        session = self.session
        with self.gui.add_folder("View", order=10):
            self.mode = self.gui.add_dropdown("show", MODES)
            self.mode.on_update(lambda event: session.set_mode(event.target.value))
            side = self.gui.add_slider("pixels", 128, 1600, 32, SIDE, hint="along the longer side, at rest")
            side.on_update(lambda event: session.set_side(event.target.value))
            info = session.scene.info
            self.crop = self.gui.add_checkbox("crop", False, hint="show what is in the box alone")
            self.low = self.gui.add_vector3("from", info.box_low, step=0.01)
            self.high = self.gui.add_vector3("to", info.box_high, step=0.01)
            for control in (self.crop, self.low, self.high):
                control.on_update(self._cropped)
            if np.ptp(session.scene.times) > 0:
                self._add_time()

    def _add_time(self) -> None:
        session = self.session
        self.time = self.gui.add_slider("time", 0.0, 1.0, 0.01, session.wanted.sight.time)
        self.time.on_update(self._timed)
        session.on_moment = lambda time: setattr(self.time, "value", time)

    def _add_photos(self) -> None:
        session, last = self.session, len(self.session.scene.names) - 1
        with self.gui.add_folder("Photos", order=20):
            self.number = self.gui.add_number("photo", 0, min=0, max=last, step=1)
            self.name = self.gui.add_text("name", session.scene.names[0], disabled=True)
            step = self.gui.add_button_group("go", ("previous", "this", "next"))
            self.truth = self.gui.add_checkbox("ground truth", False, hint="the photo itself (G)")
        moves = {"previous": -1, "this": 0, "next": 1}
        step.on_click(lambda event: session.go_along_photos(moves[event.target.value]))
        self.number.on_update(self._numbered)
        self.truth.on_update(self._flipped)

    def _add_keys(self, *, has_field: bool) -> None:
        session, last = self.session, len(self.session.scene.names) - 1
        self._key("next photo", "pagedown", lambda _: session.go_along_photos(1))
        self._key("previous photo", "pageup", lambda _: session.go_along_photos(-1))
        self._key("first photo", "home", lambda _: session.go_to_photo(0))
        self._key("last photo", "end", lambda _: session.go_to_photo(last))
        self._key("ground truth", "G", lambda _: session.show_truth(session.wanted.photo is None))
        self._key("first view", "R", lambda _: session.go_to(session.stage.first_sight()), modifier="shift")
        self._key("add keyframe", "K", lambda _: self.path.add_keyframe())
        for i, mode in enumerate(MODES if has_field else ()):
            self._key(mode, str(i + 1), lambda _, mode=mode: setattr(self.mode, "value", mode))
        with self.gui.add_folder("Keys", order=60, expand_by_default=False):
            self.gui.add_markdown(KEYS)

    def _key(self, label: str, key: Any, do: Key, modifier: Any = None) -> None:  # noqa: ANN401
        self.gui.add_command(label, hotkey=key, modifier=modifier).on_trigger(do)

    def _cropped(self, event: viser.GuiEvent[Any]) -> None:
        self.session.set_crop((_floats(self.low), _floats(self.high)) if self.crop.value else None)

    def _flipped(self, event: viser.GuiEvent[Any]) -> None:
        # Not where the box follows the session.
        if event.target.value != (self.session.wanted.photo is not None):
            self.session.show_truth(event.target.value)

    def _numbered(self, event: viser.GuiEvent[Any]) -> None:
        # Not where the number follows the session.
        if event.client is not None and event.target.value != self.session.photo:
            self.session.go_to_photo(int(event.target.value))

    def _timed(self, event: viser.GuiEvent[Any]) -> None:
        # Not where the slider follows the session.
        if event.client is not None and event.target.value != self.session.wanted.sight.time:
            self.session.set_time(event.target.value)

    def _at_photo(self, index: int | None, truth: bool) -> None:
        """Show what the session says."""
        if index is not None:
            self.number.value = index
            self.name.value = self.session.scene.names[index]
        self.truth.value = truth


def _floats(vector: viser.GuiVector3Handle) -> Triple:
    """Browsers send whole numbers as integers."""
    x, y, z = map(float, vector.value)
    return x, y, z
