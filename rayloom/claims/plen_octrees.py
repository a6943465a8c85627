"""What PlenOctrees are claimed to show, in miniature: a still life in glaze, and small pictures of the chair.

Speeds are ratios in one process and on one machine, of pictures of the same rays; they are not those of the
paper, which has kernels of its own for GPUs. What claims share is trained once for each seed, so that most of
the time is told beside the first of them. Claims on captures look for them in the folder that RAYLOOM_DATA
names.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from rayloom.claims.experiments import captured, held_out_psnr, photograph, trained
from rayloom.claims.picture_times import first_held_out, ratio_of_times
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.data.scene import Scene
    from rayloom.methods.plen_octrees import PlenOctrees
    from rayloom.types import Rays

Place = Literal["still life", "chair"]
STEPS: Mapping[Place, int] = {"still life": 400, "chair": 400}
SHARE = 0.6
LEAVES: Mapping[Place, int] = {"still life": 32, "chair": 64}
"""Along an edge of the box: as in the paper, a leaf is one and a half pixels wide."""
NUM_TIMES = 3


@cache
def _scene(place: Place, seed: int) -> "Scene":
    from rayloom.data.scene import DataConfig
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import shiny_world

    if place == "chair":
        return captured("blender_chair_400", DataConfig(scale=4))
    return photograph(shiny_world(seed), Dome(), num_views=32, size=48, seed=seed)


@cache
def _run(place: Place, seed: int) -> "PlenOctrees":
    """A run of a network and then of its leaves."""
    options: dict[str, Any] = {"steps": STEPS[place], "network_share": SHARE, "leaves": LEAVES[place]}
    found: Any = trained("plen-octrees", _scene(place, seed), preset="small", seed=seed, **options)
    return found.eval()


@cache
def _network_run(seed: int, **settings: object) -> "PlenOctrees":
    """A run that ends when leaves would begin to learn; its tree is made, and left as it is."""
    from rayloom.methods.plen_octrees import PlenOctrees

    usual = PlenOctrees.presets["small"]
    options: dict[str, Any] = {
        "steps": round(STEPS["still life"] * SHARE),
        "lr_final": usual.lr * (usual.lr_final / usual.lr) ** SHARE,
        "network_share": 0.999,
        "leaves": LEAVES["still life"],
        **settings,
    }
    found: Any = trained("plen-octrees", _scene("still life", seed), preset="small", seed=seed, **options)
    found.plant()
    return found.eval()


@cache
def _psnr(place: Place, seed: int, shown: Literal["network", "raw leaves", "leaves"]) -> float:
    """Held-out PSNR of the network, of leaves as they are made of it, or of leaves that have learnt."""
    method, scene = _run(place, seed), _scene(place, seed)
    if shown == "leaves":
        return held_out_psnr(method, scene)
    other = deepcopy(method)
    other.plant()
    other.planted.fill_(shown == "raw leaves")
    return held_out_psnr(other, scene)


def _cost_of_tabulation(place: Place, seed: int) -> Measurement:
    network = _psnr(place, seed, "network")
    return Measurement(measured=network - _psnr(place, seed, "raw leaves"), baseline=network)


def _cost_after_tuning(place: Place, seed: int) -> Measurement:
    network = _psnr(place, seed, "network")
    return Measurement(measured=network - _psnr(place, seed, "leaves"), baseline=network)


@cache
def _plain_psnr(seed: int, *, leaves: bool) -> float:
    """Held-out PSNR of a plain NeRF, or of leaves with harmonics that were fitted to it."""
    other = deepcopy(_network_run(seed, colors="directions"))
    other.planted.fill_(leaves)
    return held_out_psnr(other, _scene("still life", seed))


def _trained_over_fitted(seed: int) -> Measurement:
    """PSNR of raw leaves of NeRF-SH less that of those of a plain NeRF."""
    fitted = _plain_psnr(seed, leaves=True)
    return Measurement(measured=_psnr("still life", seed, "raw leaves") - fitted, baseline=fitted)


def _cost_of_fitting(seed: int) -> Measurement:
    """PSNR that a plain NeRF loses by tabulation less what NeRF-SH does, which is the baseline."""
    fitted = _plain_psnr(seed, leaves=False) - _plain_psnr(seed, leaves=True)
    own = _cost_of_tabulation("still life", seed).measured
    return Measurement(measured=fitted - own, baseline=own)


def _picture(place: Place, seed: int) -> "Rays":
    """The rays of the first held-out photo, in one row."""
    rays = first_held_out(_scene(place, seed))
    return rays.reshape(rays.shape.numel())


def _speed(place: Place, seed: int) -> Measurement:
    """Of a picture of the network against one of its tree."""
    method, rays = _run(place, seed), _picture(place, seed)
    return ratio_of_times(
        lambda: method.render_network(rays), lambda: method.render_leaves(rays), repeats=NUM_TIMES
    )


def _speed_at_full_size(place: Place, seed: int) -> Measurement:
    """Of the paper's network, untrained, asked once wherever the small one saw something, over the tree."""
    import torch
    from torch import Tensor

    from rayloom.fields.encodings import FrequencyEncoding
    from rayloom.fields.harmonics import HarmonicMLP
    from rayloom.types import PackedSamples

    method, rays = _run(place, seed), _picture(place, seed)
    network = HarmonicMLP[Tensor](FrequencyEncoding(10), width=256, depth=8)
    with torch.inference_mode():
        samples = method.render_network(rays).intervals
    assert isinstance(samples, PackedSamples), "as networks are marched"
    points, directions = rays.at_samples(samples), rays.view_directions[samples.ray_index]

    def ask() -> None:
        for part in torch.arange(len(points)).split(1 << 15):
            network(method.field.frame(points[part]), directions[part])

    return ratio_of_times(ask, lambda: method.render_leaves(rays), repeats=NUM_TIMES)


CLAIMS = (
    Claim("cost-of-tabulation", "PSNR that NeRF-SH has above leaves as they are made of it, still life.",
          0.05, "higher", lambda seed: _cost_of_tabulation("still life", seed), unit="dB", seeds=3),
    Claim("cost-after-tuning", "The same above leaves that have learnt for 160 steps.",
          0.0, "lower", lambda seed: _cost_after_tuning("still life", seed), unit="dB", seeds=3),
    Claim("trained-over-fitted", "Gain of harmonics that learn in the network over fitted ones, raw leaves.",
          0.0, "higher", _trained_over_fitted, unit="dB", seeds=3),
    Claim("cost-of-fitting", "PSNR that fitted harmonics lose by tabulation less what learnt ones lose.",
          0.1, "higher", _cost_of_fitting, unit="dB", seeds=3),
    Claim("faster-pictures", "Time of a picture of the network, 64 wide, over that of its tree, still life.",
          5.0, "higher", lambda seed: _speed("still life", seed), seeds=3),
    Claim("faster-pictures-full-size", "The same for the visible samples of a network of the paper's size.",
          30.0, "higher", lambda seed: _speed_at_full_size("still life", seed), seeds=3),
    Claim("cost-after-tuning-chair", "PSNR of NeRF-SH above leaves that have learnt, chair, 100 pixels.",
          0.5, "lower", lambda seed: _cost_after_tuning("chair", seed), unit="dB"),
    Claim("faster-pictures-chair", "Time of a picture of the network over that of its tree, chair.",
          5.0, "higher", lambda seed: _speed("chair", seed)),
    Claim("faster-pictures-full-size-chair", "The same for a network of the paper's size, chair.",
          30.0, "higher", lambda seed: _speed_at_full_size("chair", seed)),
)  # fmt: skip
