import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rayloom.bench import startup
from rayloom.kernels import use_reference
from tests.bench.conftest import CPU


def test_the_module_prints_seconds(capsys: pytest.CaptureFixture[str]):
    startup.main()
    assert json.loads(capsys.readouterr().out) >= 0


def test_a_process_of_its_own_gets_the_folder_as_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[dict[str, Any]] = []

    def run(command: list[str], **options: Any) -> SimpleNamespace:
        asked.append({"command": command, **options})
        return SimpleNamespace(stdout="1.5")

    monkeypatch.setattr(subprocess, "run", run)
    assert startup.ready_seconds(tmp_path) == 1.5
    assert asked[0]["env"]["NUMBA_CACHE_DIR"] == str(tmp_path)
    assert asked[0]["command"][1:] == ["-m", "rayloom.bench.startup"]


def test_the_first_process_finds_an_empty_cache_and_the_second_the_same(monkeypatch: pytest.MonkeyPatch):
    folders: list[Path] = []

    def ready(cache: Path) -> float:
        assert bool(list(cache.iterdir())) == bool(folders)
        folders.append(cache)
        (cache / "kernel").touch()
        return 9.0 / len(folders)

    monkeypatch.setattr(startup, "ready_seconds", ready)
    rows = startup.startup_rows(CPU)
    assert [(row.name, row.value) for row in rows] == [
        ("kernels ready, cold", 9.0),
        ("kernels ready, cached", 4.5),
    ]
    assert folders[0] == folders[1]
    assert not folders[0].exists()


def test_without_compiled_kernels_there_is_nothing_to_wait_for():
    with use_reference():
        rows = startup.startup_rows(CPU)
    assert [row.value for row in rows] == [None, None]
    assert all(row.note for row in rows)
