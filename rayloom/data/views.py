"""The training photos with their cameras, for methods that look at more than the rays of a step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.camera import Cameras
from rayloom.data.scene import Scene


@dataclass(frozen=True)
class Views:
    """Photos and given cameras; number i is what `Rays.camera_index` calls i."""

    cameras: Cameras
    images: tuple[NDArray[np.uint8], ...]
    """One (h, w, c) array a photo, c 3, or 4 with straight alpha; perhaps mapped from a file."""
    points: NDArray[np.float64] | None = None
    """Sparse points of the capture, n x 3, training frame; None where it has none."""


def training_views(scene: Scene) -> Views:
    """The photos of a scene that train, at their full size, on the CPU."""
    train = list(scene.indices("train"))
    cameras = Cameras.from_intrinsics(
        [scene.intrinsics[i] for i in train],
        scene.world_from_camera[train],
        scene.near[train],
        scene.far[train],
        times=scene.times[train],
        image_index=np.arange(len(train)),
    )
    return Views(cameras, tuple(scene.images[i] for i in train), scene.points)
