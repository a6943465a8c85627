"""From the frame in which a method knows a scene to the frame of the files, or to the training frame."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rayloom.cameras.camera import Cameras
from rayloom.data.batches import scene_cameras
from rayloom.data.placement.orientation import scale_of
from rayloom.data.scene import Scene
from rayloom.method import Method
from rayloom.metrics.poses import moved_cameras, similarity_between

Matrix = NDArray[np.float64]
"""A similarity, 4 x 4."""


def out_from_field(method: Method[Any], scene: Scene, *, raw: bool) -> Matrix:
    """The similarity, 4 x 4, from a method's own frame to that of the files, or to the training frame.

    A method that learned its cameras has a frame of its own, from which the best similarity between
    camera centres leads to the training frame; for any other method the two are the same.
    """
    out_from_world = scene.raw_from_world if raw else np.eye(4)
    return out_from_world @ world_from_field(method, scene)


def field_cameras(method: Method[Any], scene: Scene) -> Cameras:
    """The cameras of the training photos in the method's own frame.

    They belong to no photo: what they show is not as one photo was exposed, and is not corrected again.
    """
    cameras = scene_cameras(scene)[torch.tensor(scene.indices("train"))]
    cameras = replace(cameras, image_index=torch.full_like(cameras.image_index, -1))
    corrections = method.learned_cameras()
    if corrections is None:
        return cameras
    field_from_world = torch.from_numpy(np.linalg.inv(world_from_field(method, scene))[:3])
    moved = moved_cameras(field_from_world, cameras)
    return replace(moved, world_from_camera=corrections.world_from_camera().detach().cpu())


def turn(matrix: Matrix, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Directions, n x 3, under a similarity: they turn and keep their length."""
    return vectors @ (matrix[:3, :3] / scale_of(matrix)).T


def world_from_field(method: Method[Any], scene: Scene) -> Matrix:
    """The similarity, 4 x 4, from a method's own frame to the training frame."""
    corrections = method.learned_cameras()
    matrix = np.eye(4)
    if corrections is not None:
        given = torch.from_numpy(scene.world_from_camera[list(scene.indices("train"))])
        learned = corrections.world_from_camera().detach().cpu()
        matrix[:3] = similarity_between(learned, given).numpy()
    return matrix
