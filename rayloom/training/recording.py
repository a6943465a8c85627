"""Measuring a training while it runs."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

from rayloom.training.config import TrainConfig
from rayloom.training.memory import memory_mb
from rayloom.training.records import Record
from rayloom.types import Progress

# Reading the loss waits for the device, so that not every step does.
SECONDS_PER_RECORD = 1.0


class Clock:
    """Seconds of training, less the pauses; it never goes back, whatever the system's clock does."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.start = time.perf_counter() - seconds

    @property
    def seconds(self) -> float:
        """What the clock shows."""
        return time.perf_counter() - self.start

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Work that does not count as training."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.start += time.perf_counter() - began


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
        self.psnr = -math.inf
        """Of held-out views where they are looked at, else of the rays that were trained on."""

    def add(self, step: Tally, progress: Progress, clock: Clock) -> None:
        """Count a step; tell about the last ones if it is time."""
        self.recent += step
        if clock.seconds - self.recorded_at >= SECONDS_PER_RECORD:
            self.tell(progress, clock)

    def tell(self, progress: Progress, clock: Clock) -> None:
        """Tell about the steps since the last time, if any."""
        recent = self.recent
        if not recent.steps:
            return
        loss, squared_error = float(recent.loss) / recent.steps, float(recent.squared_error) / recent.steps
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
        if self.config.eval_every == 0:
            self.psnr = record.psnr
        self.on_record(record)

    def look(self, clock: Clock) -> float | None:
        """PSNR of held-out views if it is time for it."""
        if not 0 < self.config.eval_every <= clock.seconds - self.looked_at:
            return None
        with clock.paused():
            psnr = self.held_out_psnr()
        self.looked_at = clock.seconds
        self.psnr = self.psnr if psnr is None else psnr
        return psnr

    def state(self) -> dict[str, int | float]:
        """What a later recorder of the same training must know, once all steps have been told about."""
        total = self.total
        counts = {"steps": total.steps, "rays": total.rays, "samples": total.samples}
        return {**counts, "recorded_at": self.recorded_at, "looked_at": self.looked_at, "psnr": self.psnr}

    def load(self, state: Mapping[str, int | float]) -> None:
        """Go on from there."""
        self.total = Tally(int(state["steps"]), int(state["rays"]), int(state["samples"]))
        self.recorded_at, self.looked_at, self.psnr = state["recorded_at"], state["looked_at"], state["psnr"]
