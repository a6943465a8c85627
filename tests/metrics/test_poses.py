"""Alignment of cameras and their errors: laws, known errors, and cameras that say little."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rayloom.geometry.transforms import apply, compose, se3_exp, so3_exp
from rayloom.metrics.poses import aligned, moved_poses, pose_errors, scale_of, similarity_between

close = torch.testing.assert_close
seeds = st.integers(0, 2**31)


def normals(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_poses(seed: int, num: int = 30) -> Tensor:
    return se3_exp(normals(seed, num, 6))


def random_similarity(seed: int) -> Tensor:
    pose = se3_exp(2 * normals(seed, 6))
    scale = normals(seed + 1, 1).exp()
    return torch.cat([scale * pose[:, :3], pose[:, 3:]], dim=-1)


def turned(degrees: float, axis: tuple[float, float, float] = (0.36, 0.48, 0.8)) -> Tensor:
    vector = torch.tensor(axis, dtype=torch.float64) * math.radians(degrees)
    return torch.cat([so3_exp(vector), torch.zeros(3, 1, dtype=torch.float64)], dim=-1)


@given(seeds)
def test_a_similarity_of_all_cameras_is_found_and_taken_out(seed: int):
    truth, b_from_a = random_poses(seed), random_similarity(seed + 2)
    close(similarity_between(truth, moved_poses(b_from_a, truth)), b_from_a, rtol=1e-9, atol=1e-9)
    close(aligned(moved_poses(b_from_a, truth), truth), truth, rtol=1e-9, atol=1e-9)


@given(seeds)
def test_aligned_errors_do_not_change_with_a_similarity_of_the_estimate(seed: int):
    truth = random_poses(seed)
    estimate = compose(truth, se3_exp(0.1 * normals(seed + 1, 30, 6)))
    plain = pose_errors(aligned(estimate, truth), truth)
    moved = pose_errors(aligned(moved_poses(random_similarity(seed + 2), estimate), truth), truth)
    close(moved.rotation_deg, plain.rotation_deg, rtol=0, atol=1e-6)
    close(moved.translation, plain.translation, rtol=0, atol=1e-6)
    assert plain.median_rotation_deg > 1
    assert plain.median_translation > 0.01


@given(seeds)
def test_no_other_similarity_brings_the_centres_nearer(seed: int):
    truth, estimate = random_poses(seed, 8), random_poses(seed + 1, 8)
    best = similarity_between(estimate, truth)

    def residual(similarity: Tensor) -> float:
        return float((apply(similarity, estimate[:, :, 3]) - truth[:, :, 3]).square().sum())

    for nudge in range(6):
        change = se3_exp(1e-3 * normals(seed + nudge, 6))
        change = torch.cat([change[:, :3] * (1 + 1e-3 * normals(seed - nudge, 1)), change[:, 3:]], dim=-1)
        assert residual(compose(change, best)) > residual(best) - 1e-12


@pytest.mark.parametrize("side", ["camera", "world"])
def test_two_degrees_of_one_camera_are_reported_as_two_degrees(side: str):
    truth = random_poses(3)
    estimate = truth.clone()
    wrong = compose(truth[7], turned(2.0)) if side == "camera" else compose(turned(2.0), truth[7])
    estimate[7] = wrong
    errors = pose_errors(aligned(estimate, truth), truth)
    assert float(errors.rotation_deg[7]) == pytest.approx(2.0, abs=0.1)
    others = torch.arange(30) != 7
    assert errors.rotation_deg[others].max() < 0.1
    assert errors.median_rotation_deg < 0.1


@pytest.mark.parametrize("degrees", [1e-5, 0.1, 90.0, 179.9])
def test_angles_are_exact_from_small_to_half_a_turn(degrees: float):
    truth = random_poses(4)
    errors = pose_errors(compose(truth, turned(degrees)), truth)
    close(errors.rotation_deg, torch.full((30,), degrees, dtype=torch.float64), rtol=1e-9, atol=1e-12)
    close(errors.translation, torch.zeros(30, dtype=torch.float64))


def test_a_distance_is_that_between_the_centres():
    truth = random_poses(5)
    moved = truth.clone()
    moved[:, :, 3] += torch.tensor([0.0, 3.0, -4.0])
    close(pose_errors(moved, truth).translation, torch.full((30,), 5.0, dtype=torch.float64))


def test_medians_and_shares_are_those_of_the_cameras():
    truth = random_poses(6, 4)
    estimate = torch.stack([compose(pose, turned(float(i))) for i, pose in enumerate(truth, start=1)])
    errors = pose_errors(estimate, truth)
    assert errors.median_rotation_deg == pytest.approx(2.5)
    assert errors.success_rate(3.5) == 0.75
    assert errors.success_rate(3.5, translation=1e-9) == 0.75
    estimate[0, :, 3] += 1
    assert pose_errors(estimate, truth).success_rate(3.5, translation=0.5) == 0.5
    assert pose_errors(estimate, truth).median_translation == pytest.approx(0, abs=1e-12)


def test_mirrored_centres_are_turned_and_never_mirrored():
    truth = random_poses(8)
    mirrored = truth.clone()
    mirrored[:, 2, 3] *= -1
    linear = similarity_between(mirrored, truth)[:, :3]
    rotation = linear / scale_of(similarity_between(mirrored, truth))
    close(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(rotation) == pytest.approx(1)


@given(seeds)
def test_noise_across_a_plane_of_cameras_does_not_mirror_them(seed: int):
    # The third singular value is noise, and its sign decides about a careless fix of reflections.
    truth = random_poses(seed)
    truth[:, 2, 3] = 1e-9 * normals(seed + 1, 30)
    estimate = truth.clone()
    estimate[:, 2, 3] = 1e-9 * normals(seed + 2, 30)
    errors = pose_errors(aligned(estimate, truth), truth)
    assert errors.rotation_deg.max() < 1e-3


def line_of(num: int) -> Tensor:
    """Cameras on a line, each turned its own way."""
    poses = random_poses(9, num)
    poses[:, :, 3] = torch.linspace(1, 2, num)[:, None] * torch.tensor([0.6, 0.0, 0.8]) + 3
    return poses


def one_place(num: int) -> Tensor:
    poses = random_poses(10, num)
    poses[:, :, 3] = torch.tensor([3.0, 1.0, 2.0])
    return poses


@pytest.mark.parametrize(
    "truth",
    [line_of(5), random_poses(11, 2), one_place(6), random_poses(12, 1)],
    ids=["a line", "two cameras", "one place", "one camera"],
)
def test_where_centres_leave_a_turn_open_the_cameras_own_turns_close_it(truth: Tensor):
    b_from_a = random_similarity(20)
    errors = pose_errors(aligned(moved_poses(b_from_a, truth), truth), truth)
    assert errors.rotation_deg.max() < 1e-5
    assert errors.translation.max() < 1e-9


def test_one_place_has_no_scale_to_be_found():
    moved = moved_poses(random_similarity(21), one_place(3))
    assert scale_of(similarity_between(moved, one_place(3))) == pytest.approx(1)
    assert scale_of(similarity_between(one_place(30), random_poses(22))) == pytest.approx(1)


def test_cameras_that_all_began_in_one_place_get_finite_errors():
    truth = random_poses(23)
    alike = truth[:1].repeat(30, 1, 1)
    errors = pose_errors(aligned(alike, truth), truth)
    assert errors.rotation_deg.isfinite().all()
    # All centres go to the mean of the true ones.
    spread = (truth[:, :, 3] - truth[:, :, 3].mean(0)).norm(dim=-1)
    close(errors.translation, spread)


def test_single_precision_is_measured_in_double():
    truth = random_poses(24)
    errors = pose_errors(aligned(truth.float(), truth.float()), truth)
    assert errors.rotation_deg.dtype == torch.float64
    assert errors.rotation_deg.max() < 1e-4


@given(seeds)
def test_moved_poses_keep_axes_of_unit_length_and_move_the_centres(seed: int):
    poses, b_from_a = random_poses(seed, 5), random_similarity(seed + 1)
    moved = moved_poses(b_from_a, poses)
    close(moved[:, :, 3], apply(b_from_a, poses[:, :, 3]))
    close(moved[:, :, :3] @ moved[:, :, :3].mT, torch.eye(3, dtype=torch.float64).expand(5, 3, 3))
    # A point ahead of a camera stays ahead of it, farther by the scale.
    ahead = apply(poses, torch.tensor([0.2, -0.1, 2.0], dtype=torch.float64).expand(5, 3))
    scaled = scale_of(b_from_a) * torch.tensor([0.2, -0.1, 2.0], dtype=torch.float64)
    close(apply(moved, scaled.expand(5, 3)), apply(b_from_a, ahead))
