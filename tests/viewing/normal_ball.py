"""A scene that is known in closed form: a ball off the middle, coloured by its normal, and photos of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.scene import Scene
from rayloom.geometry.transforms import look_at
from rayloom.method import Method, MethodConfig, Paper
from rayloom.metrics.pictures import eight_bit
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

INFO = SceneInfo(
    kind="object",
    box_low=(-0.5, -0.6, -0.7),
    box_high=(0.8, 0.7, 0.6),
    near=1.0,
    far=5.0,
    background=(1.0, 1.0, 1.0),
    has_alpha=False,
    num_images=5,
)
CENTER, RADIUS = (0.2, 0.1, -0.1), 0.5
RAW_FROM_WORLD = np.array([[0.0, -2.5, 0, 3], [2.5, 0, 0, -1], [0, 0, 2.5, 0.5], [0, 0, 0, 1]])
WIDTH, HEIGHT, NUM_PHOTOS = 60, 40, 6


@dataclass(frozen=True)
class BallConfig(MethodConfig):
    """Nothing can be chosen."""


class NormalBall(Method[BallConfig]):
    """An opaque ball that rises; every normal has another colour, so that no wrong axis goes unseen."""

    paper = Paper("Spheres", year=2031)
    presets = {"default": BallConfig(), "tiny": BallConfig()}

    def __init__(self) -> None:
        super().__init__(BallConfig(), INFO)
        self.radius = nn.Parameter(torch.tensor(RADIUS))
        self.rays_seen = 0

    def render(self, rays: Rays) -> Rendering:
        self.rays_seen += len(rays.near)
        away = rays.origins - torch.tensor(CENTER) - rays.time[:, None] * torch.tensor([0.0, 0.0, 0.3])
        along = -(away * rays.directions).sum(-1)
        gap = (away + along[:, None] * rays.directions).square().sum(-1)
        t = along - (self.radius**2 - gap).clamp_min(0).sqrt()
        hit = (gap < self.radius**2) & (t > rays.near) & (t < rays.far)
        normal = (away + t[:, None] * rays.directions) / self.radius
        opacity = hit.float()
        return Rendering(
            rgb=torch.where(hit[:, None], 0.5 + 0.5 * normal, self.background),
            opacity=opacity,
            depth=torch.where(hit, t, 0.0),
            intervals=Intervals(torch.stack([rays.near, rays.far], dim=-1)),
            weights=opacity[:, None],
            background=self.background.expand(len(hit), 3),
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        return {"colour": (rendering.rgb - batch.rgb).square().mean()}


def ball_scene(root: Path = Path("ball")) -> Scene:
    """Six photos around the ball at several heights, one of them held out."""
    angle = torch.arange(NUM_PHOTOS) * 1.1
    eyes = torch.stack([2.6 * angle.cos(), 2.6 * angle.sin(), 0.6 + 0.5 * (2 * angle).sin()], dim=-1)
    poses = look_at(eyes, torch.tensor(CENTER), torch.tensor([0.0, 0.0, 1.0]))
    lens = Intrinsics(CameraModel.PINHOLE, WIDTH, HEIGHT, 70.0, 70.0, WIDTH / 2, HEIGHT / 2)
    cameras = Cameras.from_intrinsics([lens] * NUM_PHOTOS, poses, INFO.near, INFO.far)
    method = NormalBall()
    images = [method.render_image(cameras.image_rays(i)).rgb for i in range(NUM_PHOTOS)]
    return Scene(
        root=root,
        format="blender",
        names=tuple(f"photo {i}" for i in range(NUM_PHOTOS)),
        images=tuple(eight_bit(image.numpy()) for image in images),
        ignore=(None,) * NUM_PHOTOS,
        depths=(None,) * NUM_PHOTOS,
        intrinsics=(lens,) * NUM_PHOTOS,
        world_from_camera=poses.double().numpy(),
        near=np.full(NUM_PHOTOS, INFO.near),
        far=np.full(NUM_PHOTOS, INFO.far),
        times=np.zeros(NUM_PHOTOS),
        split=("test",) + ("train",) * (NUM_PHOTOS - 1),
        raw_from_world=RAW_FROM_WORLD,
        points=np.random.default_rng(0).normal(0, 0.3, (50, 3)),
        info=INFO,
    )
