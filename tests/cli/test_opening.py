"""A run folder that does not fit is refused."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.answers import refusal
from tests.cli.conftest import Trained


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("version", "0.0.1", "the run was made by rayloom 0.0.1"),
        ("method", "nefr", "unknown; did you mean 'nerf'?"),
        ("method", "nerf", "unknown key haze_prior"),
        ("method_config", {}, "missing key clear_view"),
        ("data", "/nowhere/at/all", "/nowhere/at/all"),
        ("raw_from_world", [[2.0, 0.0, 0.0, 0.0]] * 4, "has changed since the run"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, value: object, words: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained.run, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {key: value}))
    assert words in refusal(["eval", copy], capsys)


def test_a_broken_config_or_other_weights_are_refused(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained.run, copy)
    text = (copy / "config.json").read_text()
    (copy / "config.json").write_text(text.replace('"width": 32', '"width": 16'))
    assert "does not fit the method" in refusal(["eval", copy], capsys)
    (copy / "config.json").write_text(text[:-40])
    assert "config.json: not valid JSON" in refusal(["eval", copy], capsys)
