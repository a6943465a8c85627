"""Scenes that move, for claims about methods that learn them: few, plain things seen by one camera a moment.

The camera jumps about a half sphere, as in the captures of Pumarola et al. 2020, so that every photo shows
another moment from another side; those held out have a time and a view that no other photo has.
"""

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from rayloom.claims.experiments import captured, held_out_psnr, photograph, trained
from rayloom.claims.records import Measurement

if TYPE_CHECKING:
    from rayloom.data.scene import Scene
    from rayloom.data.synthetic.world import World
    from rayloom.method import Method

Part = Literal["slide", "turn"]


def moving_things(part: Part, seed: int) -> "World":
    """A ball that slides past a lemon and a hat by 2.5 times its width, or a bar that turns by 90 degrees."""
    from rayloom.data.synthetic.primitives import Box
    from rayloom.data.synthetic.still_life import moving_world
    from rayloom.data.synthetic.world import Motion

    world = moving_world(seed, part="slide")
    named = {item.name: item for item in world.objects}
    ball = replace(named["ball"], position=(-0.4, 0.0, 0.0), motion=Motion(offset=(0.8, 0.0, 0.0)))
    bar = replace(
        named["ball"],
        name="bar",
        shape=Box((0.4, 0.1, 0.1)),
        position=(0.0, 0.0, -0.05),
        turn=(0.0, 0.0, -math.pi / 4),
        motion=Motion(turn=(0.0, 0.0, math.pi / 2)),
    )
    around = (
        replace(named["lemon"], position=(0.0, -0.35, 0.0)),
        replace(named["hat"], position=(0, 0.4, 0)),
    )
    above = tuple(replace(item, position=(0.0, 0.0, 0.15)) for item in around[:1])
    return replace(world, objects=(ball, *around) if part == "slide" else (bar, *above))


@cache
def moving_scene(part: Part, seed: int, num_views: int = 40) -> "Scene":
    """Photos of 32 x 32 pixels, each of another moment."""
    from rayloom.data.synthetic.rigs import Dome

    return photograph(moving_things(part, seed), Dome(distance=1.4), num_views=num_views, size=32, seed=seed)


@cache
def hand_over_books() -> "Scene":
    """The real video of NR-NeRF, at an eighth of its size; every 8th frame is held out."""
    from rayloom.data.scene import DataConfig

    return captured("dynamic_nonrigid_example", DataConfig(scale=8))


REAL_STEPS = 800
REAL_NETWORK: dict[str, object] = {
    "num_coarse": 16, "num_fine": 12, "width": 48, "depth": 4, "rays_per_step": 256, "lr": 5e-3,
    "lr_final": 3e-4,
}  # fmt: skip


@cache
def _on_hand_over_books(name: str, seed: int, **settings: object) -> float:
    """Held-out PSNR of a method after equal steps on the real video."""
    method = trained(
        name, hand_over_books(), preset="tiny", steps=REAL_STEPS, seed=seed, **REAL_NETWORK, **settings
    )
    return held_out_psnr(method, hand_over_books())


def gain_on_hand_over_books(name: str, seed: int) -> Measurement:
    """Gain of a method over NeRF, which has no time, on the real video."""
    baseline = _on_hand_over_books("nerf", seed, density_activation="softplus")
    return Measurement(measured=_on_hand_over_books(name, seed) - baseline, baseline=baseline)


def psnr_of_views(method: "Method[Any]", scene: "Scene") -> list[float]:
    """PSNR of each held-out view, in the order of their times."""
    from rayloom.data.batches import scene_cameras, truth_image
    from rayloom.metrics.images import psnr

    cameras = scene_cameras(scene)
    views = sorted(scene.indices("test"), key=lambda index: scene.times[index])
    truths = [truth_image(scene, index) for index in views]
    pictures = [method.eval().render_image(cameras.image_rays(index)).rgb.clamp(0, 1) for index in views]
    return [psnr(picture, *truth) for picture, truth in zip(pictures, truths, strict=True)]
