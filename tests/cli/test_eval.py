import json

import pytest

from rayloom.cli.main import run
from tests.cli.answers import SCORES, json_of
from tests.cli.conftest import Trained


def test_eval_of_a_run_gives_the_scores_that_training_gave(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json_of(["eval", str(trained.run), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert set(result) == {"protocol", "mean", "scales", "views"}
    assert set(result["views"][0]) == {"name"} | SCORES
    assert result["mean"]["psnr"] == pytest.approx(
        json.loads(trained.said.stdout)["eval"]["mean"]["psnr"], abs=1e-3
    )
    assert run(["eval", str(trained.run), "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("2 test views: PSNR ")
