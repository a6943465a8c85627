"""What TensoRF is claimed to show, in miniature on the still life, each part against its absence.

What claims share is trained once for each seed, so that most of the time is told beside the first of them.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from rayloom.claims.experiments import held_out_psnr, photograph, trained, trained_for
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.data.scene import Scene
    from rayloom.method import Method

STEPS = 500
SECONDS = 30.0
SYSTEMS: Mapping[str, Mapping[str, object]] = {
    "TensoRF": {},
    # As in the paper, lines alone have twice as many components.
    "CP": {
        "decomposition": "cp",
        "density_components": (16, 16, 16),
        "appearance_components": (32, 32, 32),
        "density_l1": 1e-5,
        "density_l1_later": 1e-5,
    },
    "fine from the start": {"first_resolution": 96, "upsample_shares": ()},
    "no mask": {"mask_shares": ()},
}
SHARED: Mapping[str, object] = {"rays_per_step": 512, "resolution": 96}


@cache
def _still_life(seed: int) -> "Scene":
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import object_world

    return photograph(object_world(seed), Dome(), num_views=40, size=64, seed=seed)


@cache
def _trained(system: str, seed: int) -> "Method[Any]":
    settings = {**SHARED, **SYSTEMS[system]}
    return trained("tensorf", _still_life(seed), preset="small", steps=STEPS, seed=seed, **settings)


@cache
def _psnr(system: str, seed: int) -> float:
    return held_out_psnr(_trained(system, seed), _still_life(seed))


def _gain(over: str, seed: int) -> Measurement:
    """Held-out PSNR of TensoRF less that of another system after equal steps."""
    baseline = _psnr(over, seed)
    return Measurement(measured=_psnr("TensoRF", seed) - baseline, baseline=baseline)


def _samples_per_ray(system: str, seed: int) -> float:
    """Steps along a ray of the held-out views, mean."""
    import torch

    from rayloom.data.batches import scene_cameras

    scene, method = _still_life(seed), _trained(system, seed).eval()
    cameras, num_samples, num_rays = scene_cameras(scene), 0, 0
    for index in scene.indices("test"):
        rays = cameras.image_rays(index)
        flat = rays.reshape(rays.shape.numel())
        with torch.no_grad():
            num_samples += method.render(flat).weights.numel()
        num_rays += len(flat.near)
    return num_samples / num_rays


def _share_of_samples(seed: int) -> Measurement:
    baseline = _samples_per_ray("no mask", seed)
    return Measurement(measured=_samples_per_ray("TensoRF", seed) / baseline, baseline=baseline)


def _against_nerf(seed: int) -> Measurement:
    """PSNR less that of NeRF after the same time, both with their presets for a CPU."""
    scene = _still_life(seed)
    tensorf, nerf = (
        held_out_psnr(trained_for(name, scene, preset="small", seconds=SECONDS, seed=seed), scene)
        for name in ("tensorf", "nerf")
    )
    return Measurement(measured=tensorf - nerf, baseline=nerf)


CLAIMS = (
    Claim(
        name="planes-and-lines-over-lines",
        description="Gain of VM over CP with twice as many components, still life, equal steps.",
        threshold=0.5,
        better="higher",
        measure=lambda seed: _gain("CP", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="coarse-to-fine",
        description="Gain of upsampling 48 to 96 voxels over 96 from the start, still life, equal steps.",
        threshold=0.2,
        better="higher",
        measure=lambda seed: _gain("fine from the start", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="the-mask-saves-samples",
        description="Samples on held-out rays, as a share of those without mask, which are the baseline.",
        threshold=0.25,
        better="lower",
        measure=_share_of_samples,
        seeds=3,
    ),
    Claim(
        name="the-mask-costs-nothing",
        description="Gain of masks over none, still life, equal steps, as many rays that meet something.",
        threshold=-0.1,
        better="higher",
        measure=lambda seed: _gain("no mask", seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="faster-than-nerf",
        description="Gain over NeRF after 30 s, still life, both with their presets for a CPU.",
        threshold=2.0,
        better="higher",
        measure=_against_nerf,
        unit="dB",
        seeds=3,
    ),
)
