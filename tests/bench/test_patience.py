from dataclasses import replace
from pathlib import Path

import pytest

from rayloom.bench.goals import patience_goal
from rayloom.bench.patience import measure_patience
from rayloom.bench.rows import Bar
from rayloom.bench.training import Trained
from rayloom.data.scene import Scene
from tests.bench.conftest import TINY


def test_the_loss_is_what_the_longer_training_gained(trained: Trained):
    report = measure_patience(trained, 2.0, TINY)
    assert report.word == f"patience-{trained.scene.root.name}"
    short, long, lost, *frame = report.rows
    assert short.value is not None
    assert long.value is not None
    assert lost.value == pytest.approx(long.value - short.value)
    assert [row.name.split(" after ")[0] for row in (short, long)] == ["held-out PSNR"] * 2
    assert frame[0].name == "24 x 24, fused"
    assert [curve.name for curve in report.curves] == ["short", "long"]
    assert [len(curve.points) > 0 for curve in report.curves] == [True, True]


@pytest.mark.parametrize(
    ("name", "seconds", "bar"),
    [("fox", 900.0, Bar("value", 0.4)), ("fox", 600.0, None), ("blender_chair_400", 900.0, None)],
)
def test_what_is_asked_holds_for_some_captures_and_a_quarter_of_an_hour(
    scene: Scene, name: str, seconds: float, bar: Bar | None
):
    assert patience_goal(replace(scene, root=Path(name)), seconds) == bar
