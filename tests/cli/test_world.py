from pathlib import Path
from typing import get_args

import pytest

from rayloom.cli.world import Kind
from tests.cli.answers import json_of, refusal


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_world_can_be_photographed(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "world"
    said = json_of(["world", "--out", str(out), "--kind", kind, "--views", "2", "--size", "8"], capsys)
    assert isinstance(said, dict)
    report = json_of(["inspect", str(out)], capsys)
    assert isinstance(report, dict)
    assert (report["format"], report["images"], report["resolution"]) == (said["format"], 2, [8, 8])
    assert "exists and is not empty" in refusal(["world", "--out", out], capsys)
