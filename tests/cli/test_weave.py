"""`rayloom weave`: what it makes, what it does not make twice, and what it refuses."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from rayloom.baking import fitting
from rayloom.cli import weave
from rayloom.cli.main import run
from rayloom.metrics import scores
from rayloom.sfm import process as sfm
from rayloom.sfm.report import Report
from tests.cli.answers import SCORES, json_of, refusal
from tests.html_reader import Reader

BALL = str(Path(__file__).with_name("known_ball.py"))
OPTIONS = ["--steps", "2", "--frames", "3", "--device", "cpu"]
PHOTOS = Report(10, 9, [9], 0.4, 100, 3.0, [], warnings=["One photo is dark."])


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """A method that is trained at once, pages of few voxels, and no networks to score with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "load_lpips", lambda name: None)
        patch.setattr(weave, "METHOD", BALL)
        patch.setattr(fitting, "PILOT", 16)
        patch.setattr(fitting, "FINEST", {"object": 24})
        yield


@pytest.fixture(scope="module")
def woven(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all is done."""
    out = tmp_path_factory.mktemp("weave") / "out"
    assert run(["weave", str(capture), "--out", str(out), *OPTIONS, "--quiet"]) == 0
    return out


@pytest.fixture
def copy(woven: Path, tmp_path: Path) -> Path:
    """A copy of it, to take things away from."""
    return Path(shutil.copytree(woven, tmp_path / "out"))


def again(capture: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a weave says that finds things done."""
    capsys.readouterr()
    assert run(["weave", str(capture), "--out", str(out), *OPTIONS]) == 0
    return capsys.readouterr().err


def times(out: Path) -> dict[Path, int]:
    """When each file below was written, less the page about them."""
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.parent != out}


def test_the_page_shows_and_links_what_was_made(capture: Path, woven: Path) -> None:
    seen = Reader((woven / "index.html").read_text())
    addresses = [unquote(address) for address in seen.addresses()]
    assert all((woven / address).exists() for address in addresses)
    assert {"scene.html", "film/film.mp4", "film/film_depth.mp4", "run"} <= set(addresses)
    assert sum(address.startswith("run/eval/view_") for address in addresses) == 2
    assert "run/eval/training.png" in addresses
    text = " ".join(seen.text)
    for part in (capture.name, "10", "views held out", "test/r_0.png", "2 steps", "where the field has"):
        assert part in text


def test_what_is_done_is_not_done_again(
    capture: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = times(copy)
    said = again(capture, copy, capsys)
    assert times(copy) == before
    for words in ("training: done before", "scores: measured before", "web page: baked", "film: made before"):
        assert words in said
    result = json_of(["weave", str(capture), "--out", str(copy), *OPTIONS, "--quiet"], capsys)
    assert isinstance(result, dict)
    assert set(result) == {"index", "run", "page", "psnr", "videos", "eval"}
    assert set(result["eval"]["mean"]) == SCORES
    assert result["psnr"]["field"] == pytest.approx(result["eval"]["mean"]["psnr"])
    assert abs(result["psnr"]["page"] - result["psnr"]["field"]) < 3


def test_scores_that_cannot_be_read_are_told_by_name(
    capture: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy / "run" / "eval" / "eval.json"
    for text, problem in (("{", "broken JSON"), ('{"mean": []}', "expected object, found array")):
        file.write_text(text)
        capsys.readouterr()
        assert run(["weave", str(capture), "--out", str(copy), *OPTIONS, "--quiet"]) == 2
        assert f"error: {file}" in (said := capsys.readouterr().err)
        assert problem in said


def test_a_killed_weave_goes_on(capture: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, first = copy / "run" / "weights.safetensors", copy / "film" / "rgb" / "0000.png"
    for path in (
        copy / "run" / "eval" / "eval.json",
        copy / "film" / "film_opacity.mp4",
        copy / "index.html",
    ):
        path.unlink()
    (copy / "film" / "opacity" / "0002.png").unlink()
    (copy / "film" / "rgb" / ".0002.part1.png").write_text("half a picture")
    before = times(copy)
    said = again(capture, copy, capsys)
    after = times(copy)
    assert "view 2 of 2" in said
    assert (after[weights], after[first]) == (before[weights], before[first])
    assert after[copy / "film" / "rgb" / "0002.png"] > before[copy / "film" / "rgb" / "0002.png"]
    assert (copy / "film" / "film_opacity.mp4").is_file()
    assert (copy / "index.html").is_file()


def test_a_training_that_was_ended_goes_on(
    capture: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = copy / "run" / "metrics.jsonl"
    cut = json.loads(records.read_text().splitlines()[-1]) | {"fraction": 0.5}
    records.write_text(json.dumps(cut) + "\n" + '{"step": 3, "half a li')
    assert ", from step 2" in again(capture, copy, capsys)
    shutil.rmtree(copy / "run" / "checkpoints")
    (copy / "run" / "weights.safetensors").unlink()
    assert "from step" not in again(capture, copy, capsys)
    assert (copy / "run" / "weights.safetensors").is_file()


def test_ctrl_c_ends_it_at_any_stage(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pressed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    args = ["weave", str(capture), "--out", str(tmp_path / "out"), *OPTIONS, "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr(weave, "bake_run", pressed)
        assert run(args) == 130
    assert not (tmp_path / "out" / "index.html").exists()
    assert "training: done before" in again(capture, tmp_path / "out", capsys)


def test_cameras_of_bare_photos_are_found_first(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = tmp_path / "holiday & <b>", tmp_path / "out"
    shutil.copytree(capture / "train", photos)

    def quick(source: Path, folder: Path, config: object, on_progress: object) -> Report:
        assert source == photos
        if not folder.exists():
            shutil.copytree(capture, folder)
            (folder / "report.html").write_text("")
        return PHOTOS

    monkeypatch.setattr(sfm, "process", quick)
    for _ in range(2):
        assert run(["weave", str(photos), "--out", str(out), *OPTIONS, "--quiet"]) == 0
    config = json.loads((out / "run" / "config.json").read_text())
    assert config["data"] == str((out / "process").resolve())
    seen = Reader((out / "index.html").read_text())
    assert "holiday & <b>" in seen.text
    assert "process/report.html" in seen.addresses()
    assert any("cameras of 9 of 10 photos" in text for text in seen.text)


def test_bad_input_is_told_in_one_line(
    capture: Path, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    for args, words in (
        ([tmp_path / "nowhere", "--out", new], "no such file"),
        ([capture, "--out", new, "--frames", "0"], "--frames: is 0; expected"),
        ([capture, "--out", new, "--max-mb", "nan"], "--max-mb: is nan; expected"),
        ([capture, "--out", new, "--path", "zigzag"], "--path: is 'zigzag'; expected one of orbit"),
        ([capture, "--out", new, "--path", "gone.json"], "--path: is gone.json; expected a file"),
        ([capture, "--out", capture], "exists and is not empty"),
        ([capture, "--out", copy, *OPTIONS, "--seed", "3"], "weave.json says train = "),
        ([tmp_path, "--out", copy, *OPTIONS], "weave.json says photos = "),
    ):
        assert words in refusal(["weave", *args, "--quiet"], capsys)
        assert not new.exists()
    (copy / "weave.json").write_text("{")
    assert "weave.json: is damaged" in refusal(["weave", capture, "--out", copy, *OPTIONS], capsys)
