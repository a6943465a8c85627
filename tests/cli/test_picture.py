from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayloom.cli.main import run
from rayloom.data.synthetic.signals import pattern
from tests.cli.answers import json_of, refusal

SIZE = 24


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture file on its own."""
    file = tmp_path_factory.mktemp("pictures") / "stripes.png"
    Image.fromarray(np.rint(255 * pattern(SIZE)[: SIZE // 2]).astype(np.uint8)).save(file)
    return file


@pytest.fixture(scope="module")
def picture_run(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt it."""
    out = tmp_path_factory.mktemp("runs") / "siren"
    args = ["train", "siren@tiny", "--data", str(photo), "--steps", "30", "--out", str(out)]
    assert run([*args, "--no-eval", "--quiet", "--device", "cpu"]) == 0
    return out


def test_a_run_of_a_picture_is_scored_on_pixels_held_out(
    picture_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json_of(["eval", str(picture_run), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert result["protocol"]["split"] == "test"
    assert [view["name"] for view in result["views"]] == ["held-out/stripes.png"]
    assert result["mean"]["psnr"] > 5


@pytest.mark.parametrize(
    ("asked", "size"),
    [([], (SIZE, SIZE // 2)), (["--width", "50"], (50, 25)), (["--height", "36", "--scale", "2"], (36, 18))],
)
def test_a_picture_is_drawn_at_any_size(
    picture_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    asked: list[str],
    size: tuple[int, int],
) -> None:
    out = tmp_path / "drawn.png"
    result = json_of(["render", str(picture_run), *asked, "--out", str(out), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert result["picture"] == str(out)
    with Image.open(out) as drawn:
        assert drawn.size == size


def test_a_picture_is_drawn_into_the_next_free_folder_and_over_no_file(
    picture_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json_of(["render", str(picture_run), "--quiet"], capsys)
    assert isinstance(result, dict)
    assert Path(result["picture"]).is_relative_to(picture_run / "render" / "picture")
    assert "exists; expected a new file" in refusal(
        ["render", str(picture_run), "--out", result["picture"]], capsys
    )


def test_methods_of_scenes_refuse_a_picture_and_name_those_that_learn_one(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, name in (([], "loom"), (["nerf"], "nerf")):
        said = refusal(["train", *words, "--data", str(photo), "--out", str(tmp_path / "run")], capsys)
        assert f"stripes.png: is a single picture, and {name} learns a scene from many" in said
        assert "expected a folder of photos, or one of the methods fourier-features, siren" in said
    assert not (tmp_path / "run").exists()


def test_a_run_of_a_picture_is_no_scene(
    picture_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(["export", str(picture_run), "mesh", "--out", str(tmp_path / "mesh.ply")], capsys)
    assert "is the run of a single picture, which is flat; expected that of a scene" in said
