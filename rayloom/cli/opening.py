"""A run folder, brought back to life."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rayloom import methods
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.training import runs
from rayloom.training.budget import check_memory, within_share

if TYPE_CHECKING:
    from rayloom.baking.player import Player
    from rayloom.method import Method

Device = Literal["auto", "cpu", "cuda"]


def open_run(
    run: Path,
    data: Path | None,
    device: Device,
    memory: float | None = None,
    *,
    of_picture: bool = False,
) -> tuple["Method[Any]", Scene]:
    """The trained method of a run, and the scene it was trained on, read again; or a page's baked scene.

    `data` is where the capture lies now, if it has moved. With `memory` in GB, photos beyond their share stay
    on the disk. Raises InputError if the folder is not a run, if its method or settings are unknown, if the
    capture is no longer the same, and if it is a single picture, unless that may be.
    """
    check_memory(memory)
    if run.is_file():
        return _page_and_scene(run, data, memory)
    config = runs.read_config(run)
    if config.scene.kind == "picture" and not of_picture:
        raise InputError(run, "is the run of a single picture, which is flat; expected that of a scene")
    # Nothing slow before the checks that can fail at once.
    summary = methods.describe(config.method)
    where = f"{run / runs.CONFIG}: method_config"
    runs.decode(summary.config_class, config.method_config, where)

    from rayloom.training.weights import load_weights

    method = untrained(run, replace(config, train_config=replace(config.train_config, device=device)))
    load_weights(run, method)
    return method.eval(), scene_of_run(run, config, data, memory)


def untrained(run: Path, config: runs.RunConfig) -> "Method[Any]":
    """The method of a run as it was before the first step."""
    from rayloom.training.fit import build

    method_class = methods.load(config.method)
    where = f"{run / runs.CONFIG}: method_config"
    method_config = runs.decode(type(method_class.presets["default"]), config.method_config, where)
    return build(method_class, method_config, config.scene, config.train_config)


def scene_of_run(run: Path, config: runs.RunConfig, data: Path | None, memory: float | None = None) -> Scene:
    """The scene of a run, read again. Raises InputError if its capture is no longer the same."""
    from rayloom.data.prepare import load_scene

    scene = load_scene(data or Path(config.data), within_share(config.data_config, memory))
    _check_frame(scene, config.raw_from_world, run / runs.CONFIG)
    return scene


def results_folder(run: Path) -> Path:
    """Where results go by default: the run, or a folder with the name of the page beside it."""
    return run.with_suffix("") if run.is_file() else run


def open_page(page: Path) -> "Player":
    """The baked scene in a page of `rayloom export`."""
    from rayloom.baking.files import read_page
    from rayloom.baking.player import Player

    return Player(read_page(page)).eval()


def _page_and_scene(page: Path, data: Path | None, memory: float | None) -> tuple["Method[Any]", Scene]:
    """The scene that a page holds, and its capture; pages do not say where their photos were."""
    from rayloom.data.prepare import load_scene

    player = open_page(page)
    if data is None:
        raise InputError(page, "a page does not know where its photos are; expected --data CAPTURE")
    scene = load_scene(data, within_share(player.baked.origin.data_config, memory))
    _check_frame(scene, player.baked.origin.raw_from_world, page)
    return player, scene


def _check_frame(scene: Scene, raw_from_world: tuple[tuple[float, ...], ...], where: Path) -> None:
    """Raise InputError if the capture is not the one that it was."""
    if not np.allclose(scene.raw_from_world, raw_from_world, rtol=1e-4, atol=1e-6):
        raise InputError(
            where,
            f"raw_from_world: {scene.root} has changed since the run; expected the same photos and cameras",
        )
