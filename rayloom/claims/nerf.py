"""What NeRF is claimed to show, in miniature on the scene world, each part against its absence."""

from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING

from rayloom.claims.experiments import held_out_psnr, photograph, trained
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.data.scene import Scene

NETWORK: Mapping[str, object] = {"width": 64, "depth": 4, "rays_per_step": 256, "lr": 3e-3, "lr_final": 3e-4}


def _compare(
    scene: "Scene", steps: int, seed: int, with_it: Mapping[str, object], without: Mapping[str, object]
) -> Measurement:
    """Held-out PSNR of two settings that share everything else."""
    scores = [
        held_out_psnr(
            trained("nerf", scene, preset="tiny", steps=steps, seed=seed, **{**NETWORK, **change}), scene
        )
        for change in (with_it, without)
    ]
    return Measurement(measured=scores[0] - scores[1], baseline=scores[1])


def _positional_encoding(seed: int) -> Measurement:
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import object_world

    scene = photograph(object_world(seed), Dome(), num_views=32, size=48, seed=seed)
    points = {"num_coarse": 24, "num_fine": 24}
    return _compare(scene, 500, seed, points | {"position_octaves": 8}, points | {"position_octaves": 0})


def _hierarchical_sampling(seed: int) -> Measurement:
    """Few points a ray, so that it matters where they lie: 64 even ones are dense enough for this scene."""
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import object_world

    scene = photograph(object_world(seed), Dome(), num_views=32, size=48, seed=seed)
    octaves = {"position_octaves": 8}
    finer, even = {"num_coarse": 8, "num_fine": 8}, {"num_coarse": 16, "num_fine": 0}
    return _compare(scene, 2000, seed, octaves | finer, octaves | even)


def _white_collapse(seed: int) -> Measurement:
    """1 for a seed that escapes the empty scene, as measured with softplus and, as baseline, with ReLU."""
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import sparse_world

    scene = photograph(sparse_world(0), Dome(), num_views=24, size=32, seed=0)
    escaped = []
    for activation in ("softplus", "relu"):
        rates = {"rays_per_step": 256, "lr": 1e-3, "lr_final": 1e-3}
        method = trained(
            "nerf", scene, preset="tiny", steps=400, seed=seed, density_activation=activation, **rates
        )
        escaped.append(float(held_out_psnr(method, scene) > _white_psnr(scene) + 0.5))
    return Measurement(measured=escaped[0], baseline=escaped[1])


def _white_psnr(scene: "Scene") -> float:
    """Mean PSNR of pictures that show the background alone."""
    import torch

    from rayloom.data.batches import truth_image
    from rayloom.metrics.images import psnr

    truths = [truth_image(scene, index)[0] for index in scene.indices("test")]
    return fmean(psnr(torch.ones_like(truth), truth) for truth in truths)


CLAIMS = (
    Claim(
        name="positional-encoding",
        description="Gain of the encoding with 8 octaves over plain coordinates, still life, equal steps.",
        threshold=1.5,
        better="higher",
        measure=_positional_encoding,
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="hierarchical-sampling",
        description="Gain of 8 coarse and 8 fine points over 16 even ones, still life, equal steps.",
        threshold=0.3,
        better="higher",
        measure=_hierarchical_sampling,
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="no-white-collapse",
        description="1 if every seed escapes the empty scene with softplus(x - 1); the baseline is ReLU.",
        threshold=1.0,
        better="higher",
        measure=_white_collapse,
        statistic="min",
        seeds=8,
    ),
)
