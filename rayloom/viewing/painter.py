"""What a browser window shows: a thread that paints what is wanted, coarse at first, then finer."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass

import numpy as np
import torch

from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.scene import Scene
from rayloom.geometry.boxes import Box
from rayloom.metrics.pictures import eight_bit
from rayloom.rendering.progressive import progressively
from rayloom.viewing.cropping import cropped
from rayloom.viewing.looking import Cancelled, Looker
from rayloom.viewing.modes import Mode, Picture, picture_of
from rayloom.viewing.sights import Sight, Triple, camera_at, photo_in_window

SECONDS_WHILE_MOVING = 0.12
"""What the first picture of a new sight may take."""
SECONDS_TO_LOOK_AGAIN = 3.0
"""Between pictures of one sight, while the field is being trained."""

_AROUND_A_PHOTO = 0.25


@dataclass(frozen=True)
class Wanted:
    """What a window is to show."""

    sight: Sight
    width: int
    height: int
    mode: Mode = "colour"
    crop: tuple[Triple, Triple] | None = None
    """Lower and upper corner of the box that alone is seen; None for everything."""
    photo: int | None = None
    """The photo that is shown instead of the field, by its number in the scene."""


class Painter:
    """Paints for one window. A new wish ends the picture of the old one, but never its first, coarse state.

    `show` gets one picture after the other, in the painter's thread; None where there is nothing to show.
    `looker` is None before there is a field; `changing` says that somebody trains it.
    """

    def __init__(
        self,
        scene: Scene,
        looker: Looker | None,
        show: Callable[[Picture | None], None],
        *,
        changing: bool = False,
    ) -> None:
        self.scene, self.looker, self._show = scene, looker, show
        self._photos = scene_cameras(scene)
        self._patience = SECONDS_TO_LOOK_AGAIN if changing else None
        self._wish = threading.Condition()
        self._wanted: Wanted | None = None
        self._version = self._painted = 0
        self._open = True
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)
        self._thread.start()

    def want(self, wanted: Wanted) -> None:
        """Show this from now on; nothing happens where it is what was wanted already."""
        with self._wish:
            if wanted != self._wanted:
                self._wanted = wanted
                self._version += 1
                self._wish.notify()

    def close(self) -> None:
        """Paint no more, soon."""
        with self._wish:
            self._open = False
            self._version += 1
            self._wish.notify()

    def join(self) -> None:
        """Wait until nothing is painted any more."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wish:
                again = not self._wish.wait_for(lambda: self._version != self._painted, self._patience)
                wanted, self._painted = self._wanted, self._version
                if not self._open:
                    return
            if wanted is None:
                continue
            try:
                self._paint(wanted, self._painted, again=again)
            except Cancelled:
                continue
            except CancelledError:  # There are no turns any more.
                return

    def _paint(self, wanted: Wanted, version: int, *, again: bool) -> None:
        first = not again

        def outdated() -> bool:
            return not self._open or (not first and version != self._version)

        for picture in self._pictures(wanted, outdated, again=again):
            if outdated():
                raise Cancelled
            self._show(picture)
            first = False

    def _pictures(
        self, wanted: Wanted, outdated: Callable[[], bool], *, again: bool
    ) -> Iterator[Picture | None]:
        """Ever finer pictures; the last one alone where the sight was painted before."""
        window = camera_at(wanted.sight, wanted.width, wanted.height, self.scene.info)
        if wanted.photo is not None:
            photo, _ = truth_image(self.scene, wanted.photo)
            seen, inside = photo_in_window(window, self._photos[wanted.photo : wanted.photo + 1], photo)
            yield Picture(eight_bit(np.where(inside[..., None], seen, _AROUND_A_PHOTO)))
            return
        if self.looker is None:
            yield None
            return
        looker, rays = self.looker, window.image_rays(0)
        stride = 1 if again else looker.coarsest(rays.near.numel(), SECONDS_WHILE_MOVING)
        look = lambda rays: looker.look(rays, outdated)  # noqa: E731
        if wanted.crop is not None:
            box = Box(*(torch.tensor(corner) for corner in wanted.crop))
            look = cropped(look, box, torch.tensor(self.scene.info.background))
        forward = window.world_from_camera[0, :, 2]
        for image in progressively(look, rays, stride):
            yield picture_of(image, rays, forward, wanted.mode, stride)
            stride //= 2
