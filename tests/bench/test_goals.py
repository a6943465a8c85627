from dataclasses import replace
from pathlib import Path

import pytest

from rayloom.bench.goals import frame_goal, psnr_goal
from rayloom.bench.rows import Row
from rayloom.data.scene import Scene


def test_goals_are_known_by_capture_time_and_size(scene: Scene):
    chair, other = (replace(scene, root=Path("anywhere") / name) for name in ("blender_chair_400", "other"))
    goal = psnr_goal(chair, 30.2)
    assert goal is not None
    assert [Row("psnr", value, "dB", bar=goal).met for value in (32.4, 32.6)] == [False, True]
    assert psnr_goal(chair, 45.0) is None
    assert psnr_goal(other, 30.0) is None
    frame = frame_goal(chair, 400, 400)
    assert frame is not None
    assert [Row("s", t, "s", bar=frame, better="lower").met for t in (0.19, 0.21)] == [True, False]
    assert frame_goal(chair, 400, 401) is None


@pytest.mark.parametrize("seconds", [60.0, 300.0])
def test_more_time_must_give_more(scene: Scene, seconds: float):
    chair = replace(scene, root=Path("blender_chair_400"))
    first, later = psnr_goal(chair, 30.0), psnr_goal(chair, seconds)
    assert first is not None
    assert later is not None
    assert later.threshold > first.threshold
