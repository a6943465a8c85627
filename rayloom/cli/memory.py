"""Keeping a command within `--memory`: what is told, what is made smaller, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.cli.output import note
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.training.budget import MB_PER_GB, Estimate, Levers, check_estimate, spills
from rayloom.training.config import TrainConfig

if TYPE_CHECKING:
    from rayloom.cli.train import Shown
    from rayloom.method import Method
    from rayloom.training.rehearsal import PictureNeeds

FILE = "memory.json"
"""In a run folder: the budget, and what was estimated."""
LEAST_RAYS = 256
"""Rendered at once; fewer would take too long."""


def built_within(
    make: "Callable[[], Method[Any]]", scene: Scene, config: TrainConfig, shown: "Shown", *, scale: float
) -> "tuple[Method[Any], Scene, Estimate | None]":
    """A method and its scene for a training within `config.memory`, and what that will take.

    Tells the estimate, leaves the photos on the disk if need be, and has the method render fewer rays at once
    if need be. Raises InputError where training does not fit even so.
    """
    if config.memory is None:
        return make(), scene, None
    from rayloom.data.spilling import spilled
    from rayloom.training.rehearsal import MB, estimate_training, largest_picture

    estimate, pictures = estimate_training(make, scene, config, scored=not shown.no_eval)
    method = make()
    pixels, at_least = largest_picture(scene), estimate.picture
    if not shown.no_eval:
        at_least = min(at_least, pictures.total(pixels, LEAST_RAYS) / MB)
    if spills(replace(estimate, picture=at_least), config.memory):
        scene, estimate = spilled(scene), replace(estimate, photos=0.0)
    if not shown.no_eval:
        fewer_rays_at_once(method, pictures, pixels, config.memory * MB_PER_GB - estimate.stays)
        needed = pictures.total(pixels, method.config.rays_per_chunk) / MB
        estimate = replace(estimate, picture=needed)
    note(f"memory: {estimate}; {config.memory:g} GB may be taken", quiet=shown.quiet)
    check_estimate(estimate, config.memory, _levers(method, scale))
    return method, scene, estimate


def keep_estimate(run: Path, estimate: Estimate | None, budget_gb: float | None) -> None:
    """Write what was estimated, if anything, into the run folder."""
    if estimate is None:
        return
    with whole_file(run / FILE) as part:
        part.write_text(json.dumps({"budget_gb": budget_gb, "estimate_mb": estimate.as_json()}) + "\n")


def pictures_within(method: "Method[Any]", scene: Scene, memory: float | None, *, scored: bool) -> None:
    """Have a trained method render no more rays at once than `memory` has room for, in GB.

    Raises InputError where a picture as large as the photos does not fit even so.
    """
    if memory is None:
        return
    from rayloom.training.memory import private_memory_mb
    from rayloom.training.rehearsal import MB, largest_picture, picture_needs

    needs, pixels = picture_needs(method, scene, scored=scored), largest_picture(scene)
    held = private_memory_mb()
    fewer_rays_at_once(method, needs, pixels, memory * MB_PER_GB - held)
    total = held + needs.total(pixels, method.config.rays_per_chunk) / MB
    if total > memory * MB_PER_GB:
        expected = f"--memory {total / MB_PER_GB + 0.05:.1f}"
        found = f"{memory:g} GB is too little for pictures of {pixels} pixels, which need {total:.0f} MB"
        raise InputError("--memory", f"{found}; expected {expected}")


def fewer_rays_at_once(method: "Method[Any]", needs: "PictureNeeds", pixels: int, room_mb: float) -> None:
    """Lower `rays_per_chunk` to what fits beside a picture, but not below `LEAST_RAYS`; it never rises."""
    from rayloom.training.rehearsal import MB

    fitting = max(needs.rays_at_once(pixels, room_mb * MB), LEAST_RAYS)
    if fitting < method.config.rays_per_chunk:
        method.config = replace(method.config, rays_per_chunk=fitting)


def _levers(method: "Method[Any]", scale: float) -> Levers:
    """What could be changed about a training, as it is."""
    config = method.config
    presets = [
        name for name in ("small", "tiny") if name in method.presets and method.presets[name] != config
    ]
    return Levers(config.rays_per_step, scale, getattr(config, "log2_rows", None), presets)
