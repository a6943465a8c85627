"""Means over the processes that train one model together; there is one process unless torchrun started more.

Each process has the gradient of the mean loss of its own rays. As all have as many rays, the mean of these
gradients is the gradient of the mean loss of all rays. What is averaged has the same bits everywhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn

from rayloom.errors import InputError


class ProcessLost(InputError):
    """One of the processes has ended, or says nothing any more; the others cannot go on without it."""

    def __init__(self) -> None:
        super().__init__(
            "training",
            "one of its processes was lost, so that all end; --resume goes on from the last checkpoint",
        )


def num_processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


@contextmanager
def every_process() -> Iterator[None]:
    """A block that all processes enter. Raises `ProcessLost` where one of them never comes."""
    try:
        yield
    # What torch calls a failure of the network, of a backend and of a time limit are all of this kind.
    except RuntimeError as error:
        raise ProcessLost from error


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Make tensors the means over all processes, in place; each has tensors of the same shapes.

    Raises `ProcessLost`.
    """
    count = num_processes()
    if count == 1:
        return
    alike: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for tensor in tensors:
        alike.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for group in alike.values():
        # One message for all: what a message costs besides its bytes is paid once.
        joined = torch.cat([tensor.reshape(-1) for tensor in group])
        with every_process():
            distributed.all_reduce(joined)
        joined /= count
        for tensor, mean in zip(group, joined.split([tensor.numel() for tensor in group]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Make the gradients of parameters the means over all processes; one that is missing counts as 0.

    A parameter keeps none where no process has any: optimisers pass it over. Raises `ProcessLost`.
    """
    if num_processes() == 1:
        return
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    known = torch.tensor([float(parameter.grad is not None) for parameter in learning])
    for parameter in learning:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    average([known, *(parameter.grad for parameter in learning if parameter.grad is not None)])
    for parameter, share in zip(learning, known.tolist(), strict=True):
        if share == 0:
            parameter.grad = None
