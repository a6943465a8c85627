"""A capture made ready for training: moved, scaled, split and bounded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.capture import Split
from rayloom.scene_info import SceneInfo


@dataclass(frozen=True)
class DataConfig:
    """How a capture is read."""

    scale: float = 1.0
    """Divides the resolution: 2 trains on images of half the width and height."""
    num_scales: int = 1
    """Trains and scores on smaller copies of the images too: 4 adds those at 1/2, 1/4 and 1/8 of the size."""
    split: Literal["auto", "every-8th", "last-10-percent", "none"] = "auto"
    """Which images are held out; auto takes the capture's own split, else every 8th by name."""
    kind: Literal["auto", "object", "unbounded", "forward-facing"] = "auto"
    """What surrounds the cameras; auto looks at cameras, bounds and alpha."""
    background: Literal["auto", "white", "black"] = "auto"
    """Colour behind pixels with alpha; auto takes the format's own, white for NeRF-synthetic."""
    allow_outside: bool = False
    """Accept image paths that leave the capture folder."""
    pixel_budget_mb: float = 2048.0
    """Decoded pixels beyond this are kept in a memory-mapped cache file instead of in memory."""


@dataclass(frozen=True)
class Scene:
    """Photos and cameras in the training frame; numpy only, so that reading it needs no torch."""

    root: Path
    format: str
    names: tuple[str, ...]
    images: tuple[NDArray[np.uint8], ...]
    """One (h, w, c) array an image, c 3, or 4 with straight alpha; mapped from a file beyond the budget."""
    ignore: tuple[NDArray[np.bool_] | None, ...]
    """True where a pixel must not be used; None where every pixel may."""
    depths: tuple[NDArray[np.float32] | None, ...]
    """Depth along the optical axis in training units, 0 = unknown."""
    intrinsics: tuple[Intrinsics, ...]
    """Fitted to the size of `images`."""
    world_from_camera: NDArray[np.float64]
    """n x 3 x 4, OpenCV camera axes, z-up world, region of interest in the unit ball."""
    near: NDArray[np.float64]
    """Per image, along the ray, training units."""
    far: NDArray[np.float64]
    times: NDArray[np.float64]
    split: tuple[Split, ...]
    raw_from_world: NDArray[np.float64]
    """Similarity, 4 x 4, back to the frame and units of the files."""
    points: NDArray[np.float64] | None
    """Sparse points in the training frame."""
    info: SceneInfo
    labels: tuple[NDArray[np.int16] | None, ...] = ()
    """Semantic class of each pixel, (h, w) an image, -1 where unknown; empty where no image has labels."""
    warnings: tuple[str, ...] = ()
    coarser: "tuple[Scene, ...]" = ()
    """The same photos at 1/2, 1/4, ... of the size, see `DataConfig.num_scales`; none has coarser ones."""

    @property
    def scales(self) -> "tuple[Scene, ...]":
        """The scene itself and then its coarser copies, each of half the size of the one before."""
        return (self, *self.coarser)

    def indices(self, split: Split) -> tuple[int, ...]:
        """The images of one split, in order."""
        return tuple(i for i, s in enumerate(self.split) if s == split)
