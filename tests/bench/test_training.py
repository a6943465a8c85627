from dataclasses import replace

import pytest

from rayloom.bench import training
from rayloom.bench.contenders import Speed
from rayloom.bench.rows import Row
from rayloom.bench.training import Trained, measure_training, outcome_rows, speed_rows, train_field
from rayloom.data.scene import Scene
from tests.bench.conftest import CPU, TINY

FORMS = ("fused", "composed", "composed, torch MLP", "composed, torch MLP, one pass", "torch")


def test_the_report_has_speed_quality_memory_start_and_scaling(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(training, "startup_rows", lambda device: [Row("kernels ready, cold", 1.0, "s")])
    report = measure_training(trained, TINY)
    names = [row.name for row in report.rows]
    assert [f"{form}: rays" in names for form in FORMS] == [True] * len(FORMS)
    assert {"end to end", "fused step", "peak memory", "kernels ready, cold"} <= set(names)
    assert [curve.name for curve in report.curves] == ["psnr", "threads", "table", "resolution", "photos"]
    shares = {row.name: row.share for row in report.rows if row.limited_by}
    assert all(share is not None and share > 0 for share in shares.values())


def test_bars_judge_the_ratios_of_the_forms():
    speeds = {name: Speed(100.0, 1000.0) for name in FORMS}
    speeds["composed, torch MLP, one pass"] = Speed(10.0, 500.0)
    speeds["composed"] = Speed(90.0, 700.0)
    judged = {row.name: (row.ratio, row.met) for row in speed_rows(speeds, CPU) if row.bar}
    assert judged == {
        "fused against composed with torch MLP, one pass: rays": (pytest.approx(10.0), True),
        "fused against composed with torch MLP, one pass: samples": (pytest.approx(2.0), False),
        "composed against fused: samples": (pytest.approx(0.7), True),
    }


def test_a_device_without_a_fused_step_says_so():
    first, *others = speed_rows({"composed": Speed(1.0, 1.0)}, CPU)
    assert first.value is None
    assert "no fused kernel" in first.note
    assert len(others) == 2


def test_quality_is_that_of_held_out_views_over_their_background(trained: Trained):
    row = outcome_rows(trained)[0]
    assert row.value == trained.psnr[-1][1]
    assert 5 < trained.psnr[-1][1] < 60
    assert row.note == "over background (1, 1, 1)"


def test_a_capture_that_holds_nothing_out_has_no_such_figure(scene: Scene):
    whole = train_field(replace(scene, split=("train",) * len(scene.names)), 0.05, CPU)
    row = outcome_rows(whole)[0]
    assert (row.value, row.note) == (None, "the capture holds no view out")
