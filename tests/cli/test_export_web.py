"""`rayloom export RUN web`: a page, and pages in place of runs."""

from pathlib import Path

import pytest
import torch

from rayloom.baking.files import page, write_page
from rayloom.cli import export_web
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig
from tests.baking.shining_ball import SCENES, BallConfig, ShiningBall, baked_voxels, origin_of
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import Trained


def test_a_method_that_cannot_be_baked_is_named(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scene.html"
    said = refusal(["export", trained.run, "web", "--out", out, "--quiet"], capsys)
    assert "HazeNeRF: cannot be baked" in said
    assert not out.exists()


def test_a_page_is_made_and_compared_with_its_field(
    capture: Path,
    trained: Trained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = load_scene(capture, DataConfig())
    method = ShiningBall(BallConfig(), scene.info)
    monkeypatch.setattr(export_web, "open_run", lambda *_: (method, scene))
    out = tmp_path / "new" / "scene.html"
    args = ["export", str(trained.run), "web", "--resolution", "24", "--out", str(out)]
    result = json_of(args, capsys)
    assert isinstance(result, dict)
    assert result["megabytes"] == pytest.approx(out.stat().st_size / 1e6)
    assert result["resolution"] == 24
    assert abs(result["psnr"]["field"] - result["psnr"]["page"]) < 1
    assert not (trained.run / "bake").exists()


def test_a_page_is_scored_and_filmed_like_a_run(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = load_scene(capture, DataConfig())
    file = tmp_path / "scene.html"
    origin = origin_of(scene.info, torch.from_numpy(scene.raw_from_world))
    write_page(page(baked_voxels(tmp_path / "parts", resolution=32), origin, "ball"), file)
    result = json_of(["eval", str(file), "--data", str(capture), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert result["protocol"]["num_views"] == 2
    assert (tmp_path / "scene" / "eval" / "eval.json").is_file()
    args = ["render", str(file), "--data", str(capture), "--frames", "2", "--quiet"]
    assert json_of(args, capsys)["frames"] == 2  # pyright: ignore[reportIndexIssue]
    assert "expected --data CAPTURE" in refusal(["eval", file], capsys)
    assert SCENES["object"].kind == scene.info.kind
