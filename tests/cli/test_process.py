import json
from pathlib import Path

import pytest

from rayloom.cli import process as command
from rayloom.cli.main import run
from rayloom.data.formats.writers import write_capture
from rayloom.errors import InputError
from rayloom.sfm import process as module
from rayloom.sfm.config import ProcessConfig
from rayloom.sfm.report import Report
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import HAZE
from tests.data.small_captures import small_capture

REPORT = Report(9, 8, [8], 0.4, 100, 3.0, [], advice=["Go on."], warnings=["One photo is dark."])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Nine bare photos."""
    write_capture(small_capture(num_images=9), tmp_path / "capture", "transforms")
    (tmp_path / "capture" / "images").rename(tmp_path / "holiday")
    return tmp_path / "holiday"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path, ProcessConfig]]:
    """What `process` was asked for, which here writes a small capture at once."""
    calls: list[tuple[Path, Path, ProcessConfig]] = []

    def quick(source: Path, out: Path, config: ProcessConfig, on_progress: object) -> Report:
        calls.append((source, out, config))
        if not out.exists():
            write_capture(small_capture(num_images=9), out, "transforms")
        return REPORT

    monkeypatch.setattr(module, "process", quick)
    return calls


def test_process_prints_the_report(
    photos: Path,
    tmp_path: Path,
    asked: list[tuple[Path, Path, ProcessConfig]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    args = ["process", str(photos), "--out", str(out), "--features", "500", "--max_size=200"]
    printed = json_of(args, capsys)
    assert isinstance(printed, dict)
    assert (printed["num_photos"], printed["num_registered"], printed["advice"]) == (9, 8, ["Go on."])
    assert run(args) == 0
    said = capsys.readouterr()
    assert "cameras of 8 of 9 photos" in said.out
    assert "Go on." in said.out
    assert "warning: One photo is dark." in said.err
    assert asked == 2 * [(photos, out, ProcessConfig(features=500, max_size=200))]


def test_training_on_bare_photos_finds_their_cameras_first(
    photos: Path,
    tmp_path: Path,
    asked: list[tuple[Path, Path, ProcessConfig]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["train", f"{HAZE}@tiny", "--data", str(photos), "--steps", "1", "--no-eval", "--quiet"]
    printed = json_of(args, capsys)
    made = Path("outputs/holiday/process")
    assert [(source, out) for source, out, _ in asked] == [(photos, made)]
    assert isinstance(printed, dict)
    assert printed["run"] == str(Path("outputs/holiday") / HAZE.stem / "1")
    config = json.loads((Path(printed["run"]) / "config.json").read_text())
    assert config["data"] == str(made.resolve())


def test_a_video_has_outputs_of_its_own_name(
    tmp_path: Path, asked: list[tuple[Path, Path, ProcessConfig]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "walk.mp4").touch()
    assert command.capture_of(tmp_path / "walk.mp4", quiet=True) == Path("outputs/walk/process")


def test_a_capture_is_trained_on_as_it_is(
    capture: Path, asked: list[tuple[Path, Path, ProcessConfig]]
) -> None:
    assert command.capture_of(capture, quiet=True) == capture
    assert not asked


def test_bad_input_ends_in_one_line(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert "no such file" in refusal(["process", tmp_path / "nowhere", "--out", out], capsys)
    assert "--frames: is 2; expected" in refusal(["process", photos, "--out", out, "--frames", 2], capsys)
    assert not out.exists()
    (tmp_path / "text.mp4").write_text("no video")
    assert "text.mp4" in refusal(["process", tmp_path / "text.mp4", "--out", out, "--quiet"], capsys)
    assert (out / "report.json").is_file()

    def fails(*_: object) -> Report:
        raise InputError(photos, "no cameras")

    monkeypatch.setattr(module, "process", fails)
    monkeypatch.chdir(tmp_path)
    assert "no cameras" in refusal(["train", f"{HAZE}@tiny", "--data", photos, "--quiet"], capsys)
