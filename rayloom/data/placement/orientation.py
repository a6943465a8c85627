"""From the capture's own frame to the training frame: which way is up, what is in the middle, how large."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.placement.content import ContentDepths
from rayloom.data.placement.projection import tan_half_view
from rayloom.scene_info import SceneKind

Poses = NDArray[np.float64]
"""n x 3 x 4, OpenCV camera axes."""
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """The part of space that a model should resolve best: a ball, which becomes the unit ball."""

    centre: Vector
    radius: float
    note: str | None = None
    """A warning, where the capture says too little and the region is a guess."""


def upright(poses: Poses, up: Vector | None) -> NDArray[np.float64]:
    """Rotation, 3 x 3, that turns the capture's up axis to +z.

    A frame whose up axis is known and is already z keeps its axes. Where the axis has to be found, the
    turn about it is free too, and the mean viewing direction becomes +y.
    """
    if up is not None and np.linalg.norm(up) > 0:
        return _turn(up / np.linalg.norm(up), np.array([0.0, 0.0, 1.0]))
    z = find_up(poses)
    forward = poses[:, :, 2].mean(0)
    level = forward - (forward @ z) * z
    if np.linalg.norm(level) < 0.1:
        level = _most_level(poses[:, :, 2], z)
    y = level / np.linalg.norm(level)
    return np.stack([np.cross(y, z), y, z])


def find_up(poses: Poses) -> Vector:
    """The up axis of photographers who hold the camera level: the mean of the cameras' up axes, refined.

    Cameras that look down from one side pull the mean to that side. But the x axes of level cameras
    are horizontal, so directions in which these spread are taken out of the mean: u ~ (X + ε)⁻¹ mean up,
    where X is the mean of x xᵀ. For parallel cameras this leaves the mean as it is.
    """
    mean = -poses[:, :, 1].mean(0)
    if np.linalg.norm(mean) < 1e-3:
        # The up axes cancel, as in a walk around a nadir: then the cameras look down.
        mean = -poses[:, :, 2].mean(0)
    if np.linalg.norm(mean) < 1e-3:
        mean = -poses[0, :, 1]
    x = poses[:, :, 0]
    up = np.linalg.solve(x.T @ x / len(x) + 0.01 * np.eye(3), mean)
    return up / np.linalg.norm(up)


def focus(poses: Poses) -> Vector:
    """The point nearest to all optical axes, in least squares.

    A slight pull towards the cameras keeps it defined where the axes are parallel.
    """
    origins, axes = poses[:, :, 3], poses[:, :, 2]
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    mean = origins.mean(0)
    matrix = across.mean(0) + 1e-3 * np.eye(3)
    offset = (across @ (origins - mean)[:, :, None])[..., 0].mean(0)
    return mean + np.linalg.solve(matrix, offset)


def find_region(
    poses: Poses, intrinsics: Sequence[Intrinsics], kind: SceneKind, depths: ContentDepths | None
) -> Region:
    """The ball that becomes the unit ball, from cameras and content depths.

    Objects: 3/8 of the cameras' mean distance from their focus, 1.5 for the cameras of NeRF-synthetic at 4.
    Forward-facing: around the middle of the content, four fifths of the way from the cameras, so that the
    cameras come to lie at 1.25. Unbounded: around the focus, out to the cameras, or to twice what narrow
    lenses show there, so that what fills their photos is no speck of the model.
    """
    if kind == "object":
        centre = focus(poses)
        distance = float(np.linalg.norm(poses[:, :, 3] - centre, axis=-1).mean())
        return Region(centre, 0.375 * distance) if distance > 0 else _guess(poses)
    if kind == "forward-facing":
        return _in_front(poses, depths)
    return _around(poses, intrinsics, depths)


def similarity(rotation: NDArray[np.float64], region: Region) -> NDArray[np.float64]:
    """world_from_raw, 4 x 4: the rotation, then the region, given in the rotated frame, to the unit ball."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation / region.radius
    matrix[:3, 3] = -region.centre / region.radius
    return matrix


def invert_similarity(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity, 4 x 4, that undoes another."""
    scaled = matrix[:3, :3]
    inverse = np.eye(4)
    # A scaled rotation's inverse is its transpose over the square of the scale.
    inverse[:3, :3] = scaled.T / (scaled[0] @ scaled[0])
    inverse[:3, 3] = -inverse[:3, :3] @ matrix[:3, 3]
    return inverse


def scale_of(matrix: NDArray[np.float64]) -> float:
    """How much longer lengths become under a similarity."""
    return float(np.linalg.norm(matrix[0, :3]))


def move_points(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points, n x 3, under a similarity."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def move_poses(matrix: NDArray[np.float64], poses: Poses) -> Poses:
    """Poses under a similarity: the positions move, and the axes turn and stay of unit length."""
    axes = matrix[:3, :3] / scale_of(matrix) @ poses[:, :, :3]
    return np.concatenate([axes, move_points(matrix, poses[:, :, 3])[:, :, None]], axis=2)


def _around(poses: Poses, intrinsics: Sequence[Intrinsics], depths: ContentDepths | None) -> Region:
    """For cameras around something: the focus, out to the cameras; or the room, for cameras that look out."""
    origins = poses[:, :, 3]
    centre = focus(poses)
    ahead = ((centre - origins) * poses[:, :, 2]).sum(-1)
    distances = np.linalg.norm(origins - centre, axis=-1)
    if np.median(ahead) > 0.5 * np.median(distances) > 0:
        # One stray camera does not shrink the scene for all others.
        to_cameras = min(distances.max(), 1.5 * np.median(distances))
        shown = distances * np.array([tan_half_view(camera) for camera in intrinsics])
        return Region(centre, float(min(to_cameras, 2 * np.median(shown)) if shown.all() else to_cameras))
    centre = (origins.max(0) + origins.min(0)) / 2
    spread = float(np.linalg.norm(origins - centre, axis=-1).max())
    radius = max(2 * spread, depths.middle if depths else 0.0)
    return Region(centre, radius) if radius > 0 else _guess(poses)


def _in_front(poses: Poses, depths: ContentDepths | None) -> Region:
    """For cameras side by side: the middle of the content before their mean position."""
    mean, forward = mean_view(poses)
    if depths is not None:
        distance, note = depths.middle, None
    else:
        distance, note = focus_distance(poses)
    return Region(mean + distance * forward, distance / 1.25, note) if distance > 0 else _guess(poses)


def mean_view(poses: Poses) -> tuple[Vector, Vector]:
    """Mean position and mean viewing direction of the cameras."""
    forward = poses[:, :, 2].mean(0)
    return poses[:, :, 3].mean(0), forward / max(float(np.linalg.norm(forward)), 1e-12)


def focus_distance(poses: Poses) -> tuple[float, str | None]:
    """How far before the mean camera the axes meet; a guess, with its note, where they do not."""
    mean, forward = mean_view(poses)
    spread = float(np.linalg.norm(poses[:, :, 3] - mean, axis=-1).max())
    distance = float((focus(poses) - mean) @ forward)
    if distance > spread:
        return distance, None
    note = "The axes are parallel and there are no points: distances are guessed from the camera spacing."
    return 4 * spread, note


def _guess(poses: Poses) -> Region:
    note = "One position and no points or bounds: the scale is a guess, one unit before the camera."
    mean, forward = mean_view(poses)
    return Region(mean + forward, 1.0, note)


def _turn(a: Vector, b: Vector) -> NDArray[np.float64]:
    """The smallest rotation that takes the unit vector a to the unit vector b."""
    cosine = float(a @ b)
    if cosine < -1 + 1e-9:
        # Half a turn about any axis across a.
        axis = _across(a)
        return 2 * axis[:, None] * axis - np.eye(3)
    x, y, z = np.cross(a, b)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def _most_level(axes: NDArray[np.float64], z: Vector) -> Vector:
    """The horizontal part of the first axis that has a good one; any horizontal vector where none has."""
    level = axes - (axes @ z)[:, None] * z
    good = np.flatnonzero(np.linalg.norm(level, axis=-1) > 0.1)
    return level[good[0]] if len(good) else _across(z)


def _across(z: Vector) -> Vector:
    """A unit vector at right angles to another."""
    axis = np.eye(3)[np.abs(z).argmin()]
    across = axis - (axis @ z) * z
    return across / np.linalg.norm(across)
