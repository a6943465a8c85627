"""A method that paints the coordinates of pixels, and scenes of photos that show them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.multiscale import coarser_camera
from rayloom.data.scene import Scene
from rayloom.method import Method, MethodConfig, Paper
from rayloom.scene_info import SceneInfo
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering

HEIGHT, WIDTH = 18, 24


class Gradient(Method[MethodConfig]):
    """Paints (x, y) of each pixel, which is also what the photos show, plus an error."""

    paper = Paper("Invented for these tests", year=2000)
    presets = {"default": MethodConfig(rays_per_chunk=100), "tiny": MethodConfig(rays_per_chunk=100)}

    def __init__(self, config: MethodConfig, scene: SceneInfo, error: float = 0.0) -> None:
        super().__init__(config, scene)
        self.error = nn.Parameter(torch.tensor(error))
        self.frozen = nn.Dropout().eval()

    def render(self, rays: Rays) -> Rendering:
        assert not self.training
        assert (rays.camera_index == -1).all()
        x, y = rays.pixels[:, 0] / WIDTH, rays.pixels[:, 1] / HEIGHT
        ones = torch.ones_like(x)
        return Rendering(
            rgb=torch.stack([x, y, 0.5 * ones], dim=-1) + self.error,
            opacity=ones,
            depth=2 + x,
            intervals=Intervals(torch.stack([rays.near, rays.far], dim=-1)),
            weights=ones[:, None],
            background=self.background.expand(len(ones), 3),
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        raise NotImplementedError


def painted() -> np.ndarray:
    """What `Gradient` paints without an error."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    return np.stack([x / WIDTH, y / HEIGHT, np.full_like(x, 0.5)], axis=-1)


def photo(offset: float = 0.0) -> np.ndarray:
    """The same in eight bits, brighter by `offset`."""
    return np.rint(255 * (painted() + offset).clip(0, 1)).astype(np.uint8)


def decibels(image: np.ndarray) -> float:
    """PSNR of what is painted against a photo."""
    return float(-10 * np.log10(np.mean((painted() - image / 255) ** 2)))


def make_scene(split: tuple[str, ...], **changes: Any) -> Scene:
    """A capture of equal photos from one place."""
    count = len(split)
    camera = Intrinsics(CameraModel.PINHOLE, WIDTH, HEIGHT, 20.0, 20.0, WIDTH / 2, HEIGHT / 2)
    scene = Scene(
        root=Path("invented"),
        format="blender",
        names=tuple(f"images/{i:04d}.jpg" for i in range(count)),
        images=(photo(),) * count,
        ignore=(None,) * count,
        depths=(None,) * count,
        intrinsics=(camera,) * count,
        world_from_camera=np.tile(np.eye(3, 4), (count, 1, 1)),
        near=np.ones(count),
        far=np.full(count, 4.0),
        times=np.zeros(count),
        split=split,  # pyright: ignore[reportArgumentType]
        raw_from_world=np.eye(4),
        points=None,
        info=SceneInfo(
            kind="object",
            box_low=(-1.0, -1.0, -1.0),
            box_high=(1.0, 1.0, 1.0),
            near=1.0,
            far=4.0,
            background=(1.0, 1.0, 1.0),
            has_alpha=False,
            num_images=split.count("train"),
        ),
    )
    return replace(scene, **changes)


def gradient(scene: Scene, error: float = 0.0) -> Gradient:
    return Gradient(Gradient.presets["tiny"], scene.info, error)


def at_two_scales(scene: Scene, offset: float) -> Scene:
    """The scene with copies of half the size, which show what is painted there, brighter by `offset`."""
    # `Gradient` goes by pixels, so that of half as many it paints the first.
    copies = (photo(offset)[: HEIGHT // 2, : WIDTH // 2],) * len(scene.names)
    cameras = tuple(coarser_camera(camera, 2) for camera in scene.intrinsics)
    return replace(scene, coarser=(replace(scene, images=copies, intrinsics=cameras),))
