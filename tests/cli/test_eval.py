import json
from pathlib import Path

import pytest
import torch

from rayloom.baking.files import page, write_page
from rayloom.cli.eval import EvalOptions
from rayloom.cli.main import run
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig
from rayloom.training.viewpoints import POSE_REFINEMENT_STEPS
from tests.baking.shining_ball import baked_voxels, origin_of
from tests.cli.answers import SCORES, json_of, refusal
from tests.cli.conftest import Trained


def test_eval_of_a_run_gives_the_scores_that_training_gave(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json_of(["eval", str(trained.run), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert set(result) == {"protocol", "mean", "scales", "views", "labels", "poses"}
    assert set(result["views"][0]) == {"name"} | SCORES
    assert result["mean"]["psnr"] == pytest.approx(
        json.loads(trained.said.stdout)["eval"]["mean"]["psnr"], abs=1e-3
    )
    assert run(["eval", str(trained.run), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("2 test views: PSNR ")


def test_steps_that_refine_cameras_are_those_of_the_protocol_and_not_negative(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    assert EvalOptions(trained.run).pose_steps == POSE_REFINEMENT_STEPS
    said = refusal(["eval", trained.run, "--pose-steps", "-3"], capsys)
    assert said == "error: --pose-steps: is -3; expected 0 or more\n"


def test_a_run_and_a_page_are_held_against_each_other(
    capture: Path, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, page_file = load_scene(capture, DataConfig()), tmp_path / "scene.html"
    origin = origin_of(scene.info, torch.from_numpy(scene.raw_from_world))
    write_page(page(baked_voxels(tmp_path / "parts", resolution=24), origin, "ball"), page_file)
    # The run knows where the photos are.
    result = json_of(["eval", str(page_file), "--against", str(trained.run), "--quiet"], capsys)
    assert isinstance(result, dict)
    found = result["against"]
    assert set(found) == {"run", "first", "second", "between", "num_views"}
    assert found["first"] == pytest.approx(result["mean"]["psnr"], abs=1e-3)
    assert found["second"] == pytest.approx(json.loads(trained.said.stdout)["eval"]["mean"]["psnr"], abs=1e-3)
    assert found["between"] < 100
    assert run(["eval", str(trained.run), "--against", str(trained.run), "--quiet"]) == 0
    assert "0.00 dB lost; 100.00 dB between both" in capsys.readouterr().out
