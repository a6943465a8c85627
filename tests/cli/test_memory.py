import json
from pathlib import Path

import pytest

from rayloom.cli.main import run
from rayloom.cli.memory import LEAST_RAYS, fewer_rays_at_once
from rayloom.method import MethodConfig
from rayloom.training.rehearsal import MB, PictureNeeds
from rayloom.training.runs import read_config
from tests.cli.answers import json_of, refusal
from tests.cli.conftest import HAZE, Trained
from tests.training.painted_scenes import Gradient, make_scene


def train(capture: Path, out: Path, *more: object) -> list[str]:
    words = ["train", f"{HAZE}@tiny", "--data", capture, "--steps", 2, "--out", out, "--no-eval", *more]
    return [str(word) for word in words]


def test_the_estimate_is_told_and_kept_before_training(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(train(capture, tmp_path / "run", "--memory", 8)) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("memory: ")]
    kept = json.loads((tmp_path / "run" / "memory.json").read_text())
    assert kept["budget_gb"] == 8
    assert f"{kept['estimate_mb']['total']:.0f} MB: base" in line
    assert line.endswith("; 8 GB may be taken")
    assert read_config(tmp_path / "run").train_config.memory == 8


def test_without_a_budget_nothing_is_estimated(trained: Trained) -> None:
    assert "memory: " not in trained.said.stderr
    assert not (trained.run / "memory.json").exists()


def test_a_training_that_needs_too_much_is_refused_with_numbers(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = train(capture, tmp_path / "run", "--memory", 0.4, "--rays-per-step", 1 << 20, "--quiet")
    said = refusal(args, capsys)
    assert said.startswith("error: --memory: 0.4 GB is too little for ")
    assert "expected --memory " in said
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_less_than_the_libraries_take_is_refused(
    trained: Trained, capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for args in (train(capture, tmp_path / "run", "--memory", 0.1), ["eval", trained.run, "--memory", "0.1"]):
        assert "--memory: is 0.1; expected more than 0.3 GB" in refusal(args, capsys)


def test_evaluation_within_a_budget_gives_the_same_scores(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = json.loads(trained.said.stdout)["eval"]["mean"]
    found = json_of(["eval", str(trained.run), "--memory", "8", "--quiet"], capsys)
    assert isinstance(found, dict)
    assert found["mean"] == pytest.approx(expected, abs=1e-6)


def test_a_run_goes_on_within_the_budget_that_it_was_begun_with(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(train(capture, tmp_path / "run", "--memory", 8, "--quiet")) == 0
    capsys.readouterr()
    assert run(["train", "--resume", str(tmp_path / "run"), "--no-eval"]) == 0
    assert "; 8 GB may be taken" in capsys.readouterr().err


@pytest.mark.parametrize(("room_mb", "rays"), [(1000.0, 4096), (101.0, 1000), (0.5, LEAST_RAYS)])
def test_as_many_rays_at_once_as_there_is_room_for(room_mb: float, rays: int) -> None:
    method = Gradient(MethodConfig(rays_per_chunk=4096), make_scene(("train",)).info)
    needs = PictureNeeds(per_pixel=(MB - 68 * 100) / 100, per_ray=0.1 * MB)
    fewer_rays_at_once(method, needs, 100, room_mb)
    assert method.config.rays_per_chunk == pytest.approx(rays, abs=1)
