"""The long and the short way to put photos right, with the smallest settings."""

from pathlib import Path

from tests.examples.test_examples import is_a_picture_of, run


def test_photos_are_put_right_the_long_and_the_short_way(tmp_path: Path):
    plot = tmp_path / "plot.png"
    rows = run("04_iterative_alignment.py", "--size", 32, "--steps", 30, "--rounds", 1, "--out", plot)
    ways = ("as they are", "aligned 1x", "AligNeRF", "right photos")
    psnr, seconds = ({name: float(rows[name][i]) for name in ways} for i in (0, 1))
    assert all(5 < value < 40 for value in psnr.values())
    # A second training on top of the first.
    assert seconds["aligned 1x"] > seconds["as they are"]
    assert is_a_picture_of(plot, 5)
