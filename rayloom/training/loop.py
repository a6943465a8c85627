"""The training loop: what happens to a method in a step, and when it ends."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from rayloom.kernels.threads import torch_on_one_thread
from rayloom.losses import squared_error
from rayloom.method import Method
from rayloom.schedules import lr_scale
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.config import TrainConfig
from rayloom.training.distributed import ALIKE_AFTER, ALIKE_BEFORE, Team, take_weights_of_leader
from rayloom.training.divergence import Diverged
from rayloom.training.interrupts import Interrupted, Interruption, interruptible
from rayloom.training.keeping import Keeper
from rayloom.training.optimizer import Optimizer
from rayloom.training.packing import Tree
from rayloom.training.recording import Clock, Recorder, Tally
from rayloom.training.records import Outcome, Record
from rayloom.training.session import Session
from rayloom.types import Batch, Patch, Progress

Terms = Mapping[str, Tensor | float]
"""The terms of a loss by name; of a kernel that adds them up, the whole loss."""


@runtime_checkable
class Batches(Protocol):
    """A source of rays and their colours."""

    def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
        """The next rays to train on, alone or in squares."""
        ...


def fused_step(
    method: Method[Any], batch: Batch, progress: Progress, lr_share: float = 1.0
) -> tuple[Tally, Terms] | None:
    """One optimisation step by the method's own kernel, and what it saw; None where it has none.

    A kernel moves the parameters before anybody could clip their gradients, so clipping goes without it.
    """
    if method.config.clip_norm > 0:
        return None
    scale = lr_share * lr_scale(method.config, progress.fraction)
    report = method.fused_step(batch, progress, scale)
    if report is None:
        return None
    tally = Tally(1, len(batch.rgb), report.samples, report.loss, report.squared_error)
    return tally, {"the loss": report.loss}


def composed_step(
    method: Method[Any], batch: Batch, progress: Progress, optimizer: Optimizer, lr_share: float = 1.0
) -> tuple[Tally, Terms]:
    """One optimisation step by torch, and what it saw."""
    rendering = method.render(batch.rays)
    terms = method.losses(rendering, batch, progress)
    loss = torch.stack(list(terms.values())).sum()
    optimizer.step(loss, progress.fraction, lr_share)
    truth = batch.over(method.background, rendering.background)
    tally = Tally(
        steps=1,
        rays=batch.rgb.shape[0],
        samples=sum(level.weights.numel() for level in (*rendering.coarser, rendering)),
        loss=loss.detach(),
        squared_error=squared_error(rendering.rgb.detach(), truth),
    )
    return tally, {name: term.detach() for name, term in terms.items()}


def train(
    method: Method[Any],
    batches: Batches,
    config: TrainConfig,
    on_record: Callable[[Record], None] = lambda record: None,
    held_out_psnr: Callable[[], float | None] = lambda: None,
    checkpoints: Checkpoints | None = None,
    start: Tree | None = None,
) -> Outcome:
    """Train until the steps or the seconds are over, or until Ctrl-C; the method keeps what it learnt.

    `on_record` hears about once a second how training goes. With `checkpoints` it can go on after whatever
    ends it, from the `start` that they then give; the method must be as it was before training. Raises
    `Diverged` if the loss is no number or far too large, and InputError if there can be no checkpoints.
    """
    method.train()
    compiling = Clock()
    method.prepare()
    take_weights_of_leader(method)
    compile_seconds = compiling.seconds
    session = Session(method, batches, Recorder(config, on_record, held_out_psnr))
    if start is not None:
        session.restore(start)
    keeper = Keeper(checkpoints, session, config)
    if start is None:
        keeper.keep_first()
    with interruptible() as interruption:
        run_steps(session, batches, config, keeper, Team(config.seed, batches, interruption))
    return finish(session, keeper, interruption, compile_seconds)


def finish(session: Session, keeper: Keeper, interruption: Interruption, compile_seconds: float) -> Outcome:
    """Keep what was learnt, and say what it took."""
    seconds = session.clock.seconds
    try:
        keeper.keep()
    except Diverged as found:
        if interruption:
            # Whoever asks for the end wants no other beginning.
            raise Interrupted(interruption.signal) from found
        raise
    total = session.recorder.total
    return Outcome(
        steps=session.progress.step,
        seconds=seconds,
        compile_seconds=compile_seconds,
        rays=total.rays,
        samples=total.samples,
        interrupted=bool(interruption),
        signal=interruption.signal,
    )


def run_steps(session: Session, batches: Batches, config: TrainConfig, keeper: Keeper, team: Team) -> None:
    """Step after step, until training is over or interrupted."""
    method, fused_on_cpu = session.method, False
    while session.progress.fraction < 1 and not team.ends:
        progress, lr_share = session.progress, session.lr_share
        # Torch's threads wait for more work on the cores that the kernels' threads need. Whether there
        # is a kernel is known after the first step, and every composed step has all threads of torch.
        with torch_on_one_thread() if fused_on_cpu else nullcontext():
            team.alike(progress.step, ALIKE_BEFORE)
            method.before_step(progress)
            team.apart(progress.step)
            batch = batches.next(team.num_rays(method.rays_per_step()), method.patch())
            fused = fused_step(method, batch, progress, lr_share)
        fused_on_cpu = fused is not None and batch.rgb.device.type == "cpu"
        seen, terms = fused or composed_step(method, batch, progress, session.optimizer, lr_share)
        team.alike(progress.step, ALIKE_AFTER)
        if method.after_step(progress):
            session.optimizer.renew()
        session.watch.add(progress.step, terms)
        end = team.end_step(seen, session.clock.seconds, is_due=keeper.is_due)
        session.progress = Progress(progress.step + 1, config.fraction(progress.step + 1, end.seconds))
        session.recorder.add(end.seen, session.progress, session.clock)
        if end.is_due:
            keeper.keep()
