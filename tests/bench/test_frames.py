import pytest

from rayloom.bench.contenders import still_copy
from rayloom.bench.frames import frame_rays, frame_rows, measure_rendering
from rayloom.bench.training import Trained
from rayloom.kernels import use_reference
from tests.bench.conftest import CPU, TINY


def test_each_size_is_rendered_both_ways_and_compared(trained: Trained):
    report = measure_rendering(trained.method, trained.scene, TINY)
    assert [row.name for row in report.rows] == [
        f"{size}, {what}"
        for size in ("12 x 8", "6 x 6", "24 x 24")
        for what in ("fused", "first sight", "composed", "largest difference")
    ]
    assert all(row.value is not None and row.value >= 0 for row in report.rows)
    # The two forms are equal up to rounding: this bar is no matter of speed.
    assert [row.met for row in report.rows if row.bar] == [True] * 3
    assert [x for x, _ in report.curves[0].points] == [36.0, 96.0, 576.0]


def test_without_a_fused_kernel_the_composed_picture_is_timed_alone(trained: Trained):
    with use_reference():
        method = still_copy(trained.method).eval()
        fused, composed = frame_rows(method, frame_rays(trained.scene, 5, 4, CPU), TINY)
    assert fused.value is None
    assert "no fused kernel" in fused.note
    assert composed.value is not None


def test_a_frame_sees_what_the_held_out_view_sees(trained: Trained):
    scene = trained.scene
    index = scene.indices("test")[0]
    rays = frame_rays(scene, 7, 3, CPU)
    assert rays.shape == (3, 7)
    assert rays.origins[0, 0].tolist() == pytest.approx(
        scene.world_from_camera[index][:, 3].tolist(), abs=1e-6
    )
