import numpy as np

from rayloom.bench.scaling import noise, over_threads, scaling_curves
from rayloom.bench.training import Trained
from rayloom.data.scene import Scene
from rayloom.kernels import use_reference
from rayloom.kernels.threads import num_threads
from tests.bench.conftest import TINY


def test_every_curve_has_its_places_and_positive_figures(trained: Trained):
    curves = {curve.name: curve for curve in scaling_curves(trained.method, trained.scene, TINY)}
    assert list(curves) == ["threads", "table", "resolution", "photos"]
    assert [x for x, _ in curves["photos"].points] == [2.0, 4.0]
    assert [x for x, _ in curves["resolution"].points] == [64.0, 144.0]
    assert all(y > 0 for curve in curves.values() for _, y in curve.points)
    sizes = [x for x, _ in curves["table"].points]
    assert sizes[0] < sizes[1]


def test_threads_go_from_one_to_all(trained: Trained):
    counts = [x for x, _ in over_threads(trained.method, trained.scene, TINY).points]
    assert counts[0] == 1
    assert counts[-1] == min(num_threads(), 8)


def test_without_a_fused_step_there_are_no_curves(trained: Trained):
    with use_reference():
        assert scaling_curves(trained.method, trained.scene, TINY) == []


def test_photos_of_noise_are_taken_by_the_cameras_that_train(scene: Scene):
    made = noise(scene, 11, 5)
    train = scene.indices("train")
    assert len(made.images) == len(made.names) == len(made.intrinsics) == 11
    assert made.images[0].shape == (5, 5, scene.images[0].shape[2])
    assert (made.intrinsics[0].width, made.intrinsics[0].height) == (5, 5)
    expected = scene.world_from_camera[[train[i % len(train)] for i in range(11)]]
    assert np.array_equal(made.world_from_camera, expected)
    assert made.indices("train") == tuple(range(11))
