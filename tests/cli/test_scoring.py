"""A run with several scales, trained, kept and scored."""

import json
from pathlib import Path

import pytest

from rayloom.cli.main import run
from rayloom.cli.scoring import print_scores
from rayloom.training.evaluate import evaluate
from rayloom.training.runs import read_config
from tests.cli.answers import SCORES, json_of
from tests.cli.conftest import HAZE
from tests.training.painted_plane import learned_plane, plane, plane_scene, similarity


@pytest.fixture(scope="module")
def multiscale(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run at three scales, trained and not scored."""
    out = tmp_path_factory.mktemp("runs") / "multiscale"
    args = ["train", f"{HAZE}@tiny", "--data", str(capture), "--steps", "2", "--num-scales", "3"]
    assert run([*args, "--out", str(out), "--no-eval", "--quiet"]) == 0
    return out


def test_a_run_is_scored_at_the_scales_it_was_trained_at(
    multiscale: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_config(multiscale).data_config.num_scales == 3
    result = json_of(["eval", str(multiscale), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert result["protocol"]["scales"] == ["1", "1/2", "1/4"]
    assert result["protocol"]["resolution"] == [[4, 4], [8, 8], [16, 16]]
    assert list(result["scales"]) == ["1", "1/2", "1/4"]
    assert all(set(scores) == SCORES for scores in result["scales"].values())
    psnr = [scores["psnr"] for scores in result["scales"].values()]
    assert result["mean"]["psnr"] == pytest.approx(sum(psnr) / 3)
    assert json.loads((multiscale / "eval" / "eval.json").read_text()) == result


def test_scales_are_printed_as_a_table(multiscale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(multiscale)]) == 0
    said = capsys.readouterr()
    first, header, *rows = said.out.splitlines()
    assert first.startswith("2 test views at 3 scales: PSNR ")
    titles = ["scale", "PSNR", "SSIM", "LPIPS alex", "vgg", "PSNR shifted", "E_warp", "gradients"]
    assert header.split() == " ".join(titles).split()
    assert [row.split()[0] for row in rows] == ["1", "1/2", "1/4"]
    assert "view 3 of 6, test/r_0.png at 1/2: " in said.err


def test_render_films_the_photos_views_at_full_size(multiscale: Path, tmp_path: Path) -> None:
    out = tmp_path / "film"
    for path in ("test", "interpolate"):
        args = ["render", str(multiscale), "--path", path, "--frames", "4", "--out", str(out / path)]
        assert run([*args, "--quiet"]) == 0
    assert len(list((out / "test" / "rgb").glob("*.png"))) == 2


def test_errors_of_learned_cameras_are_printed_where_there_are_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene = plane_scene(("test", *("train",) * 6))
    print_scores(evaluate(plane(scene), scene, quick=True))
    assert len(capsys.readouterr().out.splitlines()) == 1
    method = learned_plane(scene, similarity(), twist_sd=0.02)
    result = evaluate(method, scene, quick=True, pose_refinement_steps=0)
    print_scores(result)
    assert result["poses"] is not None
    _, said = capsys.readouterr().out.splitlines()
    turn, move = result["poses"]["median_rotation_deg"], result["poses"]["median_translation"]
    assert (
        said == f"learned cameras: {turn:.3g} degrees and {move:.3g} units from the given ones, in the median"
    )
