"""Forms of the same training step of loom: in one kernel, composed, and composed with slower parts.

All of them go on from the same trained field, and learn so slowly that it stays the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.bench.timing import Effort, median_seconds
from rayloom.fields.hash_field import HashField
from rayloom.kernels import hash_grid, march, tiny_mlp, use_reference
from rayloom.methods.loom import Loom
from rayloom.rendering.packed import render_packed
from rayloom.training.optimizer import Optimizer
from rayloom.types import Batch, Progress, Rays, Rendering

STILL = 1e-12
"""A learning rate at which nothing moves."""
PROGRESS = Progress(step=1000, fraction=0.5)
REFERENCE_SHARE = 1 / 16
"""The part of a batch that is enough to time the reference in torch."""

Render = Callable[[Rays], Rendering]


@dataclass(frozen=True)
class Contender:
    """One form of the step."""

    name: str
    step: Callable[[Batch], int]
    """Takes the step; gives the number of samples with a colour and a gradient."""
    share: float = 1.0
    """Of the batch that it takes."""


@dataclass(frozen=True)
class Speed:
    """Medians over steps."""

    rays: float
    """Per second."""
    samples: float
    """With a colour and a gradient, per second."""


class TorchNetworks(HashField):
    """The field with its networks in plain torch; the hash grid stays ours."""

    def features(self, unit: Float[Tensor, "n 3"]) -> Float[Tensor, "n 16"]:
        """What the density network makes of places in the unit cube."""
        encoded = hash_grid(unit, self.table, self.layout)
        return tiny_mlp(encoded, list(self.density_mlp), implementation="torch")

    def color(self, features: Float[Tensor, "n 16"], view: Float[Tensor, "n inputs"]) -> Float[Tensor, "n 3"]:
        """SRGB colour from the features of places and the view of their rays."""
        x = torch.cat([features, view], dim=-1)
        return tiny_mlp(x, list(self.color_mlp), implementation="torch").sigmoid()


def still_copy(method: Loom) -> Loom:
    """The same field and grid, in training mode, at a learning rate of nothing."""
    config = replace(method.config, lr=STILL, lr_final=STILL, lr_warmup=0.0)
    copy = Loom(config, method.scene).to(next(method.parameters()).device)
    copy.load_state_dict(method.state_dict())
    return copy.train()


def contenders(method: Loom) -> list[Contender]:
    """The forms that this device has, the fused one first where there is one."""
    found: list[Contender] = []
    fused = still_copy(method)
    if fused.field.fused() is not None:
        found.append(Contender("fused", lambda batch: _fused_samples(fused, batch)))
    composed, reference, mixed = still_copy(method), still_copy(method), with_torch_networks(method)
    single = with_torch_networks(method)
    return [
        *found,
        Contender("composed", _composed(composed, composed.render)),
        Contender("composed, torch MLP", _composed(mixed, mixed.render)),
        Contender("composed, torch MLP, one pass", _composed(single, lambda rays: one_pass(single, rays))),
        Contender("torch", _in_torch(_composed(reference, reference.render)), REFERENCE_SHARE),
    ]


def with_torch_networks(method: Loom) -> Loom:
    """A still copy whose networks run in plain torch."""
    copy, field = still_copy(method), method.field
    parts = {"contracted": field.contracted, "initial_density": field.initial_density}
    num_codes = 0 if field.codes is None else len(field.codes)
    copy.field = TorchNetworks(field.layout, field.box, num_codes=num_codes, **parts)
    copy.field.load_state_dict(field.state_dict())
    copy.to(next(method.parameters()).device)
    return copy


def one_pass(method: Loom, rays: Rays) -> Rendering:
    """March and shade every sample; what is hidden is not dropped first, and costs as much as the rest."""
    space = method.space
    lines = (rays.origins, rays.directions, rays.near, rays.far)
    samples = march(*lines, space.occupancy, space.step, method.jitter(rays), limit=space.limit)
    density, features = method.field.geometry(rays.at_samples(samples))
    view = method.field.view(rays.view_directions, rays.camera_index)
    rgb = method.field.color(features, view[samples.ray_index])
    return render_packed(density, rgb, samples, method.background_of(rays))


def race(runners: list[Contender], batch: Batch, effort: Effort) -> dict[str, Speed]:
    """Medians over interleaved steps on one batch; each step's samples are counted."""
    parts = [batch[: max(int(runner.share * len(batch.rgb)), 1)] for runner in runners]
    seen: list[list[int]] = [[] for _ in runners]

    def step(i: int) -> Callable[[], object]:
        return lambda: seen[i].append(runners[i].step(parts[i]))

    times = median_seconds([step(i) for i in range(len(runners))], effort)
    return {
        runner.name: Speed(len(part.rgb) / time, sum(counts) / len(counts) / time)
        for runner, part, counts, time in zip(runners, parts, seen, times, strict=True)
    }


def _fused_samples(method: Loom, batch: Batch) -> int:
    report = method.fused_step(batch, PROGRESS, 1.0)
    assert report is not None, "the field has a fused form"
    return report.samples


def _composed(method: Loom, render: Render) -> Callable[[Batch], int]:
    """The trainer's step with a renderer of its own choice."""
    optimizer = Optimizer(method)

    def step(batch: Batch) -> int:
        rendering = render(batch.rays)
        losses = method.losses(rendering, batch, PROGRESS)
        optimizer.step(torch.stack(list(losses.values())).sum(), PROGRESS.fraction)
        return len(rendering.weights)

    return step


def _in_torch(step: Callable[[Batch], int]) -> Callable[[Batch], int]:
    """The step with every kernel's reference."""

    def slow(batch: Batch) -> int:
        with use_reference():
            return step(batch)

    return slow
