"""Thousands of spoilt files of every kind that is read; `law.py` says what must hold for each.

RAYLOOM_FUZZ_CASES says how many cases of each kind `make torture` runs, and RAYLOOM_FUZZ_FIRST the number of
the first, so that a million can be run in pieces.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzzing.capture_targets import capture_targets
from tests.fuzzing.law import Target, attack
from tests.fuzzing.picture_targets import picture_targets
from tests.fuzzing.run_targets import page_targets, run_targets

CASES, MANY_CASES, FIRST = 270, 25_000, 1_000_000
"""Of each kind: here, and where the machine is to be tortured, with other numbers."""
GUIDED_CASES = 10_000
"""Of each file that is not a picture, where atheris looks for cases."""
GROUPS = [capture_targets, picture_targets, run_targets, page_targets]

Group = Callable[[Path], Iterator[Target]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of files would wait for the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as path:
        yield Path(path)


def attacked(group: Group, folder: Path, cases: int, first: int) -> tuple[int, int]:
    """How many cases were run, and how many of them refused."""
    run, refused = 0, 0
    for target in list(group(folder)):
        count = max(1, round(cases * target.share))
        found = attack(target, count, first)
        # A reader that refuses everything, or nothing, shows that its cases are none.
        assert 0 < found < count, f"{found} of {count} cases of {target.name} are refused"
        run, refused = run + count, refused + found
    return run, refused


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_a_spoilt_file_is_read_or_refused_and_nothing_else_happens(group: Group, folder: Path) -> None:
    attacked(group, folder, CASES, first=0)


def test_there_are_ten_thousand_cases(folder: Path) -> None:
    quick = [target for group in GROUPS for target in group(folder / group.__name__) if target.share == 1]
    assert CASES * len(quick) >= 10_000


@pytest.mark.torture
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_a_million_spoilt_files(group: Group, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = int(os.environ.get("RAYLOOM_FUZZ_CASES", MANY_CASES))
    run, refused = attacked(group, folder, cases, int(os.environ.get("RAYLOOM_FUZZ_FIRST", FIRST)))
    with capsys.disabled():
        print(f"\n{group.__name__}: {run} cases, {refused} refused, others read; faults: 0")


@pytest.mark.torture
def test_cases_that_lead_to_new_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(
        "atheris", reason="atheris is not installed; it has wheels for some versions of Python"
    )
    groups = (capture_targets, run_targets)
    targets = [target for group in groups for target in group(folder / group.__name__)]
    names = [target.name for target in targets if target.file is not None]
    for name in names:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            command = [sys.executable, "-m", "tests.fuzzing.guided", name, scratch, str(GUIDED_CASES)]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr[-3000:]
    with capsys.disabled():
        print(f"\n{len(names)} files: {len(names) * GUIDED_CASES} cases that atheris chose; faults: 0")
