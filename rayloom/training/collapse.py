"""Training that has ended in one colour: empty space, or a wall before every camera."""

import logging
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.data.batches import composited
from rayloom.data.scene import Scene
from rayloom.method import Method
from rayloom.training.localize import frozen
from rayloom.training.records import Record
from rayloom.training.viewpoints import Viewpoints

SECONDS_PER_LOOK = 20.0
"""Seconds of training between two looks; there is another one at the end."""
FIRST_STEP = 200
"""Before it every field may have one colour."""
NUM_PHOTOS, SIDE = 2, 24
"""How many small pictures are looked at, and pixels along their longer side."""
LEVELS = 2 / 255
"""Colours that differ by less look the same."""

_log = logging.getLogger(__name__)


class CollapseAlarm:
    """Hears the records of a training, and says once if all that the method sees has one colour."""

    def __init__(self, method: Method[Any], scene: Scene, on_record: Callable[[Record], None]) -> None:
        self.method, self.scene, self.on_record = method, scene, on_record
        self.looked_at, self.told = 0.0, False

    def hear(self, record: Record) -> None:
        """Pass a record on; look if it is time."""
        self.on_record(record)
        due = record.fraction >= 1 or record.seconds - self.looked_at >= SECONDS_PER_LOOK
        if self.told or record.step < FIRST_STEP or not due:
            return
        self.looked_at = record.seconds
        if (seen := collapse(self.method, self.scene)) is not None:
            self.told = True
            words = "step %d: all that is seen is %s; another --seed, or a lower --lr, may help"
            _log.warning(words, record.step, seen)


def collapse(method: Method[Any], scene: Scene) -> str | None:
    """In words, what a method sees instead of photos that it trains on; None if its pictures have contrast.

    Photos that are themselves of one colour say nothing. Random numbers stay as they were.
    """
    train = scene.indices("train")
    chosen = train[:: max(len(train) // NUM_PHOTOS, 1)][:NUM_PHOTOS]
    photos, pictures, opacities = zip(*(_look(method, scene, index) for index in chosen), strict=True)
    if _spread(torch.cat(photos)) < 4 * LEVELS or _spread(torch.cat(pictures)) >= LEVELS:
        return None
    color = torch.cat(pictures).mean(0)
    named = {1.0: "all white", 0.0: "all black"}
    word = next((word for level, word in named.items() if (color - level).abs().max() < 0.02), None)
    seen = word or "of one colour, " + " ".join(f"{value:.2f}" for value in color.tolist())
    return f"{seen} and empty" if torch.cat(opacities).max() < 0.01 else seen


@torch.no_grad()
def _look(
    method: Method[Any], scene: Scene, index: int
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"], Float[Tensor, " n"]]:
    """Some pixels of a photo, and what the method sees there: colours and opacities."""
    rays = Viewpoints(method, scene, pose_refinement_steps=0).rays(index)
    stride = max(-(-max(rays.shape) // SIDE), 1)
    with frozen(method), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        image = method.render_image(rays.map(lambda tensor: tensor[::stride, ::stride]))
    levels = torch.from_numpy(scene.images[index][::stride, ::stride].copy())
    photo, _ = composited(levels, torch.tensor(scene.info.background))
    return photo.flatten(0, 1), image.rgb.cpu().flatten(0, 1), image.opacity.cpu().flatten()


def _spread(colors: Float[Tensor, "n 3"]) -> float:
    """The largest difference between two of the colours in a channel."""
    return float((colors.amax(0) - colors.amin(0)).max())
