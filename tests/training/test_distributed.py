"""Several processes train as one would that had the rays of all of them, and end together."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from rayloom import methods
from rayloom.data.batches import PixelBatches
from rayloom.errors import InputError
from rayloom.method import Method
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.config import TrainConfig
from rayloom.training.distributed import leads, shared, stream_seed
from rayloom.training.divergence import Diverged
from rayloom.training.fit import build, fit
from rayloom.training.loop import composed_step, fused_step, train
from rayloom.training.optimizer import Optimizer
from rayloom.training.records import Outcome
from rayloom.types import Batch, Patch, Progress, Rendering
from tests.training.painted_scenes import make_scene
from tests.training.several import together

SCENE = make_scene(("train", "train", "train", "test"))
START = Progress(step=0, fraction=0.0)


def new(name: str, config: TrainConfig, **changes: Any) -> Method[Any]:
    method = methods.load(name)
    return build(method, replace(method.presets["tiny"], **changes), SCENE.info, config)


def keep(tensors: Mapping[str, Tensor], file: Path) -> None:
    safetensors.torch.save_file({name: value.clone() for name, value in tensors.items()}, file)


def kept(folder: Path) -> list[dict[str, Tensor]]:
    """What each process has kept, the leader's first."""
    return [safetensors.torch.load_file(file) for file in sorted(folder.glob("*.safetensors"))]


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def gradients(method: Method[Any], batch: Batch) -> dict[str, Tensor]:
    """Those of the losses of a batch, as they are when Adam takes them."""
    composed_step(method, batch, START, Optimizer(method))
    return {name: p.grad for name, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["nerf", "mip_nerf", "loom"])
def test_two_processes_of_n_rays_have_the_gradient_of_one_of_2n(name: str, tmp_path: Path) -> None:
    def double() -> Method[Any]:
        # Nothing is drawn at random in evaluation.
        return new(name, TrainConfig(device="cpu")).double().eval()

    batch = PixelBatches(SCENE, seed=1).next(24)
    batch = batch.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def work(rank: int) -> None:
        keep(gradients(double(), batch[12 * rank : 12 * rank + 12]), tmp_path / f"{rank}.safetensors")

    assert together(2, work) == [0, 0]
    first, second = kept(tmp_path)
    assert same(first, second)
    whole = gradients(double(), batch)
    assert first.keys() == whole.keys()
    assert max(float(gradient.abs().max()) for gradient in whole.values()) > 1e-4
    for key, gradient in whole.items():
        torch.testing.assert_close(first[key], gradient, rtol=1e-10, atol=1e-14)
    alone = gradients(double(), batch[:12])
    assert any(not torch.allclose(alone[key], whole[key], rtol=1e-3) for key in whole)


def test_the_fused_step_moves_by_the_mean_gradient_too(tmp_path: Path) -> None:
    batch = PixelBatches(SCENE, seed=1).next(256)

    def moments(part: Batch) -> dict[str, Tensor]:
        method = new("loom", TrainConfig(device="cpu"), grid_resolution=32).eval()
        assert fused_step(method, part, START) is not None
        # Adam's first moment is the gradient, but for a factor.
        fused: Any = method.field.fused()  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
        return {str(i): torch.from_numpy(first) for i, (first, _) in enumerate(fused.moments) if first.size}

    def work(rank: int) -> None:
        keep(moments(batch[128 * rank : 128 * rank + 128]), tmp_path / f"{rank}.safetensors")

    assert together(2, work) == [0, 0]
    first, second = kept(tmp_path)
    assert same(first, second)
    for key, moment in moments(batch).items():
        torch.testing.assert_close(first[key], moment, rtol=1e-4, atol=1e-5 * float(moment.abs().max()))


@pytest.mark.parametrize(
    ("name", "changes"), [("loom", {"grid_resolution": 32}), ("tensorf", {"rays_per_step": 32})]
)
def test_two_processes_stay_alike_and_go_on_bit_for_bit(
    name: str, changes: Mapping[str, Any], tmp_path: Path
) -> None:
    config = TrainConfig(steps=20, deterministic=True, device="cpu")

    def work(rank: int) -> None:
        torch.manual_seed(rank)
        method = new(name, config, **changes)
        if rank == 1:
            with torch.no_grad():
                next(method.parameters()).add_(1.0)
        once = fit(method, SCENE, config)
        keep(method.state_dict(), tmp_path / f"once-{rank}.safetensors")
        # One of them alone hears the signal.
        begun = stopped_after(new(name, config, **changes), 10 if rank == 1 else -1)
        checkpoints = Checkpoints(tmp_path, 2)
        assert fit(begun, SCENE, config, checkpoints=checkpoints).steps == 10
        _, start = shared(checkpoints.newest() if leads() else None)
        method = new(name, config, **changes)
        assert counts(fit(method, SCENE, config, start=start)) == counts(once)
        keep(method.state_dict(), tmp_path / f"twice-{rank}.safetensors")

    assert together(2, work) == [0, 0]
    first, *others = kept(tmp_path)
    assert len(others) == 3
    assert all(same(first, other) for other in others)


def counts(outcome: Outcome) -> Outcome:
    """What does not depend on how fast the machine is."""
    return replace(outcome, seconds=0.0, compile_seconds=0.0)


def stopped_after(method: Method[Any], steps: int) -> Method[Any]:
    """The method, which presses Ctrl-C in its last step but so many."""
    before_step = method.before_step

    def before_step_or_stop(progress: Progress) -> None:
        if progress.step == steps - 1:
            signal.raise_signal(signal.SIGINT)
        before_step(progress)

    method.before_step = before_step_or_stop
    return method


def test_a_run_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    config = TrainConfig(steps=6, device="cpu")

    def some_steps(count: int, last: int, start: Any) -> Any:
        def work(rank: int) -> None:
            method = stopped_after(new("nerf", config, rays_per_step=16), last)
            outcome = fit(method, SCENE, config, checkpoints=Checkpoints(tmp_path, 9), start=start)
            assert outcome.steps == last

        if count == 1:
            work(0)
        else:
            assert together(count, work) == [0] * count
        found = Checkpoints(tmp_path, 9).newest()
        assert found is not None
        assert found[0] == last
        return found[1]

    state: Any = None
    for last, count in zip((2, 3, 5, 6), (2, 1, 3, 1), strict=True):
        state = some_steps(count, last, state)
    # The rays of all processes count.
    assert state["recorder"]["rays"] == 16 * (2 * 2 + 1 * 1 + 2 * 3 + 1 * 1)


class Drawn:
    """Batches of a scene, which remember what was drawn."""

    def __init__(self) -> None:
        self.inner, self.pixels = PixelBatches(SCENE, seed=0), list[Tensor]()

    def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
        batch = self.inner.next(num_rays, patch)
        self.pixels.append(batch.rays.pixels)
        return batch

    def reseed(self, seed: int) -> None:
        self.inner.reseed(seed)


def test_every_process_has_rays_of_its_own_and_as_many_as_the_leader(tmp_path: Path) -> None:
    def work(rank: int) -> None:
        batches = Drawn()
        config = TrainConfig(steps=3, device="cpu")
        train(new("nerf", config, rays_per_step=16 + rank), batches, config)
        keep({str(i): pixels for i, pixels in enumerate(batches.pixels)}, tmp_path / f"{rank}.safetensors")

    assert together(2, work) == [0, 0]
    first, second = kept(tmp_path)
    drawn = [*first.values(), *second.values()]
    assert {len(pixels) for pixels in drawn} == {16}
    assert not any(torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])
    assert (
        len({stream_seed(seed, step, rank) for seed in range(9) for step in range(9) for rank in range(9)})
        == 729
    )


def test_a_loss_that_is_no_number_in_one_process_is_found_by_all(tmp_path: Path) -> None:
    config = TrainConfig(steps=20, device="cpu")

    def work(rank: int) -> None:
        method = new("nerf", config, rays_per_step=16)
        losses, value = method.losses, float("nan") if rank == 1 else 0.0

        def spoilt(rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
            return losses(rendering, batch, progress) | {"spoilt": torch.tensor(value)}

        method.losses = spoilt
        with pytest.raises(Diverged, match="spoilt became nan"):
            fit(method, SCENE, config)
        # With checkpoints it begins anew, and what spoilt it is gone.
        assert fit(method, SCENE, config, checkpoints=Checkpoints(tmp_path, 2)).steps == 20

    assert together(2, work) == [0, 0]
    (entry,) = json.loads((tmp_path / "divergence.json").read_text())
    assert (entry["back_to_step"], entry["value"]) == (0, "nan")


def refuses(rank: int) -> None:
    if rank == 1:
        raise InputError("photo 7", "is torn")


def is_killed(rank: int) -> None:
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def all_refuse(rank: int) -> None:
    raise InputError("photo 7", "is torn")


@pytest.mark.slow
def test_one_that_says_nothing_any_more_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rayloom.training.distributed.PATIENCE", timedelta(seconds=5))

    def work(rank: int) -> None:
        shared(None)
        time.sleep(15 * rank)
        shared(None)

    assert together(2, work) == [1, 1]
    assert capfd.readouterr().err.count("ProcessLost: ") == 1


@pytest.mark.parametrize(
    ("fault", "codes", "message"),
    [
        (refuses, [1, 1], "photo 7: is torn"),
        (is_killed, [1, -signal.SIGKILL], "one of its processes was lost"),
        (all_refuse, [1, 1], "photo 7: is torn"),
    ],
)
def test_one_that_fails_ends_all_with_one_message(
    fault: Callable[[int], None], codes: list[int], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(rank: int) -> None:
        shared(None)
        fault(rank)
        shared(None)

    assert together(2, work) == codes
    assert capfd.readouterr().err.count(message) == 1
