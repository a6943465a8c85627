"""The editor of camera paths in one browser window, and the button that films them."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rayloom.cameras.path_files import CameraPath
from rayloom.errors import InputError
from rayloom.viewing.looking import Cancelled
from rayloom.viewing.path_draft import PathDraft, load_path, save_path
from rayloom.viewing.session import Session

Film = Callable[[CameraPath, str, Callable[[int, int], None], Callable[[], bool]], Path]
"""Films a path under a name, tells how many frames of how many are done, asks whether to stop, and says
where the video is; raises InputError, and Cancelled where it was to stop."""

_CURVE_COLOUR = (255, 127, 14)
_POINTS_OF_A_CURVE = 400


@dataclass(frozen=True)
class PathPlace:
    """Where paths are kept, and who films them."""

    folder: Path
    film: Film | None
    """None where there is no field to film."""


class PathPanel:
    """Keyframes are added where the window looks from; the path is drawn in this window only."""

    def __init__(self, session: Session, place: PathPlace) -> None:
        self.session, self.place = session, place
        self.draft = PathDraft()
        self.gui, self.client = session.client.gui, session.client
        self._stop = threading.Event()
        self._filming = threading.Lock()

    def add(self) -> None:
        """Put the controls into the panel."""
        with self.gui.add_folder("Camera path", order=30, expand_by_default=False):
            edit = self.gui.add_button_group("keyframe", ("add", "replace", "remove"))
            self.key = self.gui.add_number("number", 0, min=0, step=1, hint="the keyframe that is meant")
            look = self.gui.add_button("Look from keyframe")
            self.seconds = self.gui.add_number("seconds", self.draft.seconds, min=0.1, max=60.0, step=0.1)
            self.loop = self.gui.add_checkbox("loop", self.draft.loop)
            self.status = self.gui.add_text("path", self._in_words(), disabled=True)
            self.name = self.gui.add_text("file", "path", hint=f"in {self.place.folder}")
            keep = self.gui.add_button_group("path file", ("save", "load"))
            if self.place.film is not None:
                self._add_film()
        edit.on_click(lambda event: self._edit(event.target.value))
        look.on_click(lambda _: self._look())
        self.seconds.on_update(
            lambda event: self._set(replace(self.draft, seconds=float(event.target.value)))
        )
        self.loop.on_update(lambda event: self._set(replace(self.draft, loop=event.target.value)))
        keep.on_click(lambda event: self.save() if event.target.value == "save" else self.load())

    def _add_film(self) -> None:
        width, height = self.session.stage.cameras.size.mode(dim=0).values.tolist()
        self.width = self.gui.add_number("width", width, min=2, max=8192, step=1)
        self.height = self.gui.add_number("height", height, min=2, max=8192, step=1)
        self.render = self.gui.add_button("Render video")
        self.stop = self.gui.add_button("Stop", visible=False)
        self.progress = self.gui.add_progress_bar(0, visible=False)
        self.render.on_click(lambda _: self.film())
        self.stop.on_click(lambda _: self._stop.set())

    @property
    def file(self) -> Path:
        """The camera path's file; raises InputError where its name is none."""
        name = self.name.value.removesuffix(".json")
        if not name or Path(name).name != name:
            raise InputError("file", f"is {self.name.value!r}; expected a name without folders")
        return self.place.folder / f"{name}.json"

    def add_keyframe(self) -> None:
        """Let the path go on to where the window looks from."""
        self._edit("add")

    def save(self) -> None:
        """Write the path's file, and say so."""
        try:
            width, height = self._size()
            save_path(self.file, self.draft, width, height, self.session.scene.raw_from_world)
        except InputError as error:
            self._say("Not saved", str(error), bad=True)
        else:
            self._say("Saved", str(self.file))

    def load(self) -> None:
        """Take the path of the file."""
        try:
            draft = load_path(self.file, self.session.scene.raw_from_world)
        except InputError as error:
            self._say("Not loaded", str(error), bad=True)
            return
        self.seconds.value, self.loop.value = draft.seconds, draft.loop
        self._set(draft)
        self._say("Loaded", str(self.file))

    def film(self) -> None:
        """Make a video of the path, one at a time for each window."""
        if not self._filming.acquire(blocking=False):
            return
        try:
            self._film()
        except InputError as error:
            self._say("No video", str(error), bad=True)
        except (Cancelled, CancelledError):
            self._say("No video", "stopped")
        finally:
            if self.session.open:
                self.progress.visible = self.stop.visible = self.render.disabled = False
            self._filming.release()

    def _film(self) -> None:
        assert self.place.film is not None
        info = self.session.scene
        width, height = self._size()
        near, far = float(info.near.min()), float(info.far.max())
        film = self.draft.film(width, height, near=near, far=far)
        self._stop.clear()
        self.render.disabled = True
        self.progress.visible = self.stop.visible = True

        def tell(done: int, total: int) -> None:
            # A film goes on when its window is closed.
            if self.session.open:
                self.progress.value = 100 * done / total

        tell(0, 1)
        video = self.place.film(film, self.file.stem, tell, self._stop.is_set)
        self._say("Video", str(video))

    def _edit(self, what: str) -> None:
        frames, chosen = list(self.draft.keyframes), int(self.key.value)
        sight = self.session.wanted.sight
        if what == "add":
            frames.append(sight)
            self.key.value = len(frames) - 1
        elif chosen < len(frames):
            frames[chosen : chosen + 1] = [sight] if what == "replace" else []
        self._set(replace(self.draft, keyframes=tuple(frames)))

    def _look(self) -> None:
        if self.key.value < len(self.draft.keyframes):
            self.session.go_to(self.draft.keyframes[int(self.key.value)])

    def _set(self, draft: PathDraft) -> None:
        self.draft = draft
        self.status.value = self._in_words()
        self._draw()

    def _draw(self) -> None:
        """The curve of the path, and a frustum at each keyframe."""
        scene, frames = self.client.scene, self.draft.keyframes
        scene.remove_by_name("/path")
        if not frames:
            return
        scene.add_frame("/path", show_axes=False)
        for i, sight in enumerate(frames):
            scene.add_camera_frustum(
                f"/path/{i}",
                *(sight.fov_rad, self.client.camera.aspect),
                scale=0.1,
                color=_CURVE_COLOUR,
                wxyz=sight.wxyz,
                position=sight.position,
            )
        if len(frames) > 1:
            step = max(self.draft.num_frames // _POINTS_OF_A_CURVE, 1)
            places = np.array([sight.position for sight in self.draft.sights()[::step]], np.float32)
            lines = np.stack([places[:-1], places[1:]], axis=1)
            scene.add_line_segments(
                "/path/curve", lines, _CURVE_COLOUR, thickness=3.0, thickness_units="screen"
            )

    def _size(self) -> tuple[int, int]:
        if self.place.film is None:
            width, height = self.session.stage.cameras.size.mode(dim=0).values.tolist()
            return width, height
        return int(self.width.value), int(self.height.value)

    def _in_words(self) -> str:
        count = len(self.draft.keyframes)
        frames = self.draft.num_frames if count > 1 else 0
        return f"{count} keyframes, {frames} frames, {frames / self.draft.fps:.1f} s"

    def _say(self, title: str, words: str, *, bad: bool = False) -> None:
        if not self.session.open:
            return
        self.client.add_notification(
            title, words, auto_close_seconds=None if bad else 8.0, color="red" if bad else None
        )
