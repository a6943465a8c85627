"""Where points fall in images, in numpy and without lens distortion: enough to find bounds."""

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics


def project(
    points: NDArray[np.float64], world_from_camera: NDArray[np.float64], intrinsics: Intrinsics
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Pixels (n, 2), depths along the optical axis (n), and which of the points the image shows.

    Distortion is left out, as it moves a point by a small part of the image; an equirectangular image
    shows everything, and its depth is the distance.
    """
    local = (points - world_from_camera[:, 3]) @ world_from_camera[:, :3]
    depth = local[:, 2]
    if intrinsics.model is CameraModel.EQUIRECTANGULAR:
        distance = np.linalg.norm(local, axis=-1)
        azimuth = np.arctan2(local[:, 0], depth)
        polar = np.arccos(-local[:, 1] / np.maximum(distance, 1e-12))
        scale = np.array([intrinsics.width / (2 * np.pi), intrinsics.height / np.pi])
        return np.stack([azimuth + np.pi, polar], -1) * scale, distance, distance > 0
    offsets = _offsets(local, intrinsics.model)
    pixels = offsets * (intrinsics.fx, intrinsics.fy) + (intrinsics.cx, intrinsics.cy)
    inside = (pixels >= 0) & (pixels < (intrinsics.width, intrinsics.height))
    return pixels, depth, (depth > 0) & inside.all(-1)


def tan_half_view(intrinsics: Intrinsics) -> float:
    """Tangent of the angle between the optical axis and the farthest corner, at most 3."""
    if intrinsics.model is CameraModel.EQUIRECTANGULAR:
        return 3.0
    if intrinsics.model is CameraModel.ORTHOGRAPHIC:
        return 0.0
    x = max(intrinsics.cx, intrinsics.width - intrinsics.cx) / intrinsics.fx
    y = max(intrinsics.cy, intrinsics.height - intrinsics.cy) / intrinsics.fy
    return min(float(np.hypot(x, y)), 3.0)


def _offsets(local: NDArray[np.float64], model: CameraModel) -> NDArray[np.float64]:
    """Positions in the image for focal length 1 and the principal point at 0."""
    if model is CameraModel.ORTHOGRAPHIC:
        return local[:, :2]
    if model is CameraModel.OPENCV_FISHEYE:
        radius = np.linalg.norm(local[:, :2], axis=-1)
        angle = np.arctan2(radius, local[:, 2])
        return local[:, :2] * (angle / np.maximum(radius, 1e-12))[:, None]
    return local[:, :2] / np.maximum(local[:, 2:], 1e-12)
