"""A plane with a smooth painting, seen in any frame: a method that has learnt a world up to a similarity."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from rayloom.cameras.camera import Cameras
from rayloom.cameras.corrections import CameraCorrections
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.multiscale import coarser_camera
from rayloom.data.scene import Scene
from rayloom.geometry.transforms import apply, compose, invert_similarity, look_at, rotate, se3_exp
from rayloom.method import Method, MethodConfig, Paper
from rayloom.metrics.poses import moved_poses
from rayloom.scene_info import SceneInfo
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering
from tests.training.painted_scenes import make_scene

CAMERA = Intrinsics(CameraModel.PINHOLE, 32, 24, 22.0, 22.0, 16.0, 12.0)
IDENTITY = torch.eye(3, 4, dtype=torch.float64)


class PaintedPlane(Method[MethodConfig]):
    """Shows the painting on z = 0 of the scene's frame, between near and far; it has nothing to learn."""

    paper = Paper("Invented for these tests", year=2000)
    presets = {"default": MethodConfig(), "tiny": MethodConfig()}

    def __init__(
        self,
        config: MethodConfig,
        scene: SceneInfo,
        learned_from_scene: Tensor = IDENTITY,
        corrections: CameraCorrections | None = None,
    ) -> None:
        super().__init__(config, scene)
        self.brightness = nn.Parameter(torch.zeros(()))
        self.learned_from_scene, self.corrections = learned_from_scene, corrections

    def learned_cameras(self) -> CameraCorrections | None:
        return self.corrections

    def render(self, rays: Rays) -> Rendering:
        if self.corrections is not None:
            rays = self.corrections.corrected(rays)
        scene_from_learned = invert_similarity(self.learned_from_scene).to(rays.origins)
        origins = apply(scene_from_learned, rays.origins)
        directions = rotate(scene_from_learned, rays.directions)
        t = -origins[:, 2] / directions[:, 2]
        seen = ((t > rays.near) & (t < rays.far)).to(t)
        x, y, _ = (origins + t[:, None] * directions).unbind(-1)
        waves = torch.stack(
            [(4.2 * x + 2 * y).sin(), (3.4 * y - 1.6 * x).sin(), (5 * x - 3.8 * y).cos()], dim=-1
        )
        rgb = 0.5 + 0.4 * waves + self.brightness
        return Rendering(
            rgb=rgb * seen[:, None] + self.background.to(rgb) * (1 - seen[:, None]),
            opacity=seen,
            depth=t * seen,
            intervals=Intervals(torch.stack([rays.near, rays.far], dim=-1)),
            weights=seen[:, None],
            background=self.background.expand(len(t), 3),
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        raise NotImplementedError


def plane_poses(num: int, seed: int = 0) -> Tensor:
    """Cameras over the plane, which look down on it aslant."""
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.rand(num, 5, generator=rng, dtype=torch.float64)
    eye = torch.cat([2 * drawn[:, :2] - 1, 1.5 + drawn[:, 2:3]], dim=-1)
    target = torch.nn.functional.pad(drawn[:, 3:] - 0.5, (0, 1))
    return look_at(eye, target, torch.tensor([0.0, 1.0, 0.3], dtype=torch.float64))


def plane_scene(split: tuple[str, ...], camera: Intrinsics = CAMERA, *, halves: bool = False) -> Scene:
    """Photos of the plane with true poses; those of `camera`, which the scene takes to be CAMERA."""
    poses = plane_poses(len(split))
    near, far = poses[:, 2, 3].numpy() * 0.6, poses[:, 2, 3].numpy() * 4.0
    scene = make_scene(
        split,
        images=_photos(poses, camera, near, far),
        intrinsics=(CAMERA,) * len(split),
        world_from_camera=poses.numpy(),
        near=near,
        far=far,
    )
    if not halves:
        return scene
    half = coarser_camera(camera, 2)
    small = (coarser_camera(CAMERA, 2),) * len(split)
    coarser = replace(scene, images=_photos(poses, half, near, far), intrinsics=small)
    return replace(scene, coarser=(coarser,))


def plane(scene: Scene) -> PaintedPlane:
    """The method in the scene's own frame, with the scene's cameras."""
    return PaintedPlane(PaintedPlane.presets["tiny"], scene.info)


def learned_plane(
    scene: Scene,
    learned_from_scene: Tensor,
    *,
    twist_sd: float = 0.0,
    given_sd: float = 0.1,
    lenses: str = "fixed",
) -> PaintedPlane:
    """The method after it learnt cameras with errors of `twist_sd` from poses that were off by `given_sd`."""
    train = torch.from_numpy(scene.world_from_camera[list(scene.indices("train"))])
    rng = torch.Generator().manual_seed(7)
    draw = torch.randn(2, len(train), 6, generator=rng, dtype=torch.float64)
    learned = moved_poses(learned_from_scene, compose(train, se3_exp(twist_sd * draw[0])))
    corrections = CameraCorrections(len(train), lenses=lenses)  # pyright: ignore[reportArgumentType]
    twists = given_sd * draw[1]
    corrections.start_from(compose(learned, se3_exp(-twists)).float())
    corrections.twists.data.copy_(twists)
    return PaintedPlane(PaintedPlane.presets["tiny"], scene.info, learned_from_scene, corrections)


def similarity(scale: float = 1.7) -> Tensor:
    """One that nobody would take for the identity."""
    pose = se3_exp(torch.tensor([0.4, -0.9, 0.3, 1.0, 0.5, -0.7], dtype=torch.float64))
    return torch.cat([scale * pose[:, :3], pose[:, 3:]], dim=-1)


def _photos(poses: Tensor, camera: Intrinsics, near: np.ndarray, far: np.ndarray) -> tuple[np.ndarray, ...]:
    cameras = Cameras.from_intrinsics([camera] * len(poses), poses, near, far)
    method = plane(make_scene(("test",)))
    return tuple(
        (255 * method.render_image(cameras.image_rays(i)).rgb.clamp(0, 1)).round().byte().numpy()
        for i in range(len(poses))
    )
