"""Finding cameras and baking go on after SIGKILL, and end as if nothing had happened."""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from rayloom.cli.main import run as rayloom
from rayloom.data.formats.detect import read_capture
from rayloom.data.scene import DataConfig
from rayloom.sfm.report import read_report
from tests.cli.conftest import BALL, in_memory
from tests.cli.fresh_processes import begun, kill, wait_for
from tests.sfm import corner

NUM_PHOTOS = 6
PROCESSED = {"images", "sparse", "sparse_points.ply", "transforms.json"}
PROCESSED |= {"process.json", "report.json", "report.html"}
KILLS, SEED = int(os.environ.get("RAYLOOM_KILLS", "50")), int(os.environ.get("RAYLOOM_KILLS_SEED", "0"))
"""Of the torture, which may be run in pieces."""


@dataclass(frozen=True)
class Job:
    """A command that takes some seconds, and how to tell that it has done everything."""

    args: list[str]
    check: Callable[[], None]
    clear: Callable[[], None]
    """Back to before it was first called."""
    seconds: float = 5.0
    """That it takes if nobody disturbs it."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with in_memory(tmp_path_factory) as folder:
        yield folder


@pytest.fixture(scope="module")
def photos(root: Path) -> Path:
    corner.take_photos(root / "photos", NUM_PHOTOS)
    return root / "photos"


@pytest.fixture
def processing(photos: Path, root: Path) -> Job:
    """Finding the cameras of a corner of a room."""
    out = root / "out"
    shutil.rmtree(out, ignore_errors=True)

    def check() -> None:
        assert {path.name for path in out.iterdir()} == PROCESSED
        assert len(read_capture(out, DataConfig()).frames) == NUM_PHOTOS
        assert read_report(out).num_registered == NUM_PHOTOS

    args = ["process", str(photos), "--out", str(out), "--features", "1000", "--max-size", "320", "--quiet"]
    return Job(args, check, partial(shutil.rmtree, out))


@pytest.fixture(scope="module")
def run(capture: Path, root: Path) -> Path:
    """A run of a method that can be baked."""
    out = root / "run"
    args = ["train", f"{BALL}@tiny", "--data", str(capture), "--out", str(out), "--steps", "2", "--no-eval"]
    assert rayloom([*args, "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def whole_page(run: Path, root: Path) -> bytes:
    """The web page of the run, baked by a process that nothing disturbed."""
    file = root / "whole.html"
    child = begun(bake_args(run, file))
    wait_for(file.is_file, child)
    child.join()
    return file.read_bytes()


def bake_args(run: Path, file: Path) -> list[str]:
    return ["export", str(run), "web", "--out", str(file), "--resolution", "24", "--quiet"]


@pytest.fixture
def baking(run: Path, whole_page: bytes, root: Path) -> Job:
    """Making the web page of the run."""
    file = root / "page" / "scene.html"

    def check() -> None:
        assert file.read_bytes() == whole_page
        assert [path.name for path in file.parent.iterdir()] == [file.name]
        assert not (run / "bake").exists()

    def clear() -> None:
        shutil.rmtree(file.parent, ignore_errors=True)
        shutil.rmtree(run / "bake", ignore_errors=True)

    clear()
    return Job(bake_args(run, file), check, clear)


def killed_when(job: Job, true: Callable[[], bool], delay: float = 0.0) -> None:
    """Begin or go on, and send SIGKILL a little after something is true; helpers end by themselves."""
    child = begun(job.args)
    wait_for(true, child)
    time.sleep(delay)
    kill(child)
    assert child.pid is not None
    deadline = time.monotonic() + 60
    while any(_in_session(process.pid, child.pid) for process in psutil.process_iter()):
        assert time.monotonic() < deadline, "somebody goes on without who asked for it"
        time.sleep(0.01)


def _in_session(process: int, session: int) -> bool:
    with suppress(OSError, psutil.Error):
        return os.getsid(process) == session and psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    return False


def test_cameras_are_found_after_kills(processing: Job, root: Path) -> None:
    work = root / "out" / "work"
    killed_when(processing, lambda: any(work.glob("*.db")))
    killed_when(processing, (work / "1" / "models").is_dir)
    assert rayloom(processing.args) == 0
    processing.check()


@pytest.mark.parametrize("parts", [1, 3])
def test_a_page_is_baked_after_a_kill(baking: Job, run: Path, parts: int) -> None:
    killed_when(baking, lambda: len(list((run / "bake").rglob("[!.]*.npy"))) >= parts)
    child = begun(baking.args)
    child.join()
    baking.check()


@pytest.mark.torture
@pytest.mark.parametrize("name", ["processing", "baking"])
def test_fifty_kills_lose_nothing(
    name: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    job: Job = request.getfixturevalue(name)
    chance, done = random.Random(SEED), 0
    began = time.monotonic()
    child = begun(job.args)
    child.join()
    job.check()
    job.clear()
    seconds = time.monotonic() - began
    for number in range(1, KILLS + 1):
        child = begun(job.args)
        child.join(chance.uniform(0, 0.7 * seconds))
        ended = child.exitcode is not None
        kill(child)
        if ended or number == KILLS:
            assert child.exitcode == 0 or not ended
            assert rayloom(job.args) == 0
            job.check()
            job.clear()
            done += 1
    with capsys.disabled():
        print(f"\n{KILLS} kills of {name}, which takes {seconds:.1f} s: {done} times to its end; lost: 0")
