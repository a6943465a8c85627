"""`rayloom export RUN points`, from the words to the file."""

from pathlib import Path

import numpy as np
import pytest

from rayloom.cli import export_points
from rayloom.data.formats.ply import read_points
from tests.cli.answers import json_of
from tests.export.known_fields import CENTER, RADIUS, ball_world, field_of, photographed, scene_of


def test_points_lie_on_the_surface_in_the_frame_of_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    scene = scene_of(photographed(ball_world()).capture)
    monkeypatch.setattr(export_points, "open_run", lambda *_: (field_of(ball_world(), scene), scene))
    args = ["export", "run", "points", "--out", str(tmp_path / "ball.ply"), "--points", "200"]
    assert json_of(args, capsys)["points"] == 200  # pyright: ignore[reportIndexIssue, reportArgumentType, reportCallIssue]
    points = read_points(tmp_path / "ball.ply")
    np.testing.assert_allclose(np.linalg.norm(points - np.array(CENTER), axis=-1), RADIUS, atol=1e-3)
