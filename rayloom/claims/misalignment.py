"""Photos that are off by pixels, and the long way to put them right.

A mural lies on the ground, with stones on it, and cameras look down. Its photos come as they are, each moved
by up to two pixels, or with cameras that are turned by half a degree; held-out ones are always right.

The long way is iterative alignment (Jiang et al. 2023): train, see how far each photo is from what was
learnt, move its pixels there, and train anew.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.synthetic.captures import make_capture
from rayloom.data.synthetic.defects import Defects
from rayloom.data.synthetic.primitives import Ellipsoid, Plane
from rayloom.data.synthetic.rigs import Dome
from rayloom.data.synthetic.still_life import CORAL, INK, IVORY, SAFFRON, SKY, TEAL
from rayloom.data.synthetic.textures import Grain, Material
from rayloom.data.synthetic.world import Object, World
from rayloom.method import Method
from rayloom.metrics.warping import optical_flow, warped

Photos = Literal["right", "shifted", "turned"]
DEFECTS: dict[Photos, Defects] = {
    "right": Defects(),
    "shifted": Defects(shift_px=2.0),
    "turned": Defects(pose_turn_sd=math.radians(0.5)),
}
NETWORK: Mapping[str, object] = {
    "rays_per_step": 512,
    "lr": 1e-2,
    "lr_final": 1e-3,
    "num_proposals": (12,),
    "num_samples": 8,
    "position_octaves": 8,
    "direction_octaves": 1,
    "proposal_width": 16,
    "width": 64,
    "color_width": 32,
    "pixel_share": 0.4,
    "patch_side": 16,
    "patch_margin": 5,
    "num_features": 16,
    "conv_width": 16,
}
"""Settings beside those of `alignerf@tiny`, large enough for the mural."""
PIXELS_ALONE: Mapping[str, object] = {"pixel_share": 1.0}
"""mip-NeRF 360: what AligNeRF is without its second stage."""
RIG = Dome(distance=4.0, low_rad=math.radians(60), high_rad=math.radians(88), fov_rad=0.52)


def mural_world(seed: int) -> World:
    """Veins and specks that photos of 48 pixels show without aliasing, which no shift could put right."""
    rng = np.random.default_rng(seed)
    ground = Material(Grain(IVORY, TEAL, (1.2, 1.2, 1.2), octaves=2, seed=seed, sharpness=1.8), glows=True)
    objects = [Object("mural", Plane(), ground, casts_shadow=False)]
    for i, (light, dark) in enumerate(((CORAL, INK), (SKY, INK), (SAFFRON, TEAL))):
        angle, size = 2 * math.pi * (i + rng.uniform(-0.2, 0.2)) / 3, rng.uniform(0.12, 0.2)
        spots = Grain(light, dark, (1.5, 1.5, 1.5), octaves=2, seed=seed + i + 1, sharpness=1.8)
        place = (0.55 * math.cos(angle), 0.55 * math.sin(angle), 0.0)
        shape = Ellipsoid((1.5 * size, size, 0.8 * size))
        objects.append(Object("stone", shape, Material(spots, glows=True), position=place))
    return World("mural", tuple(objects), (), labels=("nothing", "thing"), radius=2.0, is_open=False)


def mural(photos: Photos, seed: int, *, num_views: int = 192, size: int = 48) -> Scene:
    """Photos of the mural; every 8th is held out and right."""
    defects = DEFECTS[photos]
    made = make_capture(mural_world(seed), RIG, num_views=num_views, size=size, seed=seed, defects=defects)
    return prepare_scene(made.capture, DataConfig(kind="unbounded"))


@torch.no_grad()
def realigned(scene: Scene, method: Method[Any]) -> Scene:
    """The scene with each training photo read where the optical flow from its rendering leads.

    What the photo does not show is ignored from then on.
    """
    method.eval()
    cameras, images, ignore = scene_cameras(scene), list(scene.images), list(scene.ignore)
    for index in scene.indices("train"):
        rays = cameras.image_rays(index).to(method.background.device)
        photo, valid = truth_image(scene, index)
        flow = optical_flow(method.render_image(rays).rgb.cpu(), photo)
        seen = torch.cat([photo, valid[..., None]], dim=-1)
        moved = torch.where(_inside(flow)[..., None], warped(seen, flow), 0.0)
        images[index] = (255 * moved[..., :3]).round().to(torch.uint8).numpy()
        ignore[index] = (moved[..., 3] < 1 - 1e-4).numpy()
    return replace(scene, images=tuple(images), ignore=tuple(ignore))


def align_iteratively(
    scene: Scene, train: Callable[[Scene], Method[Any]], rounds: int = 1
) -> Iterator[tuple[Method[Any], Scene]]:
    """A method trained on the photos as they are, then one for each round; each with the photos it saw.

    Photos are always read once from their first pixels, as reading them again and again would blur them.
    """
    method = train(scene)
    yield method, scene
    for _ in range(rounds):
        better = realigned(scene, method)
        method = train(better)
        yield method, better


def _inside(flow: Float[Tensor, "h w 2"]) -> Bool[Tensor, "h w"]:
    """Whether a pixel's flow ends between the centres of the picture's outermost pixels."""
    height, width = flow.shape[:2]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = x + flow[..., 0], y + flow[..., 1]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
