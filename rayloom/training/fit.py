"""From a scene and a method to a trained model, in one call."""

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
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.training.records import Outcome, Record


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
) -> Outcome:
    """Show a method the training images of a scene and train it on them, as `train` does."""
    method.observe(training_views(scene))
    batches = PixelBatches(scene, config.seed, next(method.parameters()).device)
    return train(method, batches, config, on_record, held_out_psnr)
