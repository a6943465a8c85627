"""Going on from a checkpoint is exact: k steps and k more are 2 k steps, bit for bit."""

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rayloom import methods
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.method import Method
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.config import TrainConfig
from rayloom.training.fit import build, fit
from rayloom.types import Progress
from tests.training.painted_scenes import make_scene

PHOTOS = make_scene(("train", "train", "train", "test"))
SCENE = replace(PHOTOS, info=replace(PHOTOS.info, num_labels=2))
Weights = Mapping[str, Tensor]
FAMILIES = {
    "a torch method": ("nerf", {"rays_per_step": 32}),
    "loom composed": ("loom", {"clip_norm": 1.0, "grid_resolution": 32}),
    "loom fused": ("loom", {"grid_resolution": 32}),
    "factors that are replaced": ("tensorf", {"rays_per_step": 32}),
    "pictures made in training": ("rels_nerf", {"shares": (0.1, 0.3)}),
}


def new(name: str, changes: Mapping[str, Any], config: TrainConfig, scene: Scene = SCENE) -> Method[Any]:
    method = methods.load(name)
    return build(method, replace(method.presets["tiny"], **changes), scene.info, config)


def interrupted_after(method: Method[Any], steps: int) -> Method[Any]:
    """The method, which presses Ctrl-C in its last step but so many."""
    before_step = method.before_step

    def before_step_or_stop(progress: Progress) -> None:
        if progress.step == steps - 1:
            signal.raise_signal(signal.SIGINT)
        before_step(progress)

    method.before_step = before_step_or_stop
    return method


def trained_in_two(folder: Path, name: str, changes: Mapping[str, Any], first: int, steps: int) -> Weights:
    """The weights after some steps, a checkpoint, and the others by a method that was built anew."""
    config = TrainConfig(steps=steps, deterministic=True, device="cpu")
    checkpoints = Checkpoints(folder, 2)
    begun = interrupted_after(new(name, changes, config), first)
    assert fit(begun, SCENE, config, checkpoints=checkpoints).steps == first
    found = checkpoints.newest()
    assert found is not None
    assert found[0] == first
    # Whatever came before must not matter.
    torch.manual_seed(99)
    resumed = new(name, changes, config)
    outcome = fit(resumed, SCENE, config, checkpoints=checkpoints, start=found[1])
    assert outcome.steps == steps
    return resumed.state_dict()


def trained_in_one(name: str, changes: Mapping[str, Any], steps: int) -> Weights:
    config = TrainConfig(steps=steps, deterministic=True, device="cpu")
    method = new(name, changes, config)
    fit(method, SCENE, config)
    return method.state_dict()


def differing(a: Weights, b: Weights) -> list[str]:
    assert a.keys() == b.keys()
    return [name for name in a if a[name].shape != b[name].shape or not torch.equal(a[name], b[name])]


@pytest.mark.parametrize(("name", "changes"), FAMILIES.values(), ids=FAMILIES)
def test_training_in_two_parts_is_training_in_one(
    name: str, changes: Mapping[str, Any], tmp_path: Path
) -> None:
    whole = trained_in_one(name, changes, 18)
    assert differing(whole, trained_in_two(tmp_path, name, changes, 9, 18)) == []


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    name, changes = FAMILIES["a torch method"]
    other = trained_in_one(name, changes, 5)
    assert differing(trained_in_one(name, changes, 6), other)


@pytest.mark.torture
@pytest.mark.parametrize("first", [1, 17, 33])
@pytest.mark.parametrize("name", methods.names())
def test_every_method_goes_on_exactly(name: str, first: int, tmp_path: Path) -> None:
    whole = trained_in_one(name, {}, 34)
    assert differing(whole, trained_in_two(tmp_path, name, {}, first, 34)) == []


def test_a_checkpoint_of_another_method_is_refused(tmp_path: Path) -> None:
    config = TrainConfig(steps=2, device="cpu")
    checkpoints = Checkpoints(tmp_path, 2)
    fit(new("nerf", {}, config), SCENE, config, checkpoints=checkpoints)
    found = checkpoints.newest()
    assert found is not None
    with pytest.raises(InputError, match="checkpoint: does not fit method and scene"):
        fit(new("nerf", {"width": 16}, config), SCENE, config, start=found[1])


def test_times_and_counts_go_on(tmp_path: Path) -> None:
    config = TrainConfig(steps=6, device="cpu")
    checkpoints = Checkpoints(tmp_path, 2)
    changes = {"rays_per_step": 8}
    first = fit(interrupted_after(new("nerf", changes, config), 2), SCENE, config, checkpoints=checkpoints)
    assert first.interrupted
    assert (first.steps, first.rays, first.signal) == (2, 16, signal.SIGINT)
    found = checkpoints.newest()
    assert found is not None
    steps: list[int] = []
    second = fit(
        new("nerf", changes, config),
        SCENE,
        config,
        lambda record: steps.append(record.step),
        checkpoints=checkpoints,
        start=found[1],
    )
    assert (second.steps, second.rays) == (6, 48)
    assert second.seconds > first.seconds
    assert steps[-1] == 6
