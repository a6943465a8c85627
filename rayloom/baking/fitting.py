"""How finely a scene is baked: as finely as the size of its page allows."""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from rayloom.baking.bake import Tell, Voxels, bake
from rayloom.baking.baked import Origin
from rayloom.baking.files import page, page_bytes
from rayloom.baking.refining import refined
from rayloom.baking.stages import Stages
from rayloom.cameras.camera import Cameras
from rayloom.cameras.paths import focus_point, vertical_fov
from rayloom.data.batches import scene_cameras
from rayloom.data.scene import DataConfig, Scene
from rayloom.errors import InputError
from rayloom.method import Method
from rayloom.scene_info import SceneKind

PILOT = 128
"""Voxels across the first, quick bake, from whose size the next one's resolution follows."""
FINEST: dict[SceneKind, int] = {"object": 320, "unbounded": 1024, "forward-facing": 1024}
"""Voxels beyond which little is gained, while pages take longer to load and to show."""
MEGABYTES: dict[SceneKind, float] = {"object": 15.0, "unbounded": 40.0, "forward-facing": 40.0}
"""Of a page, where nobody says how large it may be."""
COARSEST = 16
"""Voxels below which nothing can be made out."""
BEYOND = 0.1
"""Share of a photo's width and height by which the page knows what is beside it: visitors look there too."""
MARGIN = 0.96
"""How much smaller than predicted a page is planned."""


@dataclass(frozen=True)
class Page:
    """A page and how it came about."""

    text: str
    resolution: int
    megabytes: float
    fixed: float
    """Megabytes of it that are no voxels."""


def bake_page(
    method: Method[Any],
    scene: Scene,
    data_config: DataConfig,
    *,
    name: str,
    title: str,
    max_mb: float,
    resolution: int | None,
    parts: Path,
    settings: Mapping[str, object],
    tell: Tell,
) -> Page:
    """The page of a trained method, at the given resolution or at the finest one that fits.

    What is done is kept in the folder `parts`, with the settings that it holds for, until a page is made.
    Raises InputError where the page cannot be as small as `max_mb`, and as `bake` does.
    """
    if method.learned_cameras() is not None:
        raise InputError(name, "learned its cameras; expected a run with --poses given")
    cameras = scene_cameras(scene)[torch.tensor(scene.indices("train"))]
    origin, cameras = _origin(name, scene, data_config, cameras), cameras.wider(BEYOND)
    wanted = PILOT if resolution is None or resolution >= 2 * PILOT else resolution
    pilot: Voxels | None = None
    while True:
        stages = Stages(parts / str(wanted), settings)
        voxels = bake(method, cameras, wanted, stages, tell, pilot)
        made = _made(voxels, wanted, origin, title)
        finer = resolution or _next_resolution(made, max_mb, scene.info.kind)
        if finer == wanted:
            told = partial(tell, "learning what the field shows")
            values = stages.kept("refined", partial(refined, method, cameras, voxels, told))
            made = _made(replace(voxels, values=values), wanted, origin, title)
            finer = resolution or _next_resolution(made, max_mb, scene.info.kind)
        if finer == wanted and made.megabytes <= max_mb:
            shutil.rmtree(parts, ignore_errors=True)
            return made
        if finer == wanted:
            raise _too_large(made, max_mb)
        pilot, wanted = pilot or voxels, finer


def _too_large(made: Page, max_mb: float) -> InputError:
    found = f"the page has {made.megabytes:.2g} MB at --resolution {made.resolution}"
    return InputError("--max-mb", f"{found}; expected at most {max_mb:g}")


def _made(voxels: Voxels, resolution: int, origin: Origin, title: str) -> Page:
    text = page(voxels, origin, title)
    begin = text.index('<script id="voxels"')
    letters = text.index("</script>", begin) - begin
    megabytes = len(page_bytes(text)) / 1e6
    return Page(text, resolution, megabytes, megabytes * (1 - letters / len(text)))


def _next_resolution(made: Page, max_mb: float, kind: SceneKind) -> int:
    """The resolution to bake at after a page, or that page's own if it can stay."""
    # Surfaces have as many voxels as the square of the resolution.
    room = max(MARGIN * max_mb - made.fixed, 0.0)
    planned = int(made.resolution * math.sqrt(room / (made.megabytes - made.fixed)))
    if made.resolution == PILOT:
        planned = min(planned, FINEST[kind])
    elif made.megabytes <= max_mb:
        return made.resolution
    else:
        planned = min(planned, made.resolution - 1)
    if planned < COARSEST:
        raise InputError("--max-mb", f"is {max_mb:g}; the page alone takes more at any resolution")
    return planned


def _origin(name: str, scene: Scene, data_config: DataConfig, cameras: Cameras) -> Origin:
    """What the page says about the scene; it begins where the first photo was taken."""
    x, y, z = focus_point(cameras).tolist()
    return Origin(
        method=name,
        data_config=data_config,
        scene=scene.info,
        raw_from_world=tuple(map(tuple, scene.raw_from_world.tolist())),
        first_view=tuple(map(tuple, cameras.world_from_camera[0].tolist())),
        focus=(x, y, z),
        fov_rad=vertical_fov(cameras),
    )
