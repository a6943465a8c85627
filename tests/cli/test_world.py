from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from rayloom.cli.world import Kind, Movement
from rayloom.data.formats.detect import read_capture
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig
from tests.cli.answers import json_of, refusal


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_world_can_be_photographed(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "world"
    said = json_of(["world", "--out", str(out), "--kind", kind, "--views", "2", "--size", "8"], capsys)
    assert isinstance(said, dict)
    report = json_of(["inspect", str(out)], capsys)
    assert isinstance(report, dict)
    assert (report["format"], report["images"], report["resolution"]) == (said["format"], 2, [8, 8])
    assert "exists and is not empty" in refusal(["world", "--out", out], capsys)


def test_what_moves_can_be_chosen_and_gives_photos_their_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = set()
    for motion in get_args(Movement):
        out = tmp_path / motion
        json_of(["world", "--out", str(out), "--motion", motion, "--views", "3", "--size", "8"], capsys)
        frames = read_capture(out, DataConfig()).frames
        assert sorted(frame.time for frame in frames) == [0, 0.5, 1]
        photos.add(Path(str(frames[-1].image)).read_bytes())
    assert len(photos) == 3
    args = ["world", "--out", tmp_path / "no", "--kind", "room", "--motion", "spin"]
    assert "--motion: does not go with --kind room" in refusal(args, capsys)


def test_photos_may_be_tinted_occluded_and_labelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = ["--views", "9", "--size", "16", "--kind", "room"]
    faults = ["--tint", "0.3", "--occluders", "1", "--labels", "--labelled", "0.5"]
    scenes = []
    for name, more in (("clean", ["--labels"]), ("wild", faults)):
        json_of(["world", "--out", str(tmp_path / name), *size, *more], capsys)
        scenes.append(load_scene(tmp_path / name, DataConfig()))
    clean, wild = scenes
    for i in range(9):
        alike = np.array_equal(clean.images[i], wild.images[i]) and np.array_equal(
            clean.labels[i], wild.labels[i]
        )
        assert alike == (clean.split[i] == "test")
    assert np.mean([(wild.labels[i] == -1).mean() for i in wild.indices("train")]) == pytest.approx(
        0.5, abs=0.05
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--occluders", "1.5"], "--occluders: is 1.5; expected a share from 0 to 1"),
        (["--tint", "-1"], "--tint: is -1.0; expected a number of at least 0"),
        (["--wrong-labels", "2"], "--wrong-labels: is 2.0; expected a share"),
        (["--labels", "--format", "llff"], "--labels: do not go with --format llff"),
    ],
)
def test_faults_that_cannot_be_are_refused(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refusal(["world", "--out", tmp_path / "world", *options], capsys)
