"""The examples that need no data run, in seconds with small settings, and show what they are about."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

PROJECT = Path(__file__).resolve().parents[2]


def run(example: str, *options: object) -> dict[str, list[str]]:
    """The table that an example prints, by the first column."""
    command = [sys.executable, f"examples/{example}", *map(str, options)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.rsplit(maxsplit=2) for line in done.stdout.splitlines()]
    return {row[0]: row[1:] for row in rows if len(row) == 3}


def test_filtering_finds_shifts_in_one_dimension(tmp_path: Path):
    plot = tmp_path / "new" / "plot.png"
    rows = run("02_filtering_1d.py", "--signals", 20, "--steps", 100, "--out", plot)
    found = {name: int(rows[name][1].rstrip("%")) for name in ("no filter", "filter", "10 x as wide")}
    assert found["no filter"] < 30
    assert found["filter"] > 90
    assert found["10 x as wide"] < found["filter"]
    assert is_a_picture_of(plot, 2)


def test_homographies_are_found_in_two_dimensions(tmp_path: Path):
    plot = tmp_path / "plot.png"
    rows = run("03_homography_2d.py", "--size", 32, "--steps", 150, "--out", plot)
    error = {name: float(rows[name][0]) for name in ("tensor", "filtered tensor", "network")}
    assert error["filtered tensor"] < 0.25 * error["tensor"]
    assert is_a_picture_of(plot, 5)


def is_a_picture_of(path: Path, panels: int) -> bool:
    """Whether a plot is as wide as so many panels need, and not of one colour."""
    with Image.open(path) as image:
        return image.width > 200 * panels and image.convert("L").getextrema() != (255, 255)


@pytest.mark.parametrize("example", sorted(path.name for path in (PROJECT / "examples").glob("*.py")))
def test_an_example_explains_itself(example: str):
    done = subprocess.run(
        [sys.executable, f"examples/{example}", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--out" in done.stdout
