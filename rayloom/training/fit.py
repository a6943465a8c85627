"""From a scene and a method to a trained model, in one call."""

import logging
from collections.abc import Callable
from typing import Any

import torch

from rayloom.data.batches import PixelBatches
from rayloom.data.scene import Scene
from rayloom.data.views import training_views
from rayloom.errors import InputError
from rayloom.method import Method
from rayloom.paper import MethodConfig
from rayloom.scene_info import SceneInfo
from rayloom.training import runs
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.collapse import CollapseAlarm
from rayloom.training.config import TrainConfig
from rayloom.training.determinism import determinism
from rayloom.training.distributed import leads, shared
from rayloom.training.divergence import Diverged, report
from rayloom.training.loop import train
from rayloom.training.packing import Tree
from rayloom.training.records import Outcome, Record

LOWER_RATES = 0.3
"""Of the settings, once training had to go back."""

_log = logging.getLogger(__name__)


def choose_device(name: str) -> torch.device:
    """The device called `auto`, `cpu` or `cuda`; raises InputError where there is no such GPU."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda", "no CUDA device was found; expected one, or --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def build(
    method_class: type[Method[Any]], config: MethodConfig, scene: SceneInfo, train_config: TrainConfig
) -> Method[Any]:
    """An untrained method on its device; the seed fixes its weights."""
    torch.manual_seed(train_config.seed)
    return method_class(config, scene).to(choose_device(train_config.device))


def fit(
    method: Method[Any],
    scene: Scene,
    config: TrainConfig,
    on_record: Callable[[Record], None] = lambda record: None,
    held_out_psnr: Callable[[], float | None] = lambda: None,
    checkpoints: Checkpoints | None = None,
    start: Tree | None = None,
) -> Outcome:
    """Show a method the training images of a scene and train it on them, as `train` does.

    When training diverges, it goes back to the last of the checkpoints, with lower rates; when it does so
    again, or if there are no checkpoints, raises `Diverged`. Pictures of one colour alone are told about.

    Of several processes the first alone calls the functions, and has need of the photos held out.
    """
    hear, look = CollapseAlarm(method, scene, on_record).hear, held_out_psnr
    if not leads():
        hear = look = _nothing
    with determinism(config.deterministic):
        while True:
            method.observe(training_views(scene))
            batches = PixelBatches(scene, config.seed, next(method.parameters()).device)
            try:
                return train(method, batches, config, hear, look, checkpoints, start)
            except Diverged as found:
                start = _last_good(found, checkpoints, start)
                _begin_anew(method, config)


def _last_good(found: Diverged, checkpoints: Checkpoints | None, start: Tree | None) -> Tree:
    """The state to go on from, at lower rates; raises `found` where they are lower already."""
    if checkpoints is None:
        raise found
    lr_share = 1.0 if start is None else start["lr_share"]
    newest = None
    if leads():
        newest = None if lr_share < 1 else checkpoints.newest()
        report(checkpoints.run, found.divergence, None if newest is None else newest[0], lr_share)
    newest = shared(newest)
    if newest is None:
        raise found
    step, state = newest
    _log.warning("%s; going back to step %d, with rates of %g of the settings", found, step, LOWER_RATES)
    if leads():
        runs.forget_records_after(checkpoints.run, step)
    return {**state, "lr_share": LOWER_RATES}


def _nothing(*_: object) -> None:
    """The leader hears the records, and looks at photos."""


def _begin_anew(method: Method[Any], config: TrainConfig) -> None:
    """Make a method what it was when it was built, in place: others hold on to it."""
    settings, scene = method.config, method.scene
    vars(method).clear()
    torch.manual_seed(config.seed)
    type(method).__init__(method, settings, scene)
    method.to(choose_device(config.device))
