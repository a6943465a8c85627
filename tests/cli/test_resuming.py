"""Runs that are interrupted, killed or starved go on, and end as if nothing had happened."""

import errno
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from rayloom.cli.main import run as rayloom
from rayloom.training.checkpoints import Checkpoints
from rayloom.training.locking import locked
from rayloom.training.runs import read_records
from tests.cli.answers import refusal
from tests.cli.conftest import HAZE, in_memory
from tests.cli.fresh_processes import begun, exit_code, kill, wait_for

STEPS = 30
KILLS, SEED = int(os.environ.get("RAYLOOM_KILLS", "50")), int(os.environ.get("RAYLOOM_KILLS_SEED", "0"))
"""Of the torture, which may be run in pieces."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for hundreds of checkpoints."""
    with in_memory(tmp_path_factory) as folder:
        yield folder


@pytest.fixture
def out(root: Path) -> Path:
    """A new run folder."""
    return Path(tempfile.mkdtemp(dir=root)) / "run"


def train_args(capture: Path, out: Path, *more: str) -> list[str]:
    """A training of some seconds, the same bits every time, with a checkpoint after nearly every step."""
    args = ["train", f"{HAZE}@tiny", "--data", str(capture), "--out", str(out), "--no-eval", "--quiet"]
    args += ["--steps", str(STEPS), "--deterministic", "--rays-per-step", "64"]
    return [*args, "--checkpoint-every", "0.001", *more]


def resume(out: Path, *more: str) -> int:
    return rayloom(["train", "--resume", str(out), "--no-eval", "--quiet", *more])


@pytest.fixture(scope="module")
def whole(capture: Path, root: Path) -> bytes:
    """The weights of a training that nothing disturbed."""
    out = root / "whole"
    assert rayloom(train_args(capture, out)) == 0
    return (out / "weights.safetensors").read_bytes()


def last_step(out: Path) -> int:
    steps = Checkpoints(out, 2).steps()
    return steps[-1] if steps else -1


def killed_at(capture: Path, out: Path, step: int, delay: float = 0.0) -> None:
    """Train, and send SIGKILL a little after a checkpoint of this step or of a later one is there."""
    child = begun(train_args(capture, out))
    wait_for(lambda: last_step(out) >= step, child)
    time.sleep(delay)
    kill(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_everything_within_five_seconds(
    number: signal.Signals, capture: Path, out: Path, whole: bytes
) -> None:
    child = begun(train_args(capture, out))
    wait_for(lambda: last_step(out) >= 5, child)
    assert child.pid is not None
    times, process = [], psutil.Process(child.pid)
    times.append(process.cpu_times())
    os.kill(child.pid, number)
    while child.is_alive():
        with suppress(psutil.Error):
            times.append(process.cpu_times())
        time.sleep(0.01)
    assert exit_code(child) == 128 + number
    # On a machine that does nothing else; this one may.
    assert times[-1].user + times[-1].system - times[0].user - times[0].system < 5
    assert (out / "weights.safetensors").exists()
    assert resume(out) == 0
    assert (out / "weights.safetensors").read_bytes() == whole


@pytest.mark.parametrize("step", [0, 15])
def test_a_run_that_was_killed_goes_on_bit_for_bit(step: int, capture: Path, out: Path, whole: bytes) -> None:
    killed_at(capture, out, step)
    assert last_step(out) >= step
    assert resume(out) == 0
    assert (out / "weights.safetensors").read_bytes() == whole
    steps = [record.step for record in read_records(out)]
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS


def test_a_run_that_has_ended_stays_as_it_is(
    capture: Path, out: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rayloom(train_args(capture, out)) == 0
    capsys.readouterr()
    assert resume(out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == STEPS
    assert (out / "weights.safetensors").read_bytes() == whole


def test_what_cannot_go_on_is_refused(capture: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a run folder" in refusal(["train", "--resume", out.parent], capsys)
    assert rayloom(train_args(capture, out)) == 0
    with locked(out):
        assert "another process trains" in refusal(["train", "--resume", out, "--quiet"], capsys)
    shutil.rmtree(out / "checkpoints")
    assert "has no checkpoints" in refusal(["train", "--resume", out, "--quiet"], capsys)


def test_photos_that_vanish_do_no_harm_until_they_are_read_again(
    capture: Path, out: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = out.parent / "capture"
    shutil.copytree(capture, copy)
    child = begun(train_args(copy, out))
    wait_for(lambda: last_step(out) >= 1, child)
    shutil.rmtree(copy)
    assert exit_code(child) == 0
    assert (out / "weights.safetensors").read_bytes() == whole
    assert str(copy) in refusal(["train", "--resume", out, "--quiet"], capsys)
    assert resume(out, "--data", str(capture)) == 0


def test_a_folder_that_cannot_be_written_is_told_in_a_line(
    capture: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    assert "Read-only file system" in refusal(train_args(capture, out), capsys)


@pytest.mark.torture
def test_fifty_kills_lose_nothing(capture: Path, out: Path, whole: bytes) -> None:
    chance, kills, runs, reached = random.Random(SEED), KILLS, 0, list[int]()
    for number in range(1, kills + 1):
        before = last_step(out)
        if before < 0:
            shutil.rmtree(out, ignore_errors=True)
        going_on = ["train", "--resume", str(out), "--no-eval", "--quiet"]
        child = begun(going_on if before >= 0 else train_args(capture, out))
        # While it begins, or up to some steps later, which take about ten milliseconds each.
        until = min(before + chance.randint(0, 8), STEPS)
        wait_for(lambda until=until: last_step(out) >= until, child)
        time.sleep(chance.uniform(0, 0.02))
        kill(child)
        found = Checkpoints(out, 2).newest() if last_step(out) >= 0 else (-1, None)
        assert found is not None
        assert found[0] == last_step(out) >= before
        reached.append(found[0])
        if found[0] >= STEPS - 1 or number == kills:
            assert found[0] < 0 or resume(out) == 0
            assert found[0] < 0 or (out / "weights.safetensors").read_bytes() == whole
            shutil.rmtree(out, ignore_errors=True)
            runs += 1
    print(f"\n{kills} kills in {runs} runs, after steps {reached}; checkpoints and runs lost: 0")
