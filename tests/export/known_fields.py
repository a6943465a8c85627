"""Fields whose surface is known exactly, photographed by cameras that are known too."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rayloom.data.capture import Capture
from rayloom.data.placement.orientation import invert_similarity, scale_of
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.synthetic import Dome, Object, Sun, SyntheticCapture, World, make_capture
from rayloom.data.synthetic.primitives import Sphere
from rayloom.data.synthetic.textures import Constant, Material
from rayloom.export.camera_files import moved_capture
from rayloom.method import Method, MethodConfig, Paper
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

LEVEL = 50.0
"""Density at the surface."""
SOFTNESS = 0.02
"""World units over which density changes by a factor of e."""
CENTER, RADIUS = (0.3, -0.1, 0.2), 0.5

Distance = Callable[[Tensor], Tensor]
Color = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class KnownConfig(MethodConfig):
    """Nothing to choose."""


class KnownField(Method[KnownConfig]):
    """Density that falls exponentially with the distance from a surface; rays end at the surface."""

    paper = Paper("Known fields", year=2031)
    presets = {"default": KnownConfig(), "tiny": KnownConfig()}

    def __init__(self, scene: SceneInfo, distance: Distance, rgb: Color, *, asked: bool = True) -> None:
        super().__init__(KnownConfig(), scene)
        self.nothing = nn.Parameter(torch.zeros(1))
        self.distance, self.rgb, self.asked = distance, rgb, asked

    def density(self, points: Tensor) -> Tensor:
        return LEVEL * torch.exp(-(self.distance(points) / SOFTNESS).clamp(-4, 40))

    def color(self, points: Tensor, directions: Tensor) -> Tensor:
        if not self.asked:
            return super().color(points, directions)
        return self.rgb(points)[:, None].expand(-1, directions.shape[1], -1)

    def render(self, rays: Rays) -> Rendering:
        t = rays.near.clone()
        for _ in range(60):
            t = t + self.distance(rays.at(t[:, None])[:, 0])
        hit = (t < rays.far) & (self.distance(rays.at(t[:, None])[:, 0]).abs() < 1e-3)
        rgb = torch.where(hit[:, None], self.rgb(rays.at(t[:, None])[:, 0]), self.background)
        return Rendering(
            rgb=rgb,
            opacity=hit.float(),
            depth=torch.where(hit, t, 0),
            intervals=Intervals(torch.stack([rays.near, rays.far], dim=-1)),
            weights=hit.float()[:, None],
            background=self.background.expand_as(rgb),
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        return {}


def ball_world() -> World:
    """One ball, off the middle."""
    ball = Object("ball", Sphere(RADIUS), Material(Constant((0.8, 0.5, 0.2))), position=CENTER)
    return World("ball", (ball,), (Sun((0.0, 0.0, 1.0), (1.0, 1.0, 1.0)),))


def photographed(world: World, num_views: int = 12, size: int = 24) -> SyntheticCapture:
    """Photos from all sides."""
    return make_capture(world, Dome(), num_views=num_views, size=size, samples=1)


def scene_of(capture: Capture) -> Scene:
    """The capture, ready for training."""
    return prepare_scene(capture, DataConfig())


def moved(made: SyntheticCapture, matrix: NDArray[np.float64]) -> Capture:
    """The capture in another raw frame: matrix leads there from the frame of the world."""
    return moved_capture(made.capture, matrix)


def field_of(
    world: World, scene: Scene, raw_from_true: NDArray[np.float64] | None = None, *, asked: bool = True
) -> KnownField:
    """The world as a field in the training frame of a scene whose raw frame is not the world's own."""
    true_from_raw = np.eye(4) if raw_from_true is None else invert_similarity(raw_from_true)
    true_from_field = true_from_raw @ scene.raw_from_world
    matrix, scale = torch.from_numpy(true_from_field).float(), scale_of(true_from_field)

    def true(points: Tensor) -> Tensor:
        return points @ matrix[:3, :3].T + matrix[:3, 3]

    distance = partial(world.distance, time=0.0)
    return KnownField(
        scene.info,
        lambda points: distance(true(points)) / scale,
        lambda points: (0.5 + 0.4 * true(points)).clamp(0, 1),
        asked=asked,
    )
