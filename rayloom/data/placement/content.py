"""How far from each camera there is something, as far as files and sparse points tell."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.capture import Capture
from rayloom.data.placement.projection import project

_FEWEST_POINTS = 10


@dataclass(frozen=True)
class ContentDepths:
    """The nearest and farthest content of each image, along its optical axis, in the capture's units."""

    near: NDArray[np.float64]
    far: NDArray[np.float64]
    source: Literal["bounds of the files", "sparse points"]

    @property
    def middle(self) -> float:
        """The depth halfway in disparity, which is where parallax puts the middle of what is seen."""
        return float(np.median(2 / (1 / self.near + 1 / self.far)))


def content_depths(capture: Capture, world_from_camera: NDArray[np.float64]) -> ContentDepths | None:
    """The depths that the files state, else those of the visible sparse points; None without either.

    Of the points the first and last percentile count, as a few of them are always wrong.
    """
    near = np.array([np.nan if frame.near is None else frame.near for frame in capture.frames])
    far = np.array([np.nan if frame.far is None else frame.far for frame in capture.frames])
    stated = (near > 0) & (far > near) & np.isfinite(far)
    if stated.any():
        return ContentDepths(_filled(near, stated), _filled(far, stated), "bounds of the files")
    if capture.points is None or len(capture.points) < _FEWEST_POINTS:
        return None
    ranges = [
        _point_range(capture.points, pose, frame.intrinsics)
        for pose, frame in zip(world_from_camera, capture.frames, strict=True)
    ]
    near, far = np.array(ranges).T
    known = np.isfinite(near)
    if not known.any():
        return None
    return ContentDepths(_filled(near, known), _filled(far, known), "sparse points")


def _point_range(
    points: NDArray[np.float64], pose: NDArray[np.float64], intrinsics: Intrinsics
) -> tuple[float, float]:
    """First and last percentile of the depths that one image shows; NaN where it shows too few points."""
    _, depth, seen = project(points, pose, intrinsics)
    if seen.sum() < _FEWEST_POINTS:
        return np.nan, np.nan
    low, high = np.percentile(depth[seen], (1, 99))
    return float(low), float(high)


def _filled(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The values, with the median of the known ones in place of the others."""
    return np.where(known, values, np.median(values[known]))
