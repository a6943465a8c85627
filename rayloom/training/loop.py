"""The training loop: what happens to a method in a step, and when it ends."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Protocol, runtime_checkable

import torch

from rayloom.kernels.threads import torch_on_one_thread
from rayloom.losses import squared_error
from rayloom.method import Method
from rayloom.training.config import TrainConfig
from rayloom.training.interrupts import interruptible
from rayloom.training.optimizer import Optimizer
from rayloom.training.recording import Clock, Recorder, Tally
from rayloom.training.records import Outcome, Record
from rayloom.training.schedules import lr_scale
from rayloom.types import Batch, Patch, Progress


@runtime_checkable
class Batches(Protocol):
    """A source of rays and their colours."""

    def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
        """The next rays to train on, alone or in squares."""
        ...


def fused_step(method: Method[Any], batch: Batch, progress: Progress) -> Tally | None:
    """One optimisation step by the method's own kernel, and what it saw; None where it has none.

    A kernel moves the parameters before anybody could clip their gradients, so clipping goes without it.
    """
    if method.config.clip_norm > 0:
        return None
    report = method.fused_step(batch, progress, lr_scale(method.config, progress.fraction))
    if report is None:
        return None
    return Tally(1, len(batch.rgb), report.samples, report.loss, report.squared_error)


def composed_step(method: Method[Any], batch: Batch, progress: Progress, optimizer: Optimizer) -> Tally:
    """One optimisation step by torch, and what it saw."""
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
    compiling = Clock()
    method.prepare()
    compile_seconds = compiling.seconds
    optimizer, clock, recorder = Optimizer(method), Clock(), Recorder(config, on_record, held_out_psnr)
    progress, fused_on_cpu = Progress(step=0, fraction=0.0), False
    with interruptible() as interrupted:
        while progress.fraction < 1 and not interrupted():
            # Torch's threads wait for more work on the cores that the kernels' threads need. Whether there
            # is a kernel is known after the first step, and every composed step has all threads of torch.
            with torch_on_one_thread() if fused_on_cpu else nullcontext():
                method.before_step(progress)
                batch = batches.next(method.rays_per_step(), method.patch())
                fused = fused_step(method, batch, progress)
            fused_on_cpu = fused is not None and batch.rgb.device.type == "cpu"
            seen = fused or composed_step(method, batch, progress, optimizer)
            if method.after_step(progress):
                optimizer.renew()
            progress = Progress(progress.step + 1, config.fraction(progress.step + 1, clock.seconds))
            recorder.add(seen, progress, clock)
        recorder.tell(progress, clock)
        return Outcome(
            steps=progress.step,
            seconds=clock.seconds,
            compile_seconds=compile_seconds,
            rays=recorder.total.rays,
            samples=recorder.total.samples,
            interrupted=interrupted(),
        )
