"""What claims measure of methods that learn their cameras."""

import pytest

from rayloom.claims.experiments import held_out_psnr, pose_errors
from rayloom.data.disturbance import noisy_poses
from rayloom.training.evaluate import evaluate
from tests.training.painted_plane import learned_plane, plane, plane_scene, similarity

SPLIT = ("test", *("train",) * 6, "test")


def test_held_out_psnr_of_learned_cameras_is_that_of_an_evaluation():
    scene = plane_scene(SPLIT)
    method = learned_plane(scene, similarity(), twist_sd=0.01)
    found = held_out_psnr(method, scene)
    assert found > 30
    assert found == pytest.approx(evaluate(method, scene, quick=True)["mean"]["psnr"])


def test_held_out_psnr_of_given_cameras_needs_no_alignment():
    scene = plane_scene(SPLIT)
    assert held_out_psnr(plane(scene), scene) > 55
    # Only training poses are disturbed, and these are not looked at.
    assert held_out_psnr(plane(scene), noisy_poses(scene, 0.2, 0.2, seed=0)) > 55


def test_pose_errors_are_taken_against_the_true_scene():
    scene = plane_scene(SPLIT)
    method = learned_plane(scene, similarity())
    assert pose_errors(method, scene).median_rotation_deg < 1e-3
    assert pose_errors(method, noisy_poses(scene, 0.2, 0.0, seed=0)).median_rotation_deg > 3
    with pytest.raises(AssertionError, match="PaintedPlane learns cameras"):
        pose_errors(plane(scene), scene)
