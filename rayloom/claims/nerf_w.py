"""What NeRF-W is claimed to show, in miniature on spoilt photos of still lifes, and on real ones.

Half of the photos have a striped square somewhere, as in the paper's appendix, and each has gains and an
offset of its own. Held-out views are clean. Every system is scored on their right halves, since the left ones
tell NeRF-W the light; all systems have the same points, rates and steps.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from rayloom.claims.experiments import captured, held_out_psnr, photograph, trained, trained_for
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from rayloom.data.scene import Scene

STEPS, SECONDS = 600, 40.0
TINT: Mapping[str, Any] = {"exposure_sd": 0.3, "tint_sd": 0.3, "offset_sd": 0.1}
OCCLUDERS: Mapping[str, Any] = {"occluded_share": 0.5}
POINTS: Mapping[str, Any] = {
    "num_coarse": 16,
    "num_fine": 8,
    "width": 48,
    "depth": 4,
    "rays_per_step": 192,
}
RATES: Mapping[str, Any] = {"lr": 4e-3, "lr_final": 4e-4}
REAL_POINTS: Mapping[str, Any] = {
    "num_coarse": 24,
    "num_fine": 16,
    "width": 64,
    "depth": 4,
    "rays_per_step": 256,
}
SYSTEMS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "NeRF": ("nerf", {"density_activation": "softplus"}),
    "NeRF-W": ("nerf-w", {"appearance_size": 16, "transient_size": 8}),
    "codes only": ("nerf-w", {"appearance_size": 16, "transient_size": 0}),
    "transient only": ("nerf-w", {"appearance_size": 0, "transient_size": 8}),
}


@cache
def _spoilt(faults: str, seed: int) -> "Scene":
    from rayloom.data.synthetic.defects import Defects
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import object_world, sparse_world

    chosen = {"tint": TINT, "occluders": OCCLUDERS, "both": {**TINT, **OCCLUDERS}}[faults]
    # In runs this short NeRF errs as much on the crowded still life as a square is wrong.
    world = sparse_world(seed) if faults == "occluders" else object_world(seed)
    return photograph(world, Dome(), num_views=32, size=32, seed=seed, defects=Defects(**chosen))


def _right_halves(scene: "Scene") -> 'Mapping[int, Bool[Tensor, "h w"]]':
    """What of the held-out photos is scored."""
    import torch

    from rayloom.training.held_out_codes import left_half

    shapes = {index: scene.images[index].shape[:2] for index in scene.indices("test")}
    return {index: ~left_half(torch.ones(shape, dtype=torch.bool)) for index, shape in shapes.items()}


@cache
def _psnr(faults: str, system: str, seed: int) -> float:
    name, settings = SYSTEMS[system]
    scene, common = _spoilt(faults, seed), {**POINTS, **RATES, "position_octaves": 6}
    method = trained(name, scene, preset="tiny", steps=STEPS, seed=seed, **{**common, **settings})
    return held_out_psnr(method, scene, _right_halves(scene))


def _gain(faults: str, system: str, seed: int) -> Measurement:
    baseline = _psnr(faults, "NeRF", seed)
    return Measurement(measured=_psnr(faults, system, seed) - baseline, baseline=baseline)


@cache
def _liberty(system: str, seed: int) -> float:
    """PSNR on the statue in photos of strangers, at a fifth of the size, after equal seconds."""
    from rayloom.data.scene import DataConfig

    scene = captured("statue_of_liberty_wild", DataConfig(scale=5))
    name, settings = SYSTEMS.get(system, ("loom", {}))
    common = {} if name == "loom" else {**REAL_POINTS, **RATES}
    preset = "default" if name == "loom" else "tiny"
    run = {"preset": preset, "seconds": SECONDS, "seed": seed}
    method = trained_for(name, scene, **run, **{**common, **settings})
    return held_out_psnr(method, scene, _right_halves(scene))


def _real_gain(over: str, seed: int) -> Measurement:
    baseline = _liberty(over, seed)
    return Measurement(measured=_liberty("NeRF-W", seed) - baseline, baseline=baseline)


CLAIMS = (
    Claim(
        name="wild-photos",
        description="Gain over NeRF where photos are tinted and half of them occluded, still life.",
        threshold=0.9,
        better="higher",
        measure=lambda seed: _gain("both", "NeRF-W", seed),
        unit="dB",
        seeds=3,
        analysis="The pilot, at another seed, gained 1.79 dB over a NeRF that was 1.2 dB lower, and half of "
        "that is asked for. Presumably worlds differ in how much of them tints and occluders spoil; others "
        "were not tried.",
    ),
    Claim(
        name="codes-cure-tint",
        description="Gain of appearance codes alone over NeRF where photos are tinted, still life.",
        threshold=1.0,
        better="higher",
        measure=lambda seed: _gain("tint", "codes only", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="transient-matter-cures-occluders",
        description="Gain of transient matter alone over NeRF where half of the photos are occluded, sparse.",
        threshold=0.6,
        better="higher",
        measure=lambda seed: _gain("occluders", "transient only", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="liberty-over-nerf",
        description="Gain over NeRF after 40 s on strangers' photos of a statue, at a fifth of their size.",
        threshold=0.0,
        better="higher",
        measure=lambda seed: _real_gain("NeRF", seed),
        unit="dB",
    ),
    Claim(
        name="liberty-over-loom",
        description="The same over loom with its default settings, which has no codes there.",
        threshold=0.0,
        better="higher",
        measure=lambda seed: _real_gain("loom", seed),
        unit="dB",
    ),
)
