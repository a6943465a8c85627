"""Times of pictures, which claims about speed compare."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rayloom.claims.records import Measurement

if TYPE_CHECKING:
    from rayloom.data.scene import Scene
    from rayloom.types import Rays


def first_held_out(scene: "Scene") -> "Rays":
    """The rays of the first held-out photo, h x w."""
    from rayloom.data.batches import scene_cameras

    return scene_cameras(scene).image_rays(scene.indices("test")[0])


def least_seconds(*works: Callable[[], object], repeats: int) -> list[float]:
    """The least processor time of each work, taken in turns after one round to warm up."""
    import torch

    times: list[list[float]] = [[] for _ in works]
    with torch.inference_mode():
        for _ in range(repeats + 1):
            for work, found in zip(works, times, strict=True):
                start = time.process_time()
                work()
                found.append(time.process_time() - start)
    return [min(found[1:]) for found in times]


def ratio_of_times(slow: Callable[[], object], quick: Callable[[], object], *, repeats: int) -> Measurement:
    """Least processor time of one work over that of another; the baseline is the former in seconds."""
    longer, shorter = least_seconds(slow, quick, repeats=repeats)
    return Measurement(measured=longer / shorter, baseline=longer)
