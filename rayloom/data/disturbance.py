"""Scenes whose training photos come with wrong cameras, for methods that must find the right ones."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from rayloom.cameras.corrections import Side
from rayloom.data.scene import Scene
from rayloom.geometry.transforms import compose, mean_pose, se3_exp


def with_poses(scene: Scene, world_from_camera: NDArray[np.float64]) -> Scene:
    """The scene with other poses, n x 3 x 4, of its n training photos; nothing else differs, at any scale."""
    poses = scene.world_from_camera.copy()
    poses[list(scene.indices("train"))] = world_from_camera
    coarser = tuple(replace(scale, world_from_camera=poses) for scale in scene.coarser)
    return replace(scene, world_from_camera=poses, coarser=coarser)


def noisy_poses(scene: Scene, turn_sd: float, move_sd: float, seed: int, side: Side = "world") -> Scene:
    """The scene with training poses changed by random twists, drawn from N(0, sd^2).

    Turns are in radians, moves in units of the training frame. On the side of the world, as in BARF (Lin et
    al. 2021, the authors' code), a turn swings the camera about the origin; on the side of the camera it
    turns in its place.
    """
    given = torch.from_numpy(scene.world_from_camera[list(scene.indices("train"))])
    spread = np.repeat([turn_sd, move_sd], 3)
    change = se3_exp(torch.from_numpy(np.random.default_rng(seed).normal(size=(len(given), 6)) * spread))
    poses = compose(change, given) if side == "world" else compose(given, change)
    return with_poses(scene, poses.numpy())


def one_pose(scene: Scene) -> Scene:
    """The scene with every training camera at their mean position, turned their mean way.

    A forward-facing capture without poses begins like this: all poses alike, which BARF takes to be the
    identity of its own frame.
    """
    given = torch.from_numpy(scene.world_from_camera[list(scene.indices("train"))])
    return with_poses(scene, mean_pose(given).expand_as(given).numpy())
