"""What BARF is claimed to show, in miniature on the still life seen by cameras that are off.

Every camera is moved on the side of the world by a twist drawn from N(0, 0.15²), as in the paper, whose
cameras are about twice as far away as ours: lengths are halved with them. All systems get the same network,
rates and steps. Errors are medians over the cameras, after the similarity that takes them to the truth.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from rayloom.claims.experiments import held_out_psnr, photograph, pose_errors, trained
from rayloom.claims.records import Claim, Measurement

if TYPE_CHECKING:
    from rayloom.data.scene import Scene
    from rayloom.method import Method

STEPS = 3000
TURN_SD, MOVE_SD = 0.15, 0.075
"""Radians, and units of the training frame."""
NETWORK: Mapping[str, object] = {
    "width": 64,
    "num_samples": 40,
    "rays_per_step": 384,
    "position_octaves": 8,
    "lr": 3e-3,
    "lr_final": 3e-4,
    "pose_lr": 3e-3,
    "pose_lr_final": 1e-4,
}
SYSTEMS: Mapping[str, Mapping[str, object]] = {
    "BARF": {},
    "fine from the start": {"coarse_to_fine": False},
    "given cameras": {"learn_cameras": False},
}


@cache
def _still_life(seed: int) -> "Scene":
    from rayloom.data.synthetic.rigs import Dome
    from rayloom.data.synthetic.still_life import object_world

    return photograph(object_world(seed), Dome(), num_views=28, size=40, seed=seed)


@cache
def _disturbed(seed: int) -> "Scene":
    from rayloom.data.disturbance import noisy_poses

    return noisy_poses(_still_life(seed), TURN_SD, MOVE_SD, seed)


@cache
def _trained(system: str, seed: int) -> "Method[Any]":
    settings = {**NETWORK, **SYSTEMS[system]}
    return trained("barf", _disturbed(seed), preset="tiny", steps=STEPS, seed=seed, **settings)


def _turn(system: str, seed: int) -> float:
    """Median rotation error in degrees."""
    return pose_errors(_trained(system, seed), _still_life(seed)).median_rotation_deg


def _given_turn(seed: int) -> float:
    """Median rotation error in degrees of the cameras that training begins with."""
    import torch

    from rayloom.metrics import poses

    train = list(_still_life(seed).indices("train"))
    truth, given = (
        torch.from_numpy(scene.world_from_camera[train]) for scene in (_still_life(seed), _disturbed(seed))
    )
    return poses.pose_errors(poses.aligned(given, truth), truth).median_rotation_deg


def _share_of_the_given_error(seed: int) -> Measurement:
    """What is left of the error of the given cameras; the baseline is the same without coarse to fine."""
    given = _given_turn(seed)
    return Measurement(_turn("BARF", seed) / given, _turn("fine from the start", seed) / given)


def _coarse_to_fine(seed: int) -> Measurement:
    """Rotation error over that of all frequencies from the start, which is the baseline in degrees."""
    baseline = _turn("fine from the start", seed)
    return Measurement(_turn("BARF", seed) / baseline, baseline)


def _novel_views(seed: int) -> Measurement:
    scene = _still_life(seed)
    baseline = held_out_psnr(_trained("given cameras", seed), scene)
    return Measurement(held_out_psnr(_trained("BARF", seed), scene) - baseline, baseline)


CLAIMS = (
    Claim(
        name="cameras-are-found",
        description="Share of the median rotation error that is left; the baseline has all octaves at once.",
        threshold=0.2,
        better="lower",
        measure=_share_of_the_given_error,
        statistic="median",
        seeds=3,
        analysis="""A quarter of the error is left. Presumably 3000 steps on photos of 40 pixels are too few;
        the paper has 200,000 on photos of 400. Longer runs were not tried.""",
    ),
    Claim(
        name="coarse-to-fine-finds-more",
        description="Median rotation error over that of all octaves at once, the baseline in degrees.",
        threshold=0.5,
        better="lower",
        measure=_coarse_to_fine,
        statistic="median",
        seeds=3,
    ),
    Claim(
        name="novel-views-gain",
        description="Held-out PSNR over training on the same wrong cameras as they are, still life.",
        threshold=2.0,
        better="higher",
        measure=_novel_views,
        unit="dB",
        seeds=3,
    ),
)
