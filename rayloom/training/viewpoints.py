"""From where a method sees the photos of a scene, when it is scored."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.scene import Scene
from rayloom.method import Method
from rayloom.metrics.poses import PoseErrors, aligned, moved_cameras, pose_errors, similarity_between
from rayloom.training.localize import localize, pixel_rays, random_pixels
from rayloom.types import Rays

POSE_REFINEMENT_STEPS = 100
"""Those of Lin et al. 2021, the authors' code."""


class Viewpoints:
    """The cameras of a scene in the frame of a method: the scene's own, unless the method learns cameras.

    What is learnt without true cameras is true up to a similarity. The training cameras tell it, and the
    held-out ones are moved by it, near and far with them. Each is then refined against its photo: what is
    left of its error is no fault of the picture, and would cost decibels (Lin et al. 2021).
    """

    def __init__(
        self, method: Method[Any], scene: Scene, pose_refinement_steps: int = POSE_REFINEMENT_STEPS
    ) -> None:
        self.method, self.scene, self.steps = method, scene, pose_refinement_steps
        self.scales = [scene_cameras(scale) for scale in scene.scales]
        self.device = next(method.parameters()).device
        self.corrections = method.learned_cameras()
        if self.corrections is not None:
            learned = self.corrections.world_from_camera().detach().cpu()
            self.learned_from_scene = similarity_between(_given_poses(scene), learned)
        self.refined: dict[int, Float[Tensor, "3 4"]] = {}

    def rays(self, index: int, level: int = 0) -> Rays:
        """The rays h x w of a photo, or of its copy at 1/2^level of its size, on the method's device."""
        camera = self.scales[level][index : index + 1]
        if self.corrections is None:
            return camera.image_rays(0).to(self.device)
        camera = camera.to(self.device)
        number = int(camera.image_index[0])
        if number >= 0:
            # The method itself corrects the rays of its photos, which must come from the poses it was given.
            given = self.corrections.given[number : number + 1]
            return replace(camera, world_from_camera=given).image_rays(0)
        camera = replace(
            moved_cameras(self.learned_from_scene, camera), world_from_camera=self._refined(index)[None]
        )
        width, height = camera.size[0].tolist()
        pixels = torch.arange(width * height, device=self.device)
        return pixel_rays(self.method, camera, pixels).reshape(height, width)

    def _refined(self, index: int) -> Float[Tensor, "3 4"]:
        """Where a held-out photo was taken; found at its full size, and once."""
        if index not in self.refined:
            camera = moved_cameras(self.learned_from_scene, self.scales[0][index : index + 1].to(self.device))
            photo, valid = truth_image(self.scene, index)
            # A photo that is ignored whole says nothing about its camera.
            steps = self.steps if valid.any() else 0
            choose = random_pixels(valid)
            self.refined[index] = localize(self.method, camera, photo, choose, steps=steps).world_from_camera
        return self.refined[index]


def learned_poses(method: Method[Any], scene: Scene) -> Float[Tensor, "n 3 4"] | None:
    """Where a method learnt its photos to be, aligned to the scene's poses; None where it learns none."""
    corrections = method.learned_cameras()
    if corrections is None:
        return None
    return aligned(corrections.world_from_camera().detach().cpu(), _given_poses(scene))


def learned_pose_errors(method: Method[Any], scene: Scene) -> PoseErrors | None:
    """How far these are from the scene's; None where the method learns none."""
    poses = learned_poses(method, scene)
    return None if poses is None else pose_errors(poses, _given_poses(scene))


def _given_poses(scene: Scene) -> Float[Tensor, "n 3 4"]:
    """The scene's poses of its training photos."""
    return torch.from_numpy(scene.world_from_camera[list(scene.indices("train"))])
