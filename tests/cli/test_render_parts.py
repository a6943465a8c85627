"""Frames by several processes are the frames of one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rayloom.cli.main import run
from rayloom.cli.render_parts import numbers_of
from rayloom.errors import InputError
from rayloom.sweeps.jobs import Done, Job
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import Trained


@pytest.mark.parametrize(("frames", "count"), [(10, 1), (10, 3), (2, 4)])
def test_every_frame_is_in_one_part(frames: int, count: int):
    parts = [numbers_of(f"{k}/{count}", frames) for k in range(1, count + 1)]
    assert sorted(number for part in parts for number in part) == list(range(frames))


@pytest.mark.parametrize("word", ["", "1", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3"])
def test_other_parts_are_refused(word: str):
    with pytest.raises(InputError, match="expected K/N"):
        numbers_of(word, 10)


def pngs(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.glob("*/*.png"))}


def test_workers_render_what_one_process_renders(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["render", str(trained.run), "--frames", "3", "--width", "20", "--quiet"]
    alone = json_of([*args, "--out", str(tmp_path / "alone")], capsys)
    shared = json_of([*args, "--workers", "2", "--out", str(tmp_path / "shared")], capsys)
    assert isinstance(alone, dict)
    assert isinstance(shared, dict)
    assert shared["frames"] == alone["frames"] == 3
    assert len(pngs(tmp_path / "alone")) == 9
    assert pngs(tmp_path / "shared") == pngs(tmp_path / "alone")
    assert (tmp_path / "shared" / "film.mp4").is_file()


def test_a_part_is_some_of_the_frames_and_adds_to_others(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["render", str(trained.run), "--frames", "3", "--width", "8", "--quiet", "--out", str(tmp_path)]
    told = json_of([*args, "--part", "2/2"], capsys)
    assert isinstance(told, dict)
    assert (told["frames"], told["videos"]) == (1, {})
    assert [file.name for file in (tmp_path / "rgb").iterdir()] == ["0001.png"]
    json_of([*args, "--part", "1/2"], capsys)
    assert sorted(file.name for file in (tmp_path / "rgb").iterdir()) == ["0000.png", "0001.png", "0002.png"]
    assert "expected --out FOLDER" in refusal([*args[:-2], "--part", "1/2"], capsys)


def test_what_a_worker_leaves_out_is_rendered_all_the_same(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(jobs: list[Job], workers: int, on_done: Callable[[Job, Done], None], *, on_ray: bool) -> None:
        assert (len(jobs), workers, on_ray) == (2, 2, True)
        on_done(jobs[0], Done({"frames": 0}))
        on_done(jobs[1], Done(None, "error: lost"))

    monkeypatch.setattr("rayloom.cli.render_parts.run_jobs", lost)
    args = ["render", str(trained.run), "--frames", "2", "--width", "8", "--out", str(tmp_path), "--ray"]
    assert run([*args, "--workers", "2"]) == 0
    said = capsys.readouterr().err
    assert "warning: part 2/2: error: lost" in said
    assert "part 1/2: 0 frames" in said
    assert len(pngs(tmp_path)) == 6
