"""The training loop: what happens to a method in a step, and when it ends."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from rayloom.errors import InputError
from rayloom.losses import squared_error
from rayloom.method import Method
from rayloom.training.config import TrainConfig
from rayloom.training.interrupts import interruptible
from rayloom.training.memory import memory_mb
from rayloom.training.records import Outcome, Record
from rayloom.training.schedules import lr_scale
from rayloom.types import Batch, Progress

# Reading the loss waits for the device, so that not every step does.
SECONDS_PER_RECORD = 1.0


@runtime_checkable
class Batches(Protocol):
    """A source of rays and their colours."""

    def next(self, num_rays: int) -> Batch:
        """The next rays to train on."""
        ...


class Clock:
    """Seconds of training, less the pauses."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """What the clock shows."""
        return time.perf_counter() - self.start

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Work that does not count as training."""
        began = time.perf_counter()
        yield
        self.start += time.perf_counter() - began


class Optimizer:
    """Adam over the method's parameter groups, each at its own rate times one curve for all."""

    def __init__(self, method: Method[Any]) -> None:
        self.method = method
        self.renew()

    def renew(self) -> None:
        """Start afresh with the parameters that the method has now."""
        self.adam = torch.optim.Adam(self.method.param_groups(), lr=self.method.config.lr)
        self.rates = [group["lr"] for group in self.adam.param_groups]

    def step(self, loss: Tensor, fraction: float) -> None:
        """Move every parameter down the slope of the loss."""
        scale = lr_scale(self.method.config, fraction)
        for group, rate in zip(self.adam.param_groups, self.rates, strict=True):
            group["lr"] = rate * scale
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()


@dataclass
class Tally:
    """Sums over steps; those of the loss stay on the device until they are read."""

    steps: int = 0
    rays: int = 0
    samples: int = 0
    loss: Tensor | float = 0.0
    squared_error: Tensor | float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def take_step(method: Method[Any], batch: Batch, progress: Progress, optimizer: Optimizer) -> Tally:
    """One optimisation step, and what it saw."""
    rendering = method.render(batch.rays)
    loss = torch.stack(list(method.losses(rendering, batch, progress).values())).sum()
    optimizer.step(loss, progress.fraction)
    truth = batch.over(method.background, rendering.background)
    return Tally(
        steps=1,
        rays=batch.rgb.shape[0],
        samples=sum(level.weights.numel() for level in (*rendering.coarser, rendering)),
        loss=loss.detach(),
        squared_error=squared_error(rendering.rgb.detach(), truth),
    )


class Recorder:
    """Adds up the steps and tells about once a second how they went."""

    def __init__(
        self,
        config: TrainConfig,
        on_record: Callable[[Record], None],
        held_out_psnr: Callable[[], float | None],
    ) -> None:
        self.config, self.on_record, self.held_out_psnr = config, on_record, held_out_psnr
        self.total, self.recent = Tally(), Tally()
        self.recorded_at = self.looked_at = 0.0

    def add(self, step: Tally, progress: Progress, clock: Clock) -> None:
        """Count a step; tell about the last ones if it is time."""
        self.recent += step
        if clock.seconds - self.recorded_at >= SECONDS_PER_RECORD:
            self.tell(progress, clock)

    def tell(self, progress: Progress, clock: Clock) -> None:
        """Tell about the steps since the last time, if any; raises InputError if their loss is no number."""
        recent = self.recent
        if not recent.steps:
            return
        loss, squared_error = float(recent.loss) / recent.steps, float(recent.squared_error) / recent.steps
        if not math.isfinite(loss):
            where = f"training, steps {progress.step - recent.steps} to {progress.step - 1}"
            raise InputError(where, f"the loss became {loss}; expected a number; a lower --lr may help")
        record = Record(
            step=progress.step,
            seconds=clock.seconds,
            fraction=progress.fraction,
            loss=loss,
            psnr=-10.0 * math.log10(max(squared_error, 1e-10)),
            rays_per_second=recent.rays / (clock.seconds - self.recorded_at),
            memory_mb=memory_mb(),
            held_out_psnr=self.look(clock),
        )
        self.total, self.recent, self.recorded_at = self.total + recent, Tally(), record.seconds
        self.on_record(record)

    def look(self, clock: Clock) -> float | None:
        """PSNR of held-out views if it is time for it."""
        if not 0 < self.config.eval_every <= clock.seconds - self.looked_at:
            return None
        with clock.paused():
            psnr = self.held_out_psnr()
        self.looked_at = clock.seconds
        return psnr


def train(
    method: Method[Any],
    batches: Batches,
    config: TrainConfig,
    on_record: Callable[[Record], None] = lambda record: None,
    held_out_psnr: Callable[[], float | None] = lambda: None,
) -> Outcome:
    """Train until the steps or the seconds are over, or until Ctrl-C; the method keeps what it learnt.

    `on_record` hears about once a second how training goes. Raises InputError if the loss is no number.
    """
    method.train()
    optimizer, clock, recorder = Optimizer(method), Clock(), Recorder(config, on_record, held_out_psnr)
    progress = Progress(step=0, fraction=0.0)
    with interruptible() as interrupted:
        while progress.fraction < 1 and not interrupted():
            method.before_step(progress)
            seen = take_step(method, batches.next(method.rays_per_step()), progress, optimizer)
            if method.after_step(progress):
                optimizer.renew()
            progress = Progress(progress.step + 1, config.fraction(progress.step + 1, clock.seconds))
            recorder.add(seen, progress, clock)
        recorder.tell(progress, clock)
        return Outcome(
            steps=progress.step,
            seconds=clock.seconds,
            compile_seconds=0.0,
            rays=recorder.total.rays,
            samples=recorder.total.samples,
            interrupted=interrupted(),
        )
