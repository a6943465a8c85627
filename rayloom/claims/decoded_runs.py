"""Runs of ReLS-NeRF and the scores of their pictures, for its claims."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from rayloom.claims.experiments import captured, photograph, trained

if TYPE_CHECKING:
    from torch import Tensor

    from rayloom.data.capture import Split
    from rayloom.data.scene import Scene
    from rayloom.data.synthetic.world import World
    from rayloom.methods.rels_nerf import ReLSNeRF
    from rayloom.types import Rays

STEPS, SMALL_STEPS = 1000, 150
"""Of a run on large pictures, a minute and a half on one core, and of one on small ones.

Colours gain more from time than decoded pictures do: after 400 steps both have about the same PSNR.
"""
UNTIL_B = 0.44
"""Share of a run after which the last phase begins."""
Place = Literal["still life", "chair", "fox"]


def world(seed: int) -> "World":
    """The still life."""
    from rayloom.data.synthetic.still_life import object_world

    return object_world(seed)


@cache
def scene(place: Place, seed: int, size: int = 400) -> "Scene":
    """Photos of some 400 pixels, or smaller ones of the still life."""
    from rayloom.data.scene import DataConfig
    from rayloom.data.synthetic.rigs import Dome

    if place == "still life":
        return photograph(world(seed), Dome(), num_views=48, size=size, seed=seed)
    return (
        captured("fox", DataConfig(scale=4))
        if place == "fox"
        else captured("blender_chair_400", DataConfig())
    )


@cache
def run(place: Place, autoencoder: str, seed: int, **settings: object) -> "ReLSNeRF":
    """A run on large pictures."""
    steps = round(STEPS * (UNTIL_B if "shares" in settings else 1))
    options: dict[str, Any] = {"preset": "default", "steps": steps, "seed": seed, **settings}
    found: Any = trained("rels-nerf", scene(place, seed), autoencoder=autoencoder, **options)
    return found.eval()


@cache
def small_run(seed: int, **settings: object) -> "ReLSNeRF":
    """A run of a small field on small pictures of the still life."""
    options: dict[str, Any] = {"autoencoder": "r32", **settings}
    seen = scene("still life", seed, size=100)
    found: Any = trained("rels-nerf", seen, preset="tiny", steps=SMALL_STEPS, seed=seed, **options)
    return found.eval()


@dataclass(frozen=True)
class Quality:
    """Mean scores of held-out photos."""

    psnr: float
    lpips: float


def _scores(scene: "Scene", show: "Callable[[Rays, Tensor], Tensor]", split: "Split" = "test") -> Quality:
    """Of pictures that are made from rays, or from photos; of eight photos at most."""
    import torch

    from rayloom.data.batches import scene_cameras, truth_image
    from rayloom.metrics.images import psnr
    from rayloom.metrics.lpips import LPIPS

    cameras, perceptual = scene_cameras(scene), LPIPS("alex")
    indices = scene.indices(split)
    found: list[tuple[float, float]] = []
    with torch.inference_mode():
        for i in indices[:: -(-len(indices) // 8)]:
            truth, valid = truth_image(scene, i)
            picture = show(cameras[i : i + 1].image_rays(0), truth).clamp(0, 1)
            found.append((psnr(picture, truth, valid), perceptual(picture, truth)))
    return Quality(*(fmean(column) for column in zip(*found, strict=True)))


@cache
def decoded(
    place: Place, autoencoder: str, seed: int, split: "Split" = "test", **settings: object
) -> Quality:
    """Scores of decoded pictures of a run."""
    method = run(place, autoencoder, seed, **settings)
    return _scores(scene(place, seed), lambda rays, _: method.render_image(rays).rgb, split)


@cache
def colors(place: Place, autoencoder: str, seed: int) -> Quality:
    """Scores of the field's own colours in a run."""
    method = run(place, autoencoder, seed)
    return _scores(scene(place, seed), lambda rays, _: method.color_image(rays).rgb)


def reconstructed(method: "ReLSNeRF", scene: "Scene") -> Quality:
    """Scores of the photos themselves, once they have been through the autoencoder."""
    networks = method.autoencoder
    return _scores(scene, lambda _, photo: networks.decode(networks.encode(photo[None]), *photo.shape[:2])[0])
