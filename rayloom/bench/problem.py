"""A kernel on inputs, to be timed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.bench.limits import Limits
from rayloom.bench.rows import Bar
from rayloom.kernels import Implementation


@dataclass(frozen=True)
class Problem:
    """A kernel on inputs, ready to be called again and again."""

    name: str
    kernel: Callable[..., object]
    """Whose faster version is asked for; `call` may reach it through a function that composes kernels."""
    tensors: tuple[Tensor, ...]
    """What decides which version is chosen."""
    items: int
    unit: str
    call: Callable[[Implementation], Callable[[], object]]
    """The work to be timed, by one implementation; what comes before it is not timed."""
    limit: float | None
    """Items per second."""
    limited_by: str
    bar: Bar | None = None


def backward(output: Float[Tensor, "*shape"], *inputs: Float[Tensor, "..."]) -> Callable[[], object]:
    """The backward pass alone, as often as wanted."""
    seed = torch.ones_like(output)
    return lambda: torch.autograd.grad(output, inputs, seed, retain_graph=True)


def copied(limits: Limits, bytes_per_item: int, items: int) -> float:
    """Items per second if their bytes are only copied."""
    return limits.copy_rate(bytes_per_item * items) / bytes_per_item
