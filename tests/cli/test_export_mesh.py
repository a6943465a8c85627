"""`rayloom export RUN mesh`, from the words to the file."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from rayloom.cli import export_mesh
from rayloom.cli.main import run
from rayloom.export import mesh as meshes
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import Trained
from tests.export.known_fields import CENTER, RADIUS, ball_world, field_of, photographed, scene_of


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose field is a ball."""
    scene = scene_of(photographed(ball_world()).capture)
    monkeypatch.setattr(export_mesh, "open_run", lambda *_: (field_of(ball_world(), scene), scene))


def test_a_mesh_lies_in_the_frame_that_is_asked_for(
    opened: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sizes = {}
    for frame in ("input", "training"):
        out = tmp_path / frame / "ball.glb"
        args = ["export", "run", "mesh", "--out", str(out), "--resolution", "32", "--frame", frame]
        result = json_of(args, capsys)
        assert isinstance(result, dict)
        assert (result["parts"], result["watertight"], result["frame"]) == (1, True, frame)
        sizes[frame] = np.asarray(trimesh.load(out).bounds)
    np.testing.assert_allclose(sizes["input"], np.add(CENTER, [[-RADIUS], [RADIUS]]), atol=0.02)
    assert np.abs(sizes["training"].mean(0)).max() < 0.1


def test_a_line_says_what_the_mesh_is_like(opened: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "ball.ply"
    assert run(["export", "run", "mesh", "--out", str(out), "--resolution", "32", "--color", "none"]) == 0
    said = capsys.readouterr()
    assert "faces in 1 part, watertight; level" in said.out
    assert "looking for the surface: 100%" in said.err


def test_an_untrained_run_is_refused_in_one_sentence(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    said = refusal(["export", trained.run, "mesh", "--out", tmp_path / "a.glb", "--quiet"], capsys)
    assert "the field: is empty" in said or "HazeNeRF: has no mesh" in said
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_named(
    opened: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(meshes, "PACKAGES", ("scipy", "no_such_package"))
    said = refusal(["export", "run", "mesh", "--out", tmp_path / "a.glb"], capsys)
    assert "needs no_such_package; expected `pip install 'rayloom[mesh]'`" in said
