"""What the parts of AligNeRF do by themselves: whether they are exact, and what time they take."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayloom.claims.records import Measurement

if TYPE_CHECKING:
    from torch import Tensor

    from rayloom.data.batches import PixelBatches
    from rayloom.method import Method
    from rayloom.training.optimizer import Optimizer


def time_of_patches(seed: int) -> Measurement:
    """Least seconds of a step on patches over that of mip-NeRF 360 on as many rays, which is the baseline."""
    from rayloom import methods
    from rayloom.claims.misalignment import mural
    from rayloom.data.batches import PixelBatches
    from rayloom.data.views import training_views
    from rayloom.training.optimizer import Optimizer

    scene = mural("right", seed, num_views=16)
    batches, seconds = PixelBatches(scene, seed), dict[str, list[float]]()
    learners: dict[str, tuple[Method[Any], Optimizer]] = {}
    for name in ("alignerf", "mip-nerf-360"):
        method_class = methods.load(name)
        config = replace(method_class.presets["small"], rays_per_step=1024)
        method = method_class(config, scene.info).train()
        method.observe(training_views(scene))
        learners[name] = (method, Optimizer(method))
    for _ in range(4):
        for name, (method, optimizer) in learners.items():
            seconds.setdefault(name, []).append(_seconds_of_step(method, optimizer, batches))
    base = min(seconds["mip-nerf-360"])
    return Measurement(min(seconds["alignerf"]) / base, baseline=base)


def _seconds_of_step(method: "Method[Any]", optimizer: "Optimizer", batches: "PixelBatches") -> float:
    """Of a step late in a run, from its pixels to the parameters."""
    from rayloom.training.loop import composed_step
    from rayloom.types import Progress

    start, progress = time.perf_counter(), Progress(step=90, fraction=0.9)
    method.before_step(progress)
    batch = batches.next(method.rays_per_step(), method.patch())
    composed_step(method, batch, progress, optimizer)
    return time.perf_counter() - start


def _patches(seed: int) -> "tuple[Tensor, Tensor]":
    """16 patches of 32 pixels, and noise of 48 in whose middle they are, moved by (3, -2)."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    photo = torch.rand(16, 48, 48, 3, generator=generator)
    return photo[:, 6:38, 11:43].clone(), photo


def error_of_shift(seed: int) -> Measurement:
    """Largest difference in pixels to (3, -2), or of a patch of one colour to (0, 0)."""
    import torch

    from rayloom.losses.alignment import displacements
    from rayloom.types import Crops

    rendered, photo = _patches(seed)
    everywhere = torch.ones(photo.shape[:3])
    noise = Crops(photo, everywhere, everywhere.bool())
    flat = Crops(photo[:, :1, :1].expand_as(photo), everywhere, everywhere.bool())
    found = displacements(rendered, noise, 0.0) - torch.tensor([3, -2])
    stayed = displacements(rendered.mean((1, 2), keepdim=True).expand_as(rendered), flat, 1e-3)
    return Measurement(float(torch.cat([found, stayed]).abs().max()))


def error_of_costs(seed: int) -> Measurement:
    """Largest difference to what the definition says, displacement by displacement."""
    import torch

    from rayloom.losses.alignment import displaced, match_costs
    from rayloom.types import Crops

    rendered, photo = _patches(seed)
    crops = Crops(photo, torch.ones(photo.shape[:3]), torch.ones(photo.shape[:3], dtype=torch.bool))
    costs = match_costs(rendered, crops, 0.01)
    worst = 0.0
    for y in range(-8, 9):
        for x in range(-8, 9):
            there = displaced(crops, torch.tensor([[x, y]]).expand(16, 2), 32).rgb
            exact = (rendered - there).double().square().mean((1, 2, 3)) + 0.01 * (x * x + y * y) ** 0.5
            worst = max(worst, float((costs[:, y + 8, x + 8] - exact).abs().max()))
    return Measurement(worst)


def error_of_pieces(seed: int) -> Measurement:
    """Largest difference between a CNN on patches that overlap by its radius and on the whole picture.

    The baseline is the same without overlap.
    """
    import torch

    from rayloom.fields.neighborhood import NeighborhoodCNN

    torch.manual_seed(seed)
    cnn = NeighborhoodCNN(16, 16)
    torch.nn.init.normal_(cnn.head.weight)
    features = torch.randn(150, 200, 16)
    whole = cnn(features).detach()
    enough, none = (
        float((cnn.in_patches(features, side=64, overlap=overlap) - whole).abs().max())
        for overlap in (cnn.radius, 0)
    )
    return Measurement(enough, baseline=none)
