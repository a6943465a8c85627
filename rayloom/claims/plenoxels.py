"""What Plenoxels are claimed to show, in miniature on the still life, and against NeRF on a real capture.

What claims share is trained once for each seed, so that most of the time is told beside the first of them.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from rayloom.claims.experiments import captured, held_out_psnr, photograph, trained, trained_for
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.data.capture import Split
    from rayloom.data.scene import Scene
    from rayloom.method import Method

STEPS = 90
FEW_PHOTOS = 8
CHAIR_SECONDS = 40.0
SHARED: Mapping[str, object] = {
    "rays_per_step": 512,
    "resolutions": (16, 32, 64),
    "stage_shares": (0.2, 0.5),
}
SYSTEMS: Mapping[str, Mapping[str, object]] = {
    "Plenoxels": {},
    "no total variation": {"density_tv": 0.0, "color_tv": 0.0},
    # Every node has been met by more than this.
    "no pruning": {"prune_threshold": -1.0},
}
NERF: Mapping[str, object] = {
    "num_coarse": 24,
    "num_fine": 24,
    "position_octaves": 8,
    "width": 64,
    "depth": 4,
    "rays_per_step": 256,
    "lr": 3e-3,
    "lr_final": 3e-4,
}
QUICK_STEPS, NERF_STEPS = 50, 300


@cache
def _still_life(seed: int) -> "Scene":
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import object_world

    return photograph(object_world(seed), Dome(), num_views=40, size=48, seed=seed)


def _with_few_photos(scene: "Scene") -> "Scene":
    """The scene with its first training photos alone; those held out stay."""
    unused = scene.indices("train")[FEW_PHOTOS:]
    split: tuple[Split, ...] = tuple("val" if i in unused else s for i, s in enumerate(scene.split))
    return replace(scene, split=split, info=replace(scene.info, num_images=FEW_PHOTOS))


@cache
def _trained(system: str, seed: int, *, few_photos: bool = False) -> "Method[Any]":
    scene = _still_life(seed)
    seen = _with_few_photos(scene) if few_photos else scene
    settings = {**SHARED, **SYSTEMS[system]}
    return trained("plenoxels", seen, preset="tiny", steps=STEPS, seed=seed, **settings)


def _gain(over: str, seed: int, *, few_photos: bool = False) -> Measurement:
    """Held-out PSNR of Plenoxels less that without a part, after equal steps."""
    psnr, baseline = (
        held_out_psnr(_trained(system, seed, few_photos=few_photos), _still_life(seed))
        for system in ("Plenoxels", over)
    )
    return Measurement(measured=psnr - baseline, baseline=baseline)


def _share_of_nodes(seed: int) -> Measurement:
    """Nodes that have values at the end, as a share of those without pruning."""
    counts = [
        sum(len(part) for name, part in _trained(system, seed).named_parameters() if "density" in name)
        for system in ("Plenoxels", "no pruning")
    ]
    return Measurement(measured=counts[0] / counts[1], baseline=counts[1])


def _share_of_time(seed: int) -> Measurement:
    """Processor time of a short training as a share of NeRF's; no figure where NeRF is the better one.

    Kernels are compiled before.
    """
    scene = _still_life(seed)
    trained("plenoxels", scene, preset="tiny", steps=2, seed=seed, **SHARED)
    seconds, scores = list[float](), list[float]()
    for name, steps, settings in (("plenoxels", QUICK_STEPS, SHARED), ("nerf", NERF_STEPS, NERF)):
        began = time.process_time()
        method = trained(name, scene, preset="tiny", steps=steps, seed=seed, **settings)
        seconds.append(time.process_time() - began)
        scores.append(held_out_psnr(method, scene))
    share = seconds[0] / seconds[1] if scores[0] >= scores[1] else math.nan
    return Measurement(measured=share, baseline=scores[1])


def _chair(seed: int) -> Measurement:
    """PSNR on the chair at a quarter of its size less that of NeRF, after equal times."""
    from rayloom.data.scene import DataConfig

    scene = captured("blender_chair_400", DataConfig(scale=4))
    psnr, nerf = (
        held_out_psnr(
            trained_for(name, scene, preset=preset, seconds=CHAIR_SECONDS, seed=seed, **settings), scene
        )
        for name, preset, settings in (("plenoxels", "small", {}), ("nerf", "tiny", NERF))
    )
    return Measurement(measured=psnr - nerf, baseline=nerf)


CLAIMS = (
    Claim(
        name="a-tenth-of-the-time",
        description="Processor time as a share of NeRF's until at least NeRF's PSNR, the baseline, in dB.",
        threshold=0.1,
        better="lower",
        measure=_share_of_time,
        seeds=3,
        analysis="After 50 steps Plenoxels are ahead of 300 steps of this small NeRF for every seed, "
        "but that takes a quarter of its time; whether fewer steps would do was not tried.",
    ),
    Claim(
        name="total-variation",
        description="Gain of total variation over none with 8 photos, still life, equal steps.",
        threshold=0.35,
        better="higher",
        measure=lambda seed: _gain("no total variation", seed, few_photos=True),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="pruning-drops-nodes",
        description="Nodes with values at the end, as a share of those without pruning, the baseline.",
        threshold=0.83,
        better="lower",
        measure=_share_of_nodes,
        seeds=3,
    ),
    Claim(
        name="pruning-costs-nothing",
        description="Gain of pruning over none, still life, equal steps.",
        threshold=-0.1,
        better="higher",
        measure=lambda seed: _gain("no pruning", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="over-nerf-on-the-chair",
        description="Gain over NeRF on blender_chair_400 at a quarter of its size, after 40 s each.",
        threshold=1.0,
        better="higher",
        measure=_chair,
        unit="dB",
        analysis="Both are at 20.3 dB after 40 s on one core, beside other work. Presumably that is too "
        "short for a grid in torch and single kernels, and longer runs were not tried.",
    ),
)
