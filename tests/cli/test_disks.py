"""Where a disk is full or may not be written, every command says so in one line and ends with 2."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rayloom.cli import bench
from rayloom.cli import claims as claims_command
from rayloom.cli.main import run as rayloom
from rayloom.data.formats.writers import write_capture
from tests.cli.answers import refusal
from tests.cli.conftest import BALL, HAZE
from tests.data.small_captures import small_capture
from tests.sfm import corner

Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Gives a disk of its own with these options, in memory; or skips the test where nobody may have one."""
    with ExitStack() as stack:

        def mounted(options: str) -> Path:
            place = tmp_path / f"disk {options}"
            place.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
            program = shutil.which(command[0])
            done = program and subprocess.run(command, check=False, capture_output=True, text=True)
            if not done or done.returncode != 0:
                pytest.skip(f"this machine lets nobody mount a disk: {done and done.stderr.strip()}")
            stack.callback(subprocess.run, ["umount", str(place)], check=True)
            return place

        yield mounted


@pytest.fixture(scope="module")
def run(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a method that can be baked."""
    out = tmp_path_factory.mktemp("ball") / "run"
    args = ["train", f"{BALL}@tiny", "--data", str(capture), "--out", str(out), "--steps", "2"]
    assert rayloom([*args, "--no-eval", "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    corner.take_photos(folder, 6)
    return folder


@pytest.fixture
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is about to take hours must not begin."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("begun before it was known whether its result can be kept")

    monkeypatch.setattr(bench, "measure", refuse)
    monkeypatch.setattr(claims_command, "measure_next", refuse)


def command(name: str, place: Path, run: Path, capture: Path, photos: Path) -> list[str]:
    """A command that writes to a place, and says nothing else."""
    out = str(place / "out")
    args = {
        "process": ["process", str(photos), "--out", out, "--features", "1000", "--max-size", "320"],
        "train": ["train", f"{HAZE}@tiny", "--data", str(capture), "--steps", "3", "--out", out],
        "export web": ["export", str(run), "web", "--resolution", "16", "--out", f"{out}/scene.html"],
        "weave": ["weave", str(capture), "--out", out, "--steps", "3"],
        "world": ["world", "--out", out, "--views", "2", "--size", "16"],
        "bench": ["bench", "kernels", "--out", out],
        "claims": ["claims", "nerf", "--run", "--record"],
    }[name]
    return [*args, *([] if name in ("claims", "world") else ["--quiet"])]


def told(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a command refuses, after what it has said of its progress."""
    capsys.readouterr()
    assert rayloom(args) == 2
    *before, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    assert not any(line.startswith(("error", "Traceback")) for line in before)
    return last


COMMANDS = ["process", "train", "export web", "weave", "world", "bench", "claims"]


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("options", ["ro", "size=4k"])
def test_a_disk_that_takes_nothing_is_told_in_a_line(
    name: str,
    options: str,
    mount: Mount,
    run: Path,
    capture: Path,
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = mount(options)
    monkeypatch.setattr(claims_command, "results_path", lambda method: disk / "claims" / f"{method}.toml")
    said = told(command(name, disk, run, capture, photos), capsys)
    assert any(word in said for word in ("Read-only file system", "No space left", "cannot be written")), said


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "claims"])
def test_a_folder_below_a_file_is_told_in_a_line(
    name: str, tmp_path: Path, run: Path, capture: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For machines that let nobody mount anything."""
    (tmp_path / "file").write_text("no folder")
    said = told(command(name, tmp_path / "file", run, capture, photos), capsys)
    assert "file" in said


@pytest.mark.parametrize("size", ["500k", "1100k", "1600k"])
def test_a_disk_that_runs_full_while_cameras_are_looked_for_is_told(
    size: str, mount: Mount, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where photos are copied, where the database is made, and where COLMAP works on it."""
    args = command("process", mount(f"size={size}"), Path(), Path(), photos)
    said = refusal(args, capsys)
    assert any(word in said for word in ("No space left", "disk")), said


def test_a_run_on_a_full_disk_is_not_baked_but_stays_as_it_is(
    mount: Mount, run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    disk = mount("size=8m")
    shutil.copytree(run, disk / "run", ignore=shutil.ignore_patterns("checkpoints"))
    fill(disk / "filling")
    before = (disk / "run" / "weights.safetensors").read_bytes()
    args = ["export", str(disk / "run"), "web", "--resolution", "16", "--out", str(tmp_path / "scene.html")]
    assert "No space left" in refusal([*args, "--quiet"], capsys)
    assert (disk / "run" / "weights.safetensors").read_bytes() == before
    assert not list((disk / "run").rglob(".*.part*"))
    os.unlink(disk / "filling")
    assert rayloom([*args, "--quiet"]) == 0


def fill(file: Path) -> None:
    """Take all the room there is."""
    with file.open("wb", buffering=0) as filling:
        try:
            while True:
                filling.write(bytes(1024))
        except OSError:
            pass


def test_a_capture_is_read_from_a_disk_that_cannot_be_written(
    mount: Mount, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = mount("size=1m")
    write_capture(small_capture(num_images=4), disk / "capture", "transforms")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert rayloom(["inspect", str(disk / "capture")]) == 0
    assert "4" in capsys.readouterr().out
