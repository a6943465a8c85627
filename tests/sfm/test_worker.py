import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from rayloom.sfm.jobs import Extract, Map
from rayloom.sfm.worker import JobError, run_job


def hopeless(folder: Path) -> Map:
    """A job without a database."""
    return Map(str(folder / "none" / "no.db"), str(folder), str(folder), "incremental", 15, 100, 30)


def test_a_job_that_fails_says_why_and_keeps_the_words_in_the_log(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"\w"):
        run_job(hopeless(tmp_path), tmp_path / "colmap.log", lambda _: None)
    assert "Traceback" in (tmp_path / "colmap.log").read_text()


def test_ctrl_c_ends_the_worker(tmp_path: Path) -> None:
    workers: list[int] = []
    others = set(children())

    def interrupt(_: int) -> None:
        workers.extend(pid for pid in children() if pid not in others)
        raise KeyboardInterrupt

    job = Extract(str(tmp_path / "a.db"), str(tmp_path), None, 100, 100, 0.01)
    with pytest.raises(KeyboardInterrupt):
        run_job(job, tmp_path / "colmap.log", interrupt)
    assert workers
    assert not set(workers) & set(children())


def children() -> list[int]:
    """Processes that this one has started."""
    return [process.pid for process in psutil.Process().children()]


def test_a_worker_does_not_outlive_who_asked_for_it() -> None:
    job = "type('Job', (), {'run': lambda self: time.sleep(600)})()"
    code = (
        "import time; from rayloom.sfm import worker; "
        f"worker.msgspec.json.decode = lambda *_, **__: {job}; worker.main()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(b"{}\n")
    child.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=2)
    child.stdin.close()
    assert child.wait(timeout=60) == 1


def test_a_crash_is_an_error_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen

    def crashing(*args: Any, **options: Any) -> Any:
        started = popen(*args, **options)
        started.kill()
        return started

    monkeypatch.setattr(subprocess, "Popen", crashing)
    with pytest.raises(JobError, match="code -9"):
        run_job(hopeless(tmp_path), tmp_path / "colmap.log", lambda _: None)
