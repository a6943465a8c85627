import errno
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rayloom.errors import InputError
from rayloom.training import tensor_files
from rayloom.training.checkpoints import STATE, SUMS, TENSORS, Checkpoints

STEPS_OF_WRITING = ("mkdir", "open", "write", "fsync", "rename", "close")


def state(step: int) -> dict[str, Any]:
    return {"numbers": torch.full((50,), float(step)), "step": step}


def step_of(found: tuple[int, Any] | None) -> int:
    """The step of a checkpoint whose content fits it."""
    assert found is not None
    step, kept = found
    assert kept["step"] == step
    assert torch.equal(kept["numbers"], torch.full((50,), float(step)))
    return step


def filled(folder: Path, *steps: int, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for step in steps:
        checkpoints.save(state(step), step, 0.0)
    return checkpoints


def test_the_newest_comes_back(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, 2).newest() is None
    assert step_of(filled(tmp_path, 5, 10).newest()) == 10


def test_the_last_few_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 2)
    for step, score in enumerate([-float("inf"), 20.0, 31.0, 30.0, 29.0, 30.0]):
        checkpoints.save(state(step), step, score)
    assert checkpoints.steps() == [2, 4, 5]
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == [
        f"step-00000000{step}" for step in (2, 4, 5)
    ]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not on this machine")
def test_sha256sum_agrees(tmp_path: Path) -> None:
    folder = filled(tmp_path, 3).folder / "step-000000003"
    assert subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=False).returncode == 0


def damage(path: Path, chance: random.Random) -> None:
    """Cut a file off, or turn over one bit of it, anywhere."""
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    if chance.random() < 0.5:
        content = content[:place]
    else:
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", [TENSORS, STATE, SUMS])
def test_200_random_damages_are_all_found(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints, chance = filled(tmp_path, 1, 2), random.Random(0)
    path = checkpoints.folder / "step-000000002" / name
    whole = path.read_bytes()
    for _ in range(200):
        caplog.clear()
        damage(path, chance)
        assert step_of(checkpoints.newest()) == 1
        assert "step-000000002 is damaged" in caplog.text
        path.write_bytes(whole)
    assert step_of(checkpoints.newest()) == 2


@pytest.mark.parametrize("name", [TENSORS, STATE, SUMS])
def test_a_missing_file_is_damage(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = filled(tmp_path, 1, 2)
    (checkpoints.folder / "step-000000002" / name).unlink()
    assert step_of(checkpoints.newest()) == 1
    assert f"{name}: No such file" in caplog.text


def test_nothing_is_made_up_where_all_are_damaged(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path, 1, 2)
    for path in checkpoints.folder.glob("*/" + TENSORS):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="all 2 checkpoints are damaged"):
        checkpoints.newest()


def test_a_damaged_checkpoint_makes_place_for_a_new_one_of_its_step(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path, 1, 2)
    (checkpoints.folder / "step-000000002" / STATE).unlink()
    checkpoints.save(state(2), 2, 0.0)
    assert step_of(checkpoints.newest()) == 2


def test_another_version_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rayloom.training.checkpoints.__version__", "0.0.9")
    checkpoints = filled(tmp_path, 1)
    with pytest.raises(InputError, match=r"made by rayloom 0\.0\.9"):
        checkpoints.newest()


def test_the_order_is_that_of_steps_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds: Iterator[float] = iter(range(10**6, 0, -1000))
    monkeypatch.setattr("time.time", lambda: next(seconds))
    checkpoints = filled(tmp_path, 1, 2, 3)
    for age, step in enumerate(checkpoints.steps()):
        written = 10**9 - age * 10**6
        os.utime(checkpoints.folder / f"step-{step:09d}", (written, written))
    assert step_of(checkpoints.newest()) == 3


def faults(fail: Callable[[], None], at: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let the step number `at` of writing fail, from 0; a write is half done by then. Gives the steps so far.

    Tensors are written by a library, whose part in it counts as one.
    """
    calls = 0

    def failing(name: str, true: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at + 1:
                if name == "write":
                    true(args[0], args[1][: len(args[1]) // 2])
                if name == "save_file":
                    true(*args)
                    os.truncate(args[1], args[1].stat().st_size // 2)
                fail()
            return true(*args, **kwargs)

        return call

    for name in STEPS_OF_WRITING:
        monkeypatch.setattr(os, name, failing(name, getattr(os, name)))
    monkeypatch.setattr(tensor_files, "save_file", failing("save_file", tensor_files.save_file))
    return lambda: calls


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    injected, failed = 0, True
    while failed:
        folder = tmp_path / str(injected)
        checkpoints = filled(folder, 1, 2)
        with pytest.MonkeyPatch.context() as patch:
            calls = faults(full, injected, patch)
            try:
                checkpoints.save(state(3), 3, 0.0)
                failed = calls() > injected
            except OSError:
                pass
        assert step_of(checkpoints.newest()) in (2, 3)
        assert not list(checkpoints.folder.glob(".*part"))
        checkpoints.save(state(4), 4, 0.0)
        assert step_of(checkpoints.newest()) == 4
        injected += 1
    assert injected > 15


def test_sigkill_at_every_step_of_writing_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    killed, alive = 0, False
    while not alive:
        checkpoints = filled(tmp_path / str(killed), 1, 2)
        child = os.fork()
        if child == 0:
            try:
                with pytest.MonkeyPatch.context() as patch:
                    faults(lambda: os.kill(os.getpid(), signal.SIGKILL), killed, patch)
                    checkpoints.save(state(3), 3, 0.0)
            finally:
                os._exit(0)
        alive = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert step_of(checkpoints.newest()) in (2, 3)
        checkpoints.save(state(4), 4, 0.0)
        assert step_of(checkpoints.newest()) == 4
        assert not list(checkpoints.folder.glob(".*"))
        killed += 1
    assert killed > 15


def test_a_small_disk_runs_full_and_is_emptied_again(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        checkpoints = filled(tmp_path, 1)
        large = {"numbers": torch.zeros(10**5)}
        with pytest.raises(OSError, match="No space left"):
            checkpoints.save(large, 2, 0.0)
        assert step_of(checkpoints.newest()) == 1
        checkpoints.save(state(3), 3, 0.0)
        assert step_of(checkpoints.newest()) == 3
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_state_that_was_not_packed_by_us_is_refused(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path, 1)
    path = checkpoints.folder / "step-000000001"
    about = json.loads((path / STATE).read_text())
    about["state"] = {"surprise": 1}
    (path / STATE).write_text(json.dumps(about))
    sums = subprocess.run(["sha256sum", TENSORS, STATE], cwd=path, check=True, capture_output=True).stdout
    (path / SUMS).write_bytes(sums)
    with pytest.raises(InputError, match="is no state of a training"):
        checkpoints.newest()
