"""What NeRF++ is claimed to show, outdoors in miniature and on a real capture, against NeRF.

Both get networks of the same size, as many places to look at on a ray in each level, and equal steps.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rayloom.claims.experiments import captured, held_out_psnr, photograph, trained
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.data.scene import Scene

STEPS = 250
SHARED: Mapping[str, object] = {
    "width": 64,
    "depth": 4,
    "position_octaves": 8,
    "rays_per_step": 256,
    "lr": 5e-3,
    "lr_final": 5e-4,
}
# 16 + 16 places inside and as many outside are 32 + 32.
NERF_PLUS_PLUS = ("nerf-plus-plus", {"num_coarse": 16, "num_fine": 16})
NERF = (
    "nerf",
    {"num_coarse": 32, "num_fine": 32, "density_activation": "softplus", "density_noise": 0.0},
)


def _outdoors(seed: int) -> "Scene":
    """The still life among things 5 to 60 units away, under a sky; every 8th view is held out."""
    from rayloom.data.synthetic.outdoors import unbounded_world
    from rayloom.data.synthetic.rigs import Dome

    rig = Dome(distance=1.6, low_rad=math.radians(5), high_rad=math.radians(45), fov_rad=1.1)
    return photograph(unbounded_world(seed), rig, num_views=40, size=40, seed=seed)


def _gain(scene: "Scene", seed: int) -> Measurement:
    """Held-out PSNR of NeRF++ less that of NeRF after equal steps."""
    psnr, nerf = (
        held_out_psnr(
            trained(name, scene, preset="tiny", steps=STEPS, seed=seed, **SHARED, **settings), scene
        )
        for name, settings in (NERF_PLUS_PLUS, NERF)
    )
    return Measurement(measured=psnr - nerf, baseline=nerf)


def _cafe(seed: int) -> Measurement:
    """The gain on video frames around a table."""
    from rayloom.data.scene import DataConfig

    return _gain(captured("cafe_table_360", DataConfig(scale=8)), seed)


CLAIMS = (
    Claim(
        name="over-nerf-outdoors",
        description="Gain over NeRF, sampled evenly in disparity, still life outdoors, equal steps.",
        threshold=0.2,
        better="higher",
        measure=lambda seed: _gain(_outdoors(seed), seed),
        unit="dB",
        seeds=3,
    ),
    Claim(
        name="over-nerf-at-the-cafe",
        description="Gain over NeRF on cafe_table_360 at an eighth of its size, equal steps.",
        threshold=0.2,
        better="higher",
        measure=_cafe,
        unit="dB",
    ),
)
