import json
from pathlib import Path
from typing import Any

import pytest

from rayloom.bench import browser, training
from rayloom.bench.rows import Row
from rayloom.cli import bench as bench_command
from rayloom.cli.main import run
from tests.bench.conftest import TINY


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch):
    """Small problems, no process that compiles everything anew, and no browser."""
    monkeypatch.setattr(browser, "PROGRAMS", ())
    measure = bench_command.measure
    monkeypatch.setattr(
        bench_command, "measure", lambda options, device, effort: measure(options, device, TINY)
    )
    monkeypatch.setattr(training, "startup_rows", lambda device: [Row("kernels ready, cold", 1.0, "s")])


def bench(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["bench", *args, "--device", "cpu"]) == 0
    return capsys.readouterr().out


def check(report: dict[str, Any], word: str) -> None:
    assert word == report["word"]
    assert set(report) == {"word", "machine", "rows", "curves"}
    assert {"cpu", "gpu", "device", "threads", "float32_lanes", "torch", "date"} == set(report["machine"])
    for row in report["rows"]:
        assert {"name", "value", "unit", "limit", "share", "ratio", "bar", "met", "note"} <= set(row)
        assert row["value"] is not None or row["note"]


def test_all_four_are_measured_kept_and_printed_as_json(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = bench(["--data", str(capture), "--seconds", "0.5", "--out", str(tmp_path), "--json"], capsys)
    found = json.loads(said)
    assert list(found) == ["kernels", "train", "render", f"share-{capture.name}"]
    for word, report in found.items():
        check(report, word)
        assert json.loads((tmp_path / f"bench-{word}-cpu.json").read_text()) == report
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert {
        "bench-kernels-cpu-shares.png",
        "bench-train-cpu-threads.png",
        "bench-render-cpu-frames.png",
    } <= pictures


def test_one_word_is_measured_alone_and_printed_as_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = bench(["kernels", "--out", str(tmp_path), "--quiet"], capsys)
    assert "hash_grid forward" in said
    assert "at least 50 %" in said
    assert [path.name for path in tmp_path.glob("*.json")] == ["bench-kernels-cpu.json"]


def test_patience_is_measured_where_it_is_named(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["patience", "--data", capture, "--seconds", 0.5, "--long-seconds", 1, "--out", tmp_path]
    found = json.loads(bench([*map(str, words), "--json"], capsys))
    assert list(found) == [f"patience-{capture.name}"]
    check(found[f"patience-{capture.name}"], f"patience-{capture.name}")
    assert [path.name for path in tmp_path.glob("*.json")] == [f"bench-patience-{capture.name}-cpu.json"]


def test_patience_wants_views_that_are_held_out(capture: Path, tmp_path: Path) -> None:
    args = ["patience", "--data", str(capture), "--split", "none", "--out", str(tmp_path), "--quiet"]
    assert run(["bench", *args]) == 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["kernel"], "bench 'kernel': unknown; expected one of kernels, train, render, share, patience"),
        (["train", "--seconds", "0"], "--seconds: is 0.0; expected a positive time"),
        (["patience", "--long-seconds", "-1"], "--long-seconds: is -1.0; expected a positive time"),
        (["render", "--data", "nowhere/at/all"], "nowhere"),
    ],
)
def test_bad_input_is_told_in_one_line(
    args: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *args, "--out", str(tmp_path), "--quiet"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert words in said.err
