"""One browser window: where it looks from, what it shows, and the photo it stands at."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import viser

from rayloom.data.scene import Scene
from rayloom.viewing.arrival import Arrival
from rayloom.viewing.looking import Looker
from rayloom.viewing.modes import Mode, Picture
from rayloom.viewing.painter import Painter, Wanted
from rayloom.viewing.sights import Sight, Triple, sight_of_photo
from rayloom.viewing.stage import Stage

SIDE = 640
"""Pixels along the longer side of what is rendered for a window, at first."""

SECONDS_TO_REPEAT = 0.5
"""After the last picture; a busy browser may decode one that came before it later, and keep that."""

_JPEG_QUALITY = 90
_FARTHEST = 150.0
"""Depth at which viser's numbers for depth end, about."""


class Session:
    """What one client sees, until it leaves."""

    def __init__(
        self,
        client: viser.ClientHandle,
        scene: Scene,
        stage: Stage,
        looker: Looker | None,
        *,
        changing: bool,
    ) -> None:
        self.client, self.scene, self.stage = client, scene, stage
        self._lock = threading.RLock()
        self._side = SIDE
        self._standing_at: int | None = None
        self._arrival = Arrival()
        self._last_photo = 0
        self.open = True
        """Whether the client is still there to be told anything."""
        self.on_photo: Callable[[int | None, bool], None] = lambda index, truth: None
        """Hears when the window comes to a photo or leaves it, and whether the photo itself is shown."""
        self.on_moment: Callable[[float], None] = lambda time: None
        """Hears of another moment that the window goes to."""
        self._repeat: threading.Timer | None = None
        self.painter = Painter(scene, looker, self._show, changing=changing)
        width, height = self._size()
        self._wanted = Wanted(sight_from(client.camera), width, height)
        self.painter.want(self._wanted)
        client.camera.on_update(self._moved)

    @property
    def wanted(self) -> Wanted:
        """What the window is to show."""
        return self._wanted

    @property
    def photo(self) -> int | None:
        """The photo from whose place the window looks, if it does."""
        return self._standing_at

    def set_mode(self, mode: Mode) -> None:
        """Show colour, depth, opacity or normals."""
        self._want(mode=mode)

    def set_side(self, side: int) -> None:
        """Render so many pixels along the longer side of the window."""
        self._side = side
        width, height = self._size()
        self._want(width=width, height=height)

    def set_crop(self, crop: tuple[Triple, Triple] | None) -> None:
        """Show what is between two corners alone."""
        self._want(crop=crop)

    def set_time(self, time: float) -> None:
        """Show the field at this moment; a photo that is shown has one of its own."""
        with self._lock:
            if self._wanted.photo is not None:
                self.show_truth(False)
            self._want(sight=replace(self._wanted.sight, time=time))

    def go_along_photos(self, steps: int) -> None:
        """Go so many photos on from the last one."""
        self.go_to_photo((self._last_photo + steps) % len(self.scene.names))

    def go_to_photo(self, index: int) -> None:
        """Look at all of a photo from its place, at its moment; what stands in the room is hidden there."""
        with self._lock:
            self.client.scene.set_global_visibility(False)
            self.go_to(sight_of_photo(self.stage.cameras[index : index + 1], self.client.camera.aspect))
            self._want(photo=index if self._wanted.photo is not None else None)
            self._standing_at = self._last_photo = index
            self._arrival = Arrival()
        self.on_photo(index, self._wanted.photo is not None)

    def show_truth(self, shown: bool) -> None:
        """Show the photo itself in place of the field, or the field again; goes to the last photo first."""
        with self._lock:
            if shown and self._standing_at is None:
                self.go_along_photos(0)
            self._want(photo=self._standing_at if shown else None)
        self.on_photo(self._standing_at, shown)

    def go_to(self, sight: Sight) -> None:
        """Look from there, then; orbits go on around what is as far away as the middle of the scene."""
        focus = self.stage.focus.numpy()
        pose = sight.world_from_camera.numpy()
        distance = max(float(np.linalg.norm(focus - pose[:, 3])), 1e-3)
        camera = self.client.camera
        with self.client.atomic():
            camera.up_direction = _up_for(pose)
            camera.position = pose[:, 3]
            camera.look_at = pose[:, 3] + distance * pose[:, 2]
            camera.fov = sight.fov_rad
        self._want(sight=sight)
        self.on_moment(sight.time)

    def close(self) -> None:
        """The client has gone."""
        self.open = False
        self.painter.close()

    def _moved(self, camera: viser.CameraHandle) -> None:
        with self._lock:
            sight = replace(sight_from(camera), time=self._wanted.sight.time)
            width, height = self._size()
            left = False
            if self._standing_at is not None:
                report = self._arrival.after(at_the_place=self._is_at(sight, self._standing_at))
                if report == "coming":
                    return
                left = report == "gone"
            if left:
                self._standing_at = None
                self.client.scene.set_global_visibility(True)
            photo = None if left else self._wanted.photo
            self._want(sight=sight, width=width, height=height, photo=photo)
        if left:
            self.on_photo(None, False)

    def _is_at(self, sight: Sight, index: int) -> bool:
        place = self.scene.world_from_camera[index, :, 3]
        return bool(np.linalg.norm(place - sight.position) < 1e-3)

    def _want(self, **changes: object) -> None:
        with self._lock:
            self._wanted = replace(self._wanted, **changes)
            self.painter.want(self._wanted)

    def _size(self) -> tuple[int, int]:
        aspect = self.client.camera.aspect
        return fitting(aspect, self._side)

    def _show(self, picture: Picture | None) -> None:
        if self._repeat is not None:
            self._repeat.cancel()
        self._send(picture)
        self._repeat = threading.Timer(SECONDS_TO_REPEAT, self._send, [picture])
        self._repeat.daemon = True
        self._repeat.start()

    def _send(self, picture: Picture | None) -> None:
        if not self.open:
            return
        if picture is None:
            self.client.scene.set_background_image(None)
            return
        depth = picture.z_depth
        self.client.scene.set_background_image(
            picture.rgb,
            format="jpeg",
            jpeg_quality=_JPEG_QUALITY,
            depth=None if depth is None else np.minimum(depth, _FARTHEST),
        )
        self.client.flush()


def sight_from(camera: viser.CameraHandle) -> Sight:
    """What viser tells about a client's camera, in OpenCV axes as ours."""
    x, y, z = camera.position.tolist()
    w, i, j, k = camera.wxyz.tolist()
    return Sight((x, y, z), (w, i, j, k), float(camera.fov))


def fitting(aspect: float, side: int) -> tuple[int, int]:
    """Width and height of a picture with so many pixels along its longer side."""
    if aspect >= 1:
        return side, max(1, round(side / aspect))
    return max(1, round(side * aspect)), side


def _up_for(pose: np.ndarray) -> np.ndarray:
    """An up direction under which a camera at the pose has its roll, as near to z as that allows."""
    right, up = pose[:, 0], -pose[:, 1]
    nearest = np.array([0.0, 0.0, 1.0]) - right[2] * right
    return nearest if nearest @ up > math.sin(math.radians(5)) else up
