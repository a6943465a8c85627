"""Training a method on a world and scoring it: what most claims are made of."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rayloom.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from rayloom.data.scene import DataConfig, Scene
    from rayloom.data.synthetic.defects import Defects
    from rayloom.data.synthetic.rigs import Rig
    from rayloom.data.synthetic.world import World
    from rayloom.method import Method
    from rayloom.metrics.poses import PoseErrors


def photograph(
    world: "World",
    rig: "Rig",
    *,
    num_views: int,
    size: int,
    seed: int,
    config: "DataConfig | None" = None,
    defects: "Defects | None" = None,
    labels: bool = False,
) -> "Scene":
    """The scene that a method sees of a world; every 8th view is held out, and has no defects."""
    from rayloom.data.prepare import prepare_scene
    from rayloom.data.scene import DataConfig
    from rayloom.data.synthetic.captures import make_capture

    made = make_capture(world, rig, num_views=num_views, size=size, seed=seed, defects=defects, labels=labels)
    return prepare_scene(made.capture, config or DataConfig())


def pictured(size: int, seed: int) -> "Scene":
    """A procedural picture with smooth parts, edges and fine stripes; three quarters are held out."""
    import numpy as np

    from rayloom.data.formats.picture import capture_of_pixels
    from rayloom.data.prepare import prepare_scene
    from rayloom.data.scene import DataConfig
    from rayloom.data.synthetic.signals import pattern

    pixels = np.rint(255 * pattern(size, seed)).astype(np.uint8)
    return prepare_scene(capture_of_pixels(Path("pattern.png"), pixels), DataConfig())


def captured(name: str, config: "DataConfig") -> "Scene":
    """The scene of a real capture in the folder that RAYLOOM_DATA names; raises InputError without it."""
    from rayloom.data.prepare import load_scene

    root = os.environ.get("RAYLOOM_DATA")
    if root is None:
        raise InputError("RAYLOOM_DATA", f"is not set; expected the folder that holds {name}")
    return load_scene(Path(root) / name, config)


def trained(
    name: str, scene: "Scene", *, preset: str, steps: int, seed: int, **settings: object
) -> "Method[Any]":
    """A method trained for some steps, with settings that differ from its preset."""
    return _fitted(name, scene, preset, {"steps": steps, "seed": seed}, settings)


def trained_for(
    name: str, scene: "Scene", *, preset: str, seconds: float, seed: int, **settings: object
) -> "Method[Any]":
    """A method trained for some seconds, with settings that differ from its preset."""
    return _fitted(name, scene, preset, {"seconds": seconds, "seed": seed}, settings)


def _fitted(
    name: str, scene: "Scene", preset: str, schedule: dict[str, Any], settings: dict[str, Any]
) -> "Method[Any]":
    from rayloom import methods
    from rayloom.training.config import TrainConfig
    from rayloom.training.fit import build, fit

    method_class = methods.load(name)
    config = replace(method_class.presets[preset], **settings)
    train_config = TrainConfig(**schedule, device="cpu")
    method = build(method_class, config, scene.info, train_config)
    fit(method, scene, train_config)
    return method


def held_out_psnr(
    method: "Method[Any]", scene: "Scene", masks: 'Mapping[int, Bool[Tensor, "h w"]] | None' = None
) -> float:
    """Mean PSNR of the held-out views; of the pixels where masks, one for each of these images, are true.

    Of a method that learnt its cameras, the held-out ones are aligned to these and refined, as `evaluate`
    does; the scene then has the true poses, also where the method was trained on disturbed ones. Of a method
    with codes of photos the right halves are scored, as `evaluate` does.
    """
    from rayloom.data.batches import truth_image
    from rayloom.metrics.images import psnr
    from rayloom.training.held_out_codes import HeldOutCodes
    from rayloom.training.viewpoints import Viewpoints

    method.eval()
    viewpoints = Viewpoints(method, scene)
    codes = HeldOutCodes(viewpoints)
    values = []
    for index in scene.indices("test"):
        truth, valid = truth_image(scene, index)
        if masks is not None:
            valid = valid & masks[index]
        with codes.of(index):
            rgb = method.render_image(viewpoints.rays(index)).rgb.clamp(0, 1)
        values.append(psnr(rgb, truth, codes.scored(index, valid)))
    return fmean(values)


def pose_errors(method: "Method[Any]", scene: "Scene") -> "PoseErrors":
    """How far the learnt cameras of the training photos are from the scene's, after the best similarity."""
    from rayloom.training.viewpoints import learned_pose_errors

    errors = learned_pose_errors(method, scene)
    assert errors is not None, f"{type(method).__name__} learns cameras"
    return errors
