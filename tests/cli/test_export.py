"""`rayloom export`: which form is meant, and what all forms refuse."""

from pathlib import Path

import pytest

from rayloom.cli.export import FORMS, split_form
from rayloom.cli.main import run
from tests.cli.answers import refusal
from tests.cli.conftest import Trained


@pytest.mark.parametrize(
    ("args", "form", "rest"),
    [
        (["run", "mesh"], "mesh", ["run"]),
        (["web", "web", "--json"], "web", ["web", "--json"]),
        (["--out", "mesh", "--json", "run", "points"], "points", ["--out", "mesh", "--json", "run"]),
        (["run", "--out=mesh", "web"], "web", ["run", "--out=mesh"]),
        (["run"], None, ["run"]),
        (["--help"], None, ["--help"]),
    ],
)
def test_the_second_word_is_the_form(args: list[str], form: str | None, rest: list[str]):
    assert split_form(args) == (form, rest)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run", "vhs"], "form: is 'vhs'; expected one of web, mesh, points, cameras"),
        (["run", "web", "--out", "scene.glb"], "expected a FILE.html"),
        (["run", "web", "--max-mb", "0"], "expected a positive number"),
        (["run", "web", "--resolution", "4"], "expected 16 to 2048"),
        (["run", "mesh", "--out", "scene.html"], "expected a FILE.glb or FILE.obj or FILE.ply"),
        (["run", "mesh", "--out", "a.ply", "--color", "texture"], "expected a FILE.glb or FILE.obj"),
        (["run", "mesh", "--resolution", "4"], "expected 8 to 2048"),
        (["run", "mesh", "--smoothing", "9"], "--smoothing: is 9.0; expected 0 to 8 cells"),
        (["run", "mesh", "--texture-size", "4"], "expected 64 to 16384"),
        (["run", "mesh", "--level", "-1"], "--level: is -1.0; expected a positive number"),
        (["run", "points", "--out", "points.xyz"], "expected a FILE.ply"),
        (["run", "points", "--opacity", "2"], "expected a number above 0, at most 1"),
        (["run", "points", "--points", "0"], "--points: is 0; expected a positive number"),
        *(([("/nowhere/at/all"), form], "is not a run folder") for form in FORMS),
    ],
)
def test_what_makes_no_sense_is_refused(args: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    assert words in refusal(["export", *args], capsys)


@pytest.mark.parametrize(("form", "ending"), [("web", ".html"), ("mesh", ".glb"), ("points", ".ply")])
def test_a_path_that_cannot_be_written_is_refused_at_once(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, ending: str
):
    (tmp_path / "file").write_text("")
    (tmp_path / f"folder{ending}").mkdir()
    for out in (tmp_path / "file" / f"scene{ending}", tmp_path / f"folder{ending}"):
        said = refusal(["export", trained.run, form, "--out", out], capsys)
        assert "cannot be written" in said


@pytest.mark.parametrize("args", [["--help"], *(["run", form, "--help"] for form in FORMS)])
def test_each_form_tells_its_own_options(args: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        run(["export", *args])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert ("--max-mb" in said) == ("web" in args)
    assert ("--faces" in said) == ("mesh" in args)
    assert ("--opacity" in said) == ("points" in args)
    assert ("--format" in said) == ("cameras" in args)
