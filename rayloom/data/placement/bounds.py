"""Between which distances each camera sees something, and the box and the NDC frame of the scene."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.placement.content import ContentDepths
from rayloom.data.placement.orientation import Poses, mean_view
from rayloom.data.placement.projection import tan_half_view
from rayloom.scene_info import NDCFrame, SceneKind

UNBOUNDED_FAR = 1e3
"""Where rays end when nothing says how far the scene goes: in contracted space, next to infinity."""
_NEAREST = 0.02
"""No ray starts nearer than this, in training units."""

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


def ray_bounds(
    poses: Poses,
    intrinsics: Sequence[Intrinsics],
    kind: SceneKind,
    box: tuple[NDArray[np.float64], NDArray[np.float64]],
    depths: ContentDepths | None,
) -> Bounds:
    """Near and far of each image, along the ray, all in training units.

    Objects: the ball around the box. Otherwise three quarters of the nearest depth that the files state,
    or half of that of the sparse points, which are never the nearest matter; without either a twentieth
    of the cameras' distance. Where narrow lenses look at something with points, rays start no nearer than
    the ball that fills the view, if that is before 0.85 of the points' depth: still nearer each camera is
    alone, and its photo could hang there whole. Far is half as much again as the farthest depth, at the
    corners of the image; unbounded scenes without stated bounds go on to `UNBOUNDED_FAR`.
    """
    origins = poses[:, :, 3]
    if kind == "object":
        distance = np.linalg.norm(origins - (box[0] + box[1]) / 2, axis=-1)
        radius = np.linalg.norm(box[1] - box[0]) / 2
        return np.maximum(distance - radius, _NEAREST), distance + radius
    if depths is None:
        distance = np.linalg.norm(origins, axis=-1)
        return np.maximum(0.05 * distance, _NEAREST), np.full(len(poses), UNBOUNDED_FAR)
    stated = depths.source == "bounds of the files"
    # Where an image's own nearest depth is large, plain matter that no point was found on may be nearer.
    nearest = np.minimum(depths.near, np.median(depths.near))
    near = 0.75 * nearest if stated else 0.5 * nearest
    if kind == "unbounded" and not stated:
        near = np.clip(_front_of_view(poses, intrinsics), near, 0.85 * nearest)
        return np.maximum(near, _NEAREST), np.full(len(poses), UNBOUNDED_FAR)
    near = np.maximum(near, _NEAREST)
    # A depth along the axis lies farther along a ray to the corner.
    slant = np.array([np.hypot(1, tan_half_view(camera)) for camera in intrinsics])
    return near, np.maximum(1.5 * depths.far.max() * slant, 2 * near)


def _front_of_view(poses: Poses, intrinsics: Sequence[Intrinsics]) -> NDArray[np.float64]:
    """Depth of the front of the ball around the origin that is as wide as the view there; negative behind."""
    origins = poses[:, :, 3]
    ahead = -(origins * poses[:, :, 2]).sum(-1)
    tangents = np.array([tan_half_view(camera) for camera in intrinsics])
    return ahead - tangents * np.linalg.norm(origins, axis=-1)


def ndc_frame(
    poses: Poses, intrinsics: Sequence[Intrinsics], depths: ContentDepths | None, near: NDArray[np.float64]
) -> NDCFrame | None:
    """The frame of the average camera; its near plane lies before all content. None for panoramas.

    Without known depths the smallest near bound stands for the nearest content.
    """
    camera = intrinsics[0]
    if camera.model in (CameraModel.EQUIRECTANGULAR, CameraModel.ORTHOGRAPHIC):
        return None
    position, back = mean_view(poses)[0], -mean_view(poses)[1]
    right = np.cross(-poses[:, :, 1].mean(0), back)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(back, right), back])
    matrix = np.concatenate([rotation, -(rotation @ position)[:, None]], axis=1)
    # A camera behind the average one sees its near content at a smaller depth from there.
    ahead = -(poses[:, :, 3] - position) @ back
    content = near if depths is None else depths.near
    plane = max(0.75 * float((content + ahead).min()), 0.25 * float(content.min()))
    return NDCFrame(
        ndc_camera_from_world=tuple(tuple(float(value) for value in row) for row in matrix),
        near=plane,
        tan_half_fov_x=float(camera.width / (2 * camera.fx)),
        tan_half_fov_y=float(camera.height / (2 * camera.fy)),
    )
