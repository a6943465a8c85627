"""Help, listings and refusals: what every command does alike."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from rayloom.cli.main import COMMANDS, run
from tests.cli.answers import refusal
from tests.cli.conftest import HAZE


def test_the_first_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from rayloom.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    seconds, said = [], None
    for _ in range(3):
        began = time.perf_counter()
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
    assert said is not None
    assert min(seconds) < 0.5
    assert all(command in said.stdout for command in COMMANDS)
    assert not {"torch", "tyro", "numpy", "rich"} & set(said.stderr.split())


def test_no_help_and_no_listing_imports_torch() -> None:
    code = f"""
import sys
from rayloom.cli.main import COMMANDS, run
for words in (*COMMANDS, "train nerf@small", "train {HAZE}"):
    try:
        run([*words.split(), "--help"])
    except SystemExit as end:
        assert end.code == 0, words
assert run(["methods", "--json"]) == 0
assert run(["claims"]) == 0
assert "torch" not in sys.modules
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_a_command_or_option_that_does_not_exist_ends_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown; expected one of weave, process" in refusal(["tran"], capsys)
    with pytest.raises(SystemExit) as end:
        run(["methods", "--jsn"])
    assert end.value.code == 2


def test_bad_input_is_told_in_one_line(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in refusal(["inspect", tmp_path / "nowhere"], capsys)
    assert "did you mean 'nerf'" in refusal(["train", "nefr", "--data", capture], capsys)
    assert "expected default, small" in refusal(["train", "nerf@huge", "--data", capture], capsys)
    assert "is not a run folder" in refusal(["eval", tmp_path], capsys)
    assert "is not a run folder" in refusal(["render", capture], capsys)
    assert not (tmp_path / "outputs").exists()


def test_options_that_contradict_each_other_are_refused(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "were given without --run" in refusal(["claims", "--record"], capsys)
    assert "both were given" in refusal(["train", "--data", capture, "--steps", 1, "--seconds=1"], capsys)
    assert "--frames: is 0" in refusal(["render", "run", "--frames", 0], capsys)
    assert "--path: is 'zigzag'" in refusal(["render", "run", "--path", "zigzag"], capsys)
