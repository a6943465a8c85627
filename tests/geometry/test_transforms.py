import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from rayloom.geometry.transforms import (
    apply,
    compose,
    invert_rigid,
    invert_similarity,
    look_at,
    matrix_from_quaternion,
    mean_pose,
    opencv_from_opengl,
    quaternion_from_matrix,
    rotate,
    screwed,
    se3_exp,
    se3_log,
    slerp,
    so3_exp,
    so3_log,
)

close = torch.testing.assert_close
seeds = st.integers(0, 2**31)
# Angles from none over the switch between series and closed form to almost a half turn.
angles = st.sampled_from([0.0, 1e-9, 1e-4, 0.01, 0.1, 0.4999, 0.5001, 1.0, 2.5, 3.1])


def vectors(seed: int, *shape: int, length: float | None = None) -> torch.Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn if length is None else length * torch.nn.functional.normalize(drawn, dim=-1)


def rigid(seed: int, *shape: int) -> torch.Tensor:
    return se3_exp(vectors(seed, *shape, 6))


@given(seeds)
def test_composing_is_applying_one_after_the_other(seed):
    a_from_b, b_from_c = rigid(seed, 4, 1), rigid(seed + 1, 1, 5)
    points = vectors(seed, 4, 5, 3)
    close(apply(compose(a_from_b, b_from_c), points), apply(a_from_b, apply(b_from_c, points)))


@given(seeds)
def test_a_rigid_inverse_undoes_its_map(seed):
    a_from_b, points = rigid(seed, 6), vectors(seed, 6, 3)
    close(apply(invert_rigid(a_from_b), apply(a_from_b, points)), points)


@given(seeds, st.floats(1e-3, 1e3))
def test_a_similarity_inverse_undoes_its_map(seed, scale):
    a_from_b, points = rigid(seed, 6), vectors(seed, 6, 3)
    a_from_b = torch.cat([scale * a_from_b[..., :3], a_from_b[..., 3:]], dim=-1)
    close(apply(invert_similarity(a_from_b), apply(a_from_b, points)), points)


def test_rotate_leaves_the_translation_out():
    a_from_b, points = rigid(0, 6), vectors(1, 6, 3)
    close(rotate(a_from_b, points), apply(a_from_b, points) - a_from_b[..., 3])


@given(seeds, angles)
def test_so3_exp_agrees_with_scipy(seed, angle):
    turn = vectors(seed, 7, 3, length=angle)
    expected = Rotation.from_rotvec(turn.numpy()).as_matrix()
    close(so3_exp(turn), torch.from_numpy(expected), rtol=0, atol=1e-14)


@given(seeds, angles)
def test_so3_log_undoes_exp(seed, angle):
    turn = vectors(seed, 7, 3, length=angle)
    close(so3_log(so3_exp(turn)), turn, rtol=1e-12, atol=1e-13)


def test_so3_log_finds_half_turns():
    turn = np.pi * torch.eye(3, dtype=torch.float64)
    close(so3_log(so3_exp(turn)).abs(), turn, rtol=0, atol=1e-9)


@given(seeds, angles)
def test_se3_exp_is_the_matrix_exponential(seed, angle):
    twist = torch.cat([vectors(seed, 3, length=angle), vectors(seed + 1, 3)])
    x, y, z, *move = twist.tolist()
    generator = [[0, -z, y, move[0]], [z, 0, -x, move[1]], [-y, x, 0, move[2]], [0, 0, 0, 0]]
    expected = torch.linalg.matrix_exp(torch.tensor(generator, dtype=torch.float64))
    close(se3_exp(twist), expected[:3], rtol=0, atol=1e-13)


@given(seeds, angles)
def test_screwed_points_are_where_the_rigid_map_takes_them(seed, angle):
    twists = torch.cat([vectors(seed, 4, 1, 3, length=angle), vectors(seed + 1, 4, 1, 3)], dim=-1)
    points = vectors(seed + 2, 5, 3)
    close(screwed(twists, points), apply(se3_exp(twists), points), rtol=0, atol=1e-13)


@given(seeds, angles)
def test_se3_log_undoes_exp(seed, angle):
    twist = torch.cat([vectors(seed, 7, 3, length=angle), vectors(seed + 1, 7, 3)], dim=-1)
    close(se3_log(se3_exp(twist)), twist, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-4, 0.49999999, 2.0])
def test_exponentials_and_logarithms_have_true_gradients_also_at_zero(angle):
    twist = torch.cat([vectors(0, 2, 3, length=angle), vectors(1, 2, 3)], dim=-1).requires_grad_()
    assert torch.autograd.gradcheck(se3_exp, twist)
    assert torch.autograd.gradcheck(lambda v: se3_log(se3_exp(v)), twist)
    assert torch.autograd.gradcheck(lambda v: so3_log(so3_exp(v)), twist.detach()[:, :3].requires_grad_())


def test_float32_exponentials_keep_their_digits_at_every_angle():
    turn = vectors(0, 200, 3, length=1.0) * torch.logspace(-6, 0.49, 200, dtype=torch.float64)[:, None]
    twist = torch.cat([turn, vectors(1, 200, 3)], dim=-1)
    close(se3_exp(twist.float()).double(), se3_exp(twist), rtol=0, atol=2e-6)
    close(se3_log(se3_exp(twist).float()).double(), twist, rtol=0, atol=2e-5)


@given(seeds)
def test_a_view_looks_to_its_target_with_up_on_top(seed):
    eye, target = vectors(seed, 5, 3), vectors(seed + 1, 5, 3)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    pose = look_at(eye, target, up)
    close(torch.linalg.det(pose[..., :3]), torch.ones(5, dtype=torch.float64))
    in_camera = apply(invert_rigid(pose), target)
    close(in_camera[:, :2], torch.zeros(5, 2, dtype=torch.float64))
    close(in_camera[:, 2], (target - eye).norm(dim=-1))
    # OpenCV's y axis points down, and the horizon is level.
    up_in_camera = rotate(invert_rigid(pose), up.expand(5, 3))
    assert (up_in_camera[:, 1] < 0).all()
    close(up_in_camera[:, 0], torch.zeros(5, dtype=torch.float64))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_view_along_up_is_still_a_rotation(sign):
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    pose = look_at(torch.zeros(3, dtype=torch.float64), sign * up, up)
    close(pose[:, :3] @ pose[:, :3].T, torch.eye(3, dtype=torch.float64))
    close(torch.linalg.det(pose[:, :3]), torch.tensor(1.0, dtype=torch.float64))


def test_opengl_axes_turn_about_x():
    pose = rigid(3, 2)
    turned = opencv_from_opengl(pose)
    point = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=torch.float64)
    close(apply(turned, point), apply(pose, point * point.new_tensor([1, -1, -1])))
    close(opencv_from_opengl(turned), pose)


@given(seeds, st.sampled_from([0.0, 1e-5, 1.0, np.pi - 1e-6, np.pi]))
def test_quaternions_agree_with_scipy(seed, angle):
    reference = Rotation.from_rotvec(vectors(seed, 9, 3, length=angle).numpy())
    expected = torch.from_numpy(np.roll(reference.as_quat(), 1, axis=-1))
    found = quaternion_from_matrix(torch.from_numpy(reference.as_matrix()))
    assert (found[:, 0] >= 0).all()
    close((found * expected).sum(-1).abs(), torch.ones(9, dtype=torch.float64))
    close(matrix_from_quaternion(3 * found), torch.from_numpy(reference.as_matrix()))


@given(seeds, st.sampled_from([0.0, 1e-9, 1e-3, 0.3, 3.0]), st.floats(0, 1))
def test_slerp_agrees_with_scipy(seed, angle, fraction):
    start = Rotation.from_rotvec(vectors(seed, 3).numpy())
    end = start * Rotation.from_rotvec(vectors(seed + 1, 3, length=angle).numpy())
    q0, q1 = (quaternion_from_matrix(torch.from_numpy(turn.as_matrix())) for turn in (start, end))
    between = slerp(q0, q1, torch.tensor(fraction, dtype=torch.float64))
    expected = Slerp([0, 1], Rotation.concatenate([start, end]))(fraction).as_matrix()
    close(matrix_from_quaternion(between), torch.from_numpy(expected), rtol=0, atol=1e-9)


def test_slerp_has_finite_gradients_between_equal_ends():
    start = vectors(0, 3, 4, length=1.0).requires_grad_()
    end = start.detach().clone().requires_grad_()
    between = slerp(start, end, torch.full((3,), 0.3, dtype=torch.float64))
    for gradient in torch.autograd.grad(between.sum(), (start, end)):
        assert gradient.isfinite().all()


def test_the_mean_pose_is_rigid_and_that_of_poses_spread_evenly_about_it():
    middle = se3_exp(torch.tensor([0.3, -0.2, 0.5, 1.0, 2.0, 3.0], dtype=torch.float64))
    turns = 0.4 * torch.cat([torch.eye(3), -torch.eye(3)]).double()
    around = se3_exp(torch.cat([turns, torch.zeros(6, 3, dtype=torch.float64)], -1))
    mean = mean_pose(compose(middle, around))
    torch.testing.assert_close(mean, middle)
    torch.testing.assert_close(mean[:, :3] @ mean[:, :3].mT, torch.eye(3, dtype=torch.float64))
    mirror = torch.eye(3, 4, dtype=torch.float64).repeat(2, 1, 1)
    mirror[1, :2, :2] *= -1
    assert torch.linalg.det(mean_pose(mirror)[:, :3]) == pytest.approx(1)
