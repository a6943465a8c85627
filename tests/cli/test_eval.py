import json

import pytest

from rayloom.cli.eval import EvalOptions
from rayloom.cli.main import run
from rayloom.training.viewpoints import POSE_REFINEMENT_STEPS
from tests.cli.answers import SCORES, json_of, refusal
from tests.cli.conftest import Trained


def test_eval_of_a_run_gives_the_scores_that_training_gave(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json_of(["eval", str(trained.run), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert set(result) == {"protocol", "mean", "scales", "views", "poses"}
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
