"""What a reader understands of a folder: photos, cameras and points, in the folder's own frame."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Frame:
    """One photo and its camera."""

    name: str
    """Unique within the capture; the path below the capture folder, for example `images/0001.jpg`."""
    image: Path | NDArray[np.uint8]
    """A file, or pixels (h, w, 3 or 4) of formats that keep them in one file."""
    intrinsics: Intrinsics
    """Of the full-size image that the format speaks of; the file may be smaller by a whole factor."""
    raw_from_camera: NDArray[np.float64]
    """Pose, 3 x 4, OpenCV camera axes (x right, y down, z forward), the format's world and units."""
    split: Split | None = None
    """Where the format says itself what an image is for."""
    ignore_mask: Path | None = None
    """Picture that is black where pixels must not be used."""
    depth: Path | None = None
    """16- or 32-bit picture of depth along the optical axis, 0 = unknown."""
    depth_unit: float = 1e-3
    """World units of the raw frame per level of the depth picture."""
    labels: Path | NDArray[np.integer] | None = None
    """Picture of numbers of semantic classes, or the numbers (h, w); the type's largest means unknown."""
    time: float = 0.0
    near: float | None = None
    """Distance bounds along the optical axis where the format has them, raw units."""
    far: float | None = None


@dataclass(frozen=True)
class Capture:
    """A set of photos with cameras, as the files have them."""

    root: Path
    format: str
    """`blender`, `transforms`, `llff`, `colmap`, `precomputed` or `tiny`."""
    frames: tuple[Frame, ...]
    points: NDArray[np.float64] | None = None
    """Sparse points, n x 3, raw frame."""
    up: NDArray[np.float64] | None = None
    """The world's up axis in the raw frame, where the format fixes it."""
    kind_hint: Literal["object", "unbounded", "picture"] | None = None
    """`object` where the format only holds objects, as NeRF-synthetic does; `picture` for a single file."""
    background: tuple[float, float, float] | None = None
    """Colour that the format's images were composited over."""
    label_names: tuple[str, ...] = ()
    """Of the semantic classes, by their number; empty where the format names none."""
    warnings: tuple[str, ...] = field(default=())
