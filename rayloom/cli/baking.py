"""Baking a run into one web page, for `export` and `weave`."""

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayloom.cli.export import Teller
from rayloom.data.scene import Scene
from rayloom.training.runs import WEIGHTS, read_config

if TYPE_CHECKING:
    from rayloom.baking.fitting import Page
    from rayloom.method import Method

PARTS = "bake"
"""Folder in the run that keeps what an interrupted bake has done."""


def bake_run(
    run: Path,
    method: "Method[Any]",
    scene: Scene,
    file: Path,
    *,
    title: str = "",
    max_mb: float | None = None,
    resolution: int | None = None,
    quiet: bool,
) -> "Page":
    """Write the page of a run's trained method; what an interrupted bake has done is not done again.

    By default the page is as large as suits the kind of scene, or as the resolution takes that was given.
    Raises InputError as `bake_page` does, and where the file cannot be written.
    """
    from rayloom.baking.files import write_page
    from rayloom.baking.fitting import MEGABYTES, bake_page

    config = read_config(run)
    usual = MEGABYTES[scene.info.kind]
    made = bake_page(
        method,
        scene,
        config.data_config,
        name=config.method,
        title=title or scene.root.name,
        max_mb=max_mb or (usual if resolution is None else math.inf),
        resolution=resolution,
        parts=run / PARTS,
        settings={"weights": hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest()},
        tell=Teller(quiet=quiet),
    )
    write_page(made.text, file)
    return made
