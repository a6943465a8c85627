"""One training by several processes, each with its own rays: `torchrun --nproc-per-node N -m rayloom train`.

All processes hold the same method and move it by the same gradient, the mean over all of them. The first one
leads: it alone writes, prints, evaluates and decides when the run is over. Whatever is drawn at random comes
from seed, step and process, so that a run can go on with another number of processes.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import safetensors.torch
import torch
from torch import distributed
from torch.distributed import Store  # pyright: ignore[reportPrivateImportUsage]
from torch.distributed.rendezvous import rendezvous

from rayloom.errors import InputError
from rayloom.kernels.processes import ProcessLost, every_process, num_processes
from rayloom.kernels.threads import num_threads
from rayloom.method import Method
from rayloom.training.interrupts import Interruption
from rayloom.training.packing import Tree, pack, unpack
from rayloom.training.recording import Tally

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others: they may read photos, compile, or look at held-out views."""
SECONDS_TO_TELL = 1.0
"""How long those that lost another process wait for its own last words."""
ALIKE_BEFORE, ALIKE_AFTER, FIRST_OWN = 0, 1, 2
"""Streams of random numbers of a step: of its hooks, the same for all, and of the first process."""


@runtime_checkable
class Reseeded(Protocol):
    """Batches that can begin anew with another seed."""

    def reseed(self, seed: int) -> None:
        """Go on as new ones of this seed would."""
        ...


def leads() -> bool:
    """Whether this process is the one that writes and prints; true of one alone."""
    return num_processes() == 1 or distributed.get_rank() == 0


@contextmanager
def joined() -> Iterator[None]:
    """A block in which this process belongs to those that torchrun started.

    The first process that fails in it raises its error, and ends the others, which exit without a word. Each
    has its share of the machine's cores, and its own GPU; all but the leader are silent.
    """
    _share_machine(int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"]))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with every_process():
        store, rank, size = next(iter(rendezvous("env://", timeout=PATIENCE)))
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        with _silence() if rank > 0 else nullcontext():
            yield
    except BaseException as error:
        # Whoever exits has said why.
        if not _tells(store, error) and not isinstance(error, SystemExit):
            raise SystemExit(1) from error
        raise
    distributed.destroy_process_group()


def _share_machine(number: int, count: int) -> None:
    """Take every so many-th core, or one where there are fewer, and one GPU."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, set(cores[number::count]) or {cores[number % len(cores)]})
        num_threads.cache_clear()
    torch.set_num_threads(num_threads())
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())


@contextmanager
def _silence() -> Iterator[None]:
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def _tells(store: Store, error: BaseException) -> bool:
    """Whether this process is the one to say why all end."""
    # torchrun ends the others with SIGTERM as soon as it sees that one has gone.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deadline = time.monotonic() + SECONDS_TO_TELL * isinstance(error, ProcessLost)
    try:
        while not (told := store.add("told", 0)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return not told and store.add("told", 1) == 1
    except RuntimeError:
        # The store went with another process.
        return not isinstance(error, ProcessLost)


def shared(tree: Tree) -> Tree:
    """What the leader gives, for all processes; what others give does not count. Tuples become lists.

    Raises `ProcessLost`.
    """
    if num_processes() == 1:
        return tree
    content = b""
    if leads():
        tensors, packed = pack(tree)
        words = np.frombuffer(json.dumps(packed).encode(), np.uint8)
        content = safetensors.torch.save({**tensors, "": torch.from_numpy(words.copy())})
    size = torch.tensor([len(content)])
    with every_process():
        distributed.broadcast(size, 0)
        data = torch.from_numpy(np.frombuffer(content or bytes(int(size)), np.uint8).copy())
        distributed.broadcast(data, 0)
    tensors = safetensors.torch.load(data.numpy().tobytes())
    return unpack(tensors, json.loads(tensors.pop("").numpy().tobytes()), "the leader")


@torch.no_grad()
def take_weights_of_leader(method: Method[Any]) -> None:
    """Make all weights and buffers those of the leader, in place. Raises `ProcessLost`."""
    if num_processes() == 1:
        return
    for tensor in method.state_dict().values():
        # As bytes: not every backend knows every type.
        data = tensor.detach().reshape(-1).clone().view(torch.uint8)
        with every_process():
            distributed.broadcast(data, 0)
        tensor.copy_(data.view(tensor.dtype).view_as(tensor))


@dataclass(frozen=True)
class StepEnd:
    """What all processes know after a step."""

    seen: Tally
    """The loss is that of this process; rays and samples are those of all."""
    seconds: float
    """By the leader's clock."""
    is_due: bool
    """Whether it is time for a checkpoint."""


class Team:
    """The processes of a training, in its loop; of one alone it changes nothing."""

    def __init__(self, seed: int, batches: object, interruption: Interruption) -> None:
        self.seed, self.batches, self.interruption = seed, batches, interruption
        self.several, self.signal = num_processes() > 1, 0
        if self.several and not isinstance(batches, Reseeded):
            raise InputError("batches", "are the same in every process; expected those of a scene")

    @property
    def ends(self) -> bool:
        """Whether a signal has asked for the end, of any process, and all know it."""
        return bool(self.signal if self.several else self.interruption)

    def alike(self, step: int, stream: int) -> None:
        """Let all processes draw the same random numbers: grids that one looks at must be those of all."""
        if self.several:
            torch.manual_seed(stream_seed(self.seed, step, stream))

    def apart(self, step: int) -> None:
        """Let each process draw its own random numbers and rays."""
        if self.several and isinstance(self.batches, Reseeded):
            own = FIRST_OWN + distributed.get_rank()
            torch.manual_seed(stream_seed(self.seed, step, own))
            self.batches.reseed(stream_seed(self.seed, step, own, 1))

    def num_rays(self, wanted: int) -> int:
        """What the leader wants: means of as many rays each are the mean of all. Raises `ProcessLost`."""
        return int(_sums(wanted if leads() else 0)[0]) if self.several else wanted

    def end_step(self, seen: Tally, seconds: float, *, is_due: bool) -> StepEnd:
        """Tell each other about a step. Raises `ProcessLost`."""
        if not self.several:
            return StepEnd(seen, seconds, is_due)
        asked, ours = self.interruption.signal, (seconds, is_due) if leads() else (0, 0)
        seconds, due, samples, interrupts, ends = _sums(
            *ours, seen.samples, asked == signal.SIGINT, asked == signal.SIGTERM
        )
        self.signal = signal.SIGTERM if ends else signal.SIGINT if interrupts else 0
        if self.signal:
            self.interruption.signal = self.signal
        seen = replace(seen, samples=int(samples), rays=seen.rays * num_processes())
        return StepEnd(seen, seconds, bool(due))


def stream_seed(*numbers: int) -> int:
    """A seed that no other numbers give, but by chance."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _sums(*numbers: float | int | bool) -> list[float]:
    """Of numbers over all processes, so that those of the leader come back where others give 0."""
    values = torch.tensor(numbers, dtype=torch.float64)
    with every_process():
        distributed.all_reduce(values)
    return values.tolist()
