"""All jobs are done, some at a time, whoever is lost meanwhile."""

import importlib.util
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rayloom.errors import InputError
from rayloom.sweeps.jobs import Done, Job
from rayloom.sweeps.pools import check_workers, core_shares, run_jobs
from tests.sweeps.pretended import calls, pretended

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


def done_jobs(jobs: list[Job], workers: int = 2, *, on_ray: bool = False) -> dict[str, Done]:
    found: dict[str, Done] = {}

    def on_done(job: Job, done: Done) -> None:
        assert job.name not in found
        found[job.name] = done

    run_jobs(jobs, workers, on_done, on_ray=on_ray)
    return found


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_every_job_is_told_of_once_and_a_failure_stops_no_other(tmp_path: Path):
    faults = ["none", "refuses", "killed-1", "none"]
    found = done_jobs([pretended(tmp_path / f"{i}-{fault}", fault) for i, fault in enumerate(faults)])
    assert {name: done.output is not None for name, done in found.items()} == {
        "0-none": True,
        "1-refuses": False,
        "2-killed-1": True,
        "3-none": True,
    }
    assert found["1-refuses"].message == "error: photo 7: is torn"


def test_workers_share_the_cores():
    cores = os.sched_getaffinity(0)
    for workers in (1, 2, len(cores), len(cores) + 1):
        shares = core_shares(workers)
        assert len(shares) == workers
        assert set().union(*shares) == cores
        assert min(map(len, shares)) >= 1
        assert sum(map(len, shares)) == max(len(cores), workers)
    with pytest.raises(InputError, match="--workers: is 0"):
        check_workers(0)


def test_whoever_ends_the_sweep_ends_its_processes(tmp_path: Path):
    def on_done(job: Job, done: Done) -> None:
        raise KeyboardInterrupt

    jobs = [
        pretended(tmp_path / "waits", "waits"),
        pretended(tmp_path / "none"),
        pretended(tmp_path / "late"),
    ]
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, 2, on_done, on_ray=False)
    programs = [child.cmdline() for child in psutil.Process().children() if child.is_running()]
    assert not [words for words in programs if "tests.sweeps.program" in words]


def test_without_ray_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match="--ray: Ray is not installed"):
        done_jobs([pretended(tmp_path / "run")], on_ray=True)


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_worker_of_ray_that_is_lost_loses_nothing(tmp_path: Path):
    jobs = [
        pretended(tmp_path / name, fault) for name, fault in [("a", "waits"), ("b", "waits"), ("c", "none")]
    ]
    program = list[psutil.Process]()

    def lose_a_worker() -> None:
        wait_for(lambda: all((tmp_path / name / "checkpoints").exists() for name in "ab"))
        program.extend(p for p in psutil.process_iter(["cmdline"]) if is_program(p, tmp_path / "a"))
        os.kill(program[0].ppid(), signal.SIGKILL)
        wait_for(lambda: calls(tmp_path / "a") == ["begin", "resume"])
        for name in "ab":
            (tmp_path / name / "go").touch()

    thief = threading.Thread(target=lose_a_worker)
    thief.start()
    found = done_jobs(jobs, on_ray=True)
    thief.join()
    assert {name: done.output is not None for name, done in found.items()} == dict.fromkeys("abc", True)
    # Its process has not outlived it, or both would have trained in one folder.
    assert not program[0].is_running()
    assert calls(tmp_path / "b") == ["begin"]


def is_program(process: psutil.Process, folder: Path) -> bool:
    words = process.info["cmdline"] or []
    return "tests.sweeps.program" in words and str(folder) in words
