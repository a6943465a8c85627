"""A field that is known in closed form: a ball, coloured by its normal, that shines towards one side."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from rayloom.baking.bake import Voxels, bake, step_rule
from rayloom.baking.baked import STOP, BakedScene, Origin
from rayloom.baking.blocks import atlas_of
from rayloom.baking.stages import Stages
from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.scene import DataConfig
from rayloom.geometry.transforms import look_at
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.packed import render_packed
from rayloom.types import Batch, Image, PackedSamples, Progress, Rays, Rendering, SceneInfo
from tests.methods.ball import OBJECT, UNBOUNDED

RAW_FROM_WORLD = torch.tensor(
    [[0.0, -2.5, 0.0, 3.0], [2.5, 0.0, 0.0, -1.0], [0.0, 0.0, 2.5, 0.5], [0.0, 0.0, 0.0, 1.0]]
)
SCENES = {"object": OBJECT, "unbounded": replace(UNBOUNDED, far=30.0)}


@dataclass(frozen=True)
class BallConfig(MethodConfig):
    """How much there is."""

    density: float = 150.0
    radius: float = 0.4
    far_wall: bool = False
    """A wall at x = 4, where space is contracted."""


class ShiningBall(Method[BallConfig]):
    """What is asked of a method that can be baked, and an exact picture of it."""

    paper = Paper("Spheres", year=2031)
    presets = {"default": BallConfig(), "tiny": BallConfig()}

    def __init__(self, config: BallConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.nothing = nn.Parameter(torch.zeros(1))
        self.points_asked = 0

    def density(self, points: Tensor) -> Tensor:
        self.points_asked += points.shape[:-1].numel()
        inside = torch.sigmoid((self.config.radius - points.norm(dim=-1)) / 0.01)
        if self.config.far_wall:
            inside = inside + 0.05 * torch.sigmoid((points[..., 0] - 4) / 0.1)
        return self.config.density * inside

    def color(self, points: Tensor, directions: Tensor) -> Tensor:
        normal = torch.nn.functional.normalize(points, dim=-1)[:, None]
        shine = 0.2 * (directions * torch.tensor([0.6, 0.0, 0.8])).sum(-1, keepdim=True)
        return (0.45 + 0.3 * normal + shine).clamp(0, 1)

    def render(self, rays: Rays) -> Rendering:
        edges = torch.linspace(0.3, 8.0, 1500)
        n = len(rays.near)
        index = torch.arange(n).repeat_interleave(len(edges) - 1)
        samples = PackedSamples(edges[:-1].repeat(n), edges[1:].repeat(n), index, n)
        points = rays.at_samples(samples)
        rgb = self.color(points, rays.directions[index][:, None])[:, 0]
        return render_packed(self.density(points), rgb, samples, self.background)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        return {}


def cameras_around(count: int, size: int = 40, distance: float = 2.0) -> Cameras:
    """Cameras around the ball that look at it."""
    angle = torch.arange(count) * 2.399963
    height = 0.7 * torch.cos(torch.arange(count) * 1.7)
    eyes = distance * torch.nn.functional.normalize(
        torch.stack([angle.cos(), angle.sin(), height], dim=-1), dim=-1
    )
    poses = look_at(eyes, torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]))
    focal, middle = 1.2 * size, size / 2
    lens = Intrinsics(CameraModel.PINHOLE, size, size, focal, focal, middle, middle)
    return Cameras.from_intrinsics([lens] * count, poses, 0.3, 8.0)


def origin_of(scene: SceneInfo, raw_from_world: Tensor = RAW_FROM_WORLD) -> Origin:
    """An origin for a baked ball."""
    return Origin(
        method="ball",
        data_config=DataConfig(),
        scene=scene,
        raw_from_world=tuple(map(tuple, raw_from_world.tolist())),
        first_view=tuple(map(tuple, cameras_around(1).world_from_camera[0].tolist())),
        focus=(0.0, 0.0, 0.0),
        fov_rad=0.8,
    )


def baked_voxels(
    folder: Path, kind: str = "object", config: BallConfig = BallConfig(), resolution: int = 64
) -> Voxels:
    """The ball as voxels."""
    method = ShiningBall(config, SCENES[kind])
    return bake(method, cameras_around(12), resolution, Stages(folder, {}), lambda stage, share: None)


def baked_scene(voxels: Voxels, kind: str = "object") -> BakedScene:
    """The scene that such voxels make."""
    atlas = atlas_of(voxels.blocks, voxels.values, voxels.space, voxels.scale)
    return BakedScene(atlas, voxels.shading, step_rule(voxels.space), STOP, origin_of(SCENES[kind]))


def psnr_between(first: Image, second: Image) -> float:
    """In decibels."""
    return float(-10 * (first.rgb - second.rgb).square().mean().log10())
