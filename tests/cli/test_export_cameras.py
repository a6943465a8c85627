"""`rayloom export RUN cameras`, from the words to the folder."""

from pathlib import Path

import numpy as np
import pytest

from rayloom.data.formats.detect import read_capture
from rayloom.data.scene import DataConfig
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import Trained


def test_a_run_gives_its_cameras_back(
    capture: Path, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "cameras"
    result = json_of(["export", str(trained.run), "cameras", "--out", str(out)], capsys)
    assert isinstance(result, dict)
    assert (result["cameras"], result["learned"], result["format"]) == (10, False, "transforms")
    given = {frame.name: frame.raw_from_camera for frame in read_capture(capture, DataConfig()).frames}
    read = read_capture(out, DataConfig())
    assert len(read.frames) == 10
    for frame in read.frames:
        name = frame.name.removeprefix("images/")
        np.testing.assert_allclose(frame.raw_from_camera, given[name], atol=1e-9)
    assert "expected a new or empty folder" in refusal(
        ["export", trained.run, "cameras", "--out", out], capsys
    )
