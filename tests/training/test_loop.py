import math
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rayloom import methods
from rayloom.errors import InputError
from rayloom.method import Method, MethodConfig, Paper
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.training.optimizer import Optimizer
from rayloom.training.records import Record
from rayloom.types import Batch, Intervals, Patch, Progress, Rays, Rendering, SceneInfo, StepReport
from tests.methods.ball import OBJECT, BallBatches


class OneColor(Method[MethodConfig]):
    """Sees one colour everywhere, and notes what the loop asks of it."""

    paper = Paper("One Colour", year=2031)
    presets = {"default": MethodConfig(rays_per_step=8, lr=0.1, lr_final=0.01)}

    def __init__(self, config: MethodConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.painted = nn.Parameter(torch.zeros(3))
        self.calls: list[tuple[str, Progress]] = []
        self.grow_at = -1

    def render(self, rays: Rays) -> Rendering:
        n = rays.near.shape[0]
        return Rendering(
            rgb=self.painted.expand(n, 3),
            opacity=torch.ones(n),
            depth=rays.near,
            intervals=Intervals(torch.stack([rays.near, rays.far], dim=-1)),
            weights=torch.ones(n, 1),
            background=self.background.expand(n, 3),
        )

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        self.calls.append(("losses", progress))
        return {
            "red": (rendering.rgb[:, 0] - 1).square().mean(),
            "rest": rendering.rgb[:, 1:].square().mean(),
        }

    def before_step(self, progress: Progress) -> None:
        self.calls.append(("before", progress))

    def after_step(self, progress: Progress) -> bool:
        self.calls.append(("after", progress))
        return progress.step == self.grow_at


def one_color(**changes: Any) -> OneColor:
    return OneColor(MethodConfig(**({"rays_per_step": 8, "lr": 0.1, "lr_final": 0.01} | changes)), OBJECT)


def test_hooks_run_in_order_and_the_fraction_follows_the_steps() -> None:
    method = one_color()
    train(method, BallBatches(OBJECT), TrainConfig(steps=4))
    expected = [(call, Progress(i, i / 4)) for i in range(4) for call in ("before", "losses", "after")]
    assert method.calls == expected


def test_the_sum_of_the_losses_falls() -> None:
    method = one_color()
    train(method, BallBatches(OBJECT), TrainConfig(steps=60))
    assert method.painted[0] > 0.5


def test_seconds_end_training_and_drive_the_fraction() -> None:
    method = one_color()
    outcome = train(method, BallBatches(OBJECT), TrainConfig(seconds=0.1))
    fractions = [progress.fraction for call, progress in method.calls if call == "before"]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert 0.5 < fractions[-1] < 1
    assert outcome.steps == len(fractions)
    assert outcome.seconds >= 0.1


def test_the_outcome_counts_rays_and_samples_and_the_last_record_is_complete() -> None:
    records: list[Record] = []
    outcome = train(one_color(), BallBatches(OBJECT), TrainConfig(steps=5), records.append)
    assert (outcome.steps, outcome.rays, outcome.samples, outcome.interrupted) == (5, 40, 40, False)
    assert records[-1].step == 5
    assert records[-1].fraction == 1


def test_a_loss_that_is_no_number_ends_training_with_its_steps() -> None:
    method = one_color()
    method.painted.data[:] = math.nan
    with pytest.raises(InputError, match="training, step 0: red and rest became nan"):
        train(method, BallBatches(OBJECT), TrainConfig(steps=3))


def test_ctrl_c_ends_training_after_the_step_and_keeps_what_was_learnt() -> None:
    class Impatient(BallBatches):
        def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
            signal.raise_signal(signal.SIGINT)
            return super().next(num_rays)

    method = one_color()
    before = signal.getsignal(signal.SIGINT)
    outcome = train(method, Impatient(OBJECT), TrainConfig(steps=1000))
    assert outcome.interrupted
    assert outcome.steps == 1
    assert method.painted[0] > 0
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_is_not_held_back() -> None:
    class VeryImpatient(BallBatches):
        def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("not reached")

    # A shell lets what it runs in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(one_color(), VeryImpatient(OBJECT), TrainConfig(steps=1000))
    finally:
        signal.signal(signal.SIGINT, before)


def test_replaced_parameters_get_a_new_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[int] = []
    method = one_color()
    method.grow_at = 2
    renew = Optimizer.renew

    def counted(self: Optimizer) -> None:
        renewed.append(len(method.calls))
        renew(self)

    monkeypatch.setattr(Optimizer, "renew", counted)
    train(method, BallBatches(OBJECT), TrainConfig(steps=5))
    assert renewed == [0, 9]


def test_a_loss_that_is_no_number_ends_training_also_where_gradients_are_clipped() -> None:
    method = one_color(clip_norm=1.0)
    method.painted.data[:] = math.nan
    with pytest.raises(InputError, match="training, step 0: red and rest became nan"):
        train(method, BallBatches(OBJECT), TrainConfig(steps=3))


def test_clipped_training_goes_without_the_fused_step() -> None:
    method = Fused({0, 1, 2})
    method.config = MethodConfig(rays_per_step=8, clip_norm=1.0)
    train(method, BallBatches(OBJECT), TrainConfig(steps=3))
    assert [part for part, _ in method.threads] == ["composed", "after"] * 3


def test_looks_at_held_out_views_do_not_count_as_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rayloom.training.recording.SECONDS_PER_RECORD", 0.01)
    records: list[Record] = []
    slow = 0.2

    def look() -> float:
        time.sleep(slow)
        return 20.0

    outcome = train(
        one_color(), BallBatches(OBJECT), TrainConfig(seconds=0.1, eval_every=0.04), records.append, look
    )
    looks = [record.held_out_psnr for record in records if record.held_out_psnr is not None]
    assert looks
    assert set(looks) == {20.0}
    assert outcome.seconds < slow


class Fused(OneColor):
    """Fuses some of its steps, and notes how many threads torch has in each part of a step."""

    def __init__(self, fused: set[int], loss: float = 0.5) -> None:
        super().__init__(MethodConfig(rays_per_step=8), OBJECT)
        self.fused, self.loss = fused, loss
        self.threads: list[tuple[str, int]] = []

    def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
        if progress.step not in self.fused:
            return None
        self.threads.append(("fused", torch.get_num_threads()))
        return StepReport(self.loss, self.loss, 8)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        self.threads.append(("composed", torch.get_num_threads()))
        return super().losses(rendering, batch, progress)

    def after_step(self, progress: Progress) -> bool:
        self.threads.append(("after", torch.get_num_threads()))
        return False


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Torch with three threads, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_fused_steps_have_the_cores_for_themselves_once_they_are_known() -> None:
    method = Fused({0, 1, 2})
    train(method, BallBatches(OBJECT), TrainConfig(steps=3))
    assert method.threads == [(part, n) for k in (3, 1, 1) for part, n in (("fused", k), ("after", 3))]
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_composed_steps_have_all_threads_of_torch_also_after_fused_ones() -> None:
    method = Fused({0, 1, 4})
    train(method, BallBatches(OBJECT), TrainConfig(steps=6))
    composed = [count for part, count in method.threads if part == "composed"]
    assert composed == [3, 3, 3]


@pytest.mark.usefixtures("three_threads")
def test_torch_gets_its_threads_back_when_a_fused_step_fails() -> None:
    class Failing(Fused):
        def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
            if progress.step == 2:
                assert torch.get_num_threads() == 1
                raise ZeroDivisionError
            return super().fused_step(batch, progress, lr_scale)

    with pytest.raises(ZeroDivisionError):
        train(Failing({0, 1}), BallBatches(OBJECT), TrainConfig(steps=4))
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_nerf_trains_with_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    nerf = methods.load("nerf")
    losses, step = nerf.losses, Optimizer.step

    def counted(self: Method[Any], *arguments: Any) -> dict[str, Tensor]:
        seen.append(torch.get_num_threads())
        return losses(self, *arguments)

    def counted_step(self: Optimizer, *arguments: Any) -> None:
        seen.append(torch.get_num_threads())
        step(self, *arguments)

    monkeypatch.setattr(nerf, "losses", counted)
    monkeypatch.setattr(Optimizer, "step", counted_step)
    train(nerf(nerf.presets["tiny"], OBJECT), BallBatches(OBJECT), TrainConfig(steps=2))
    assert seen == [3, 3, 3, 3]


def test_a_loss_that_is_no_number_in_a_fused_step_ends_training() -> None:
    with pytest.raises(InputError, match="training, step 0: the loss became nan"):
        train(Fused({0, 1, 2}, loss=math.nan), BallBatches(OBJECT), TrainConfig(steps=3))
