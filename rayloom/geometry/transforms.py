"""Rigid and similarity maps between frames: `a_from_b` is a 3 x 4 matrix [A | t] with x_a = A x_b + t."""

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor


def compose(
    a_from_b: Float[Tensor, "*#batch 3 4"], b_from_c: Float[Tensor, "*#batch 3 4"]
) -> Float[Tensor, "*batch 3 4"]:
    """The map a_from_c that applies `b_from_c` first; leading axes broadcast."""
    linear = a_from_b[..., :3] @ b_from_c[..., :3]
    offset = a_from_b[..., :3] @ b_from_c[..., 3:] + a_from_b[..., 3:]
    return torch.cat([linear, offset], dim=-1)


def apply(
    a_from_b: Float[Tensor, "*#batch 3 4"], points: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch 3"]:
    """Points of frame b in frame a; leading axes broadcast."""
    return rotate(a_from_b, points) + a_from_b[..., 3]


def rotate(
    a_from_b: Float[Tensor, "*#batch 3 4"], vectors: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch 3"]:
    """Vectors of frame b in frame a: the linear part alone; leading axes broadcast."""
    return (a_from_b[..., :3] * vectors[..., None, :]).sum(-1)


def invert_rigid(a_from_b: Float[Tensor, "*batch 3 4"]) -> Float[Tensor, "*batch 3 4"]:
    """The map b_from_a of a rotation and a translation."""
    transposed = a_from_b[..., :3].mT
    return torch.cat([transposed, -transposed @ a_from_b[..., 3:]], dim=-1)


def invert_similarity(a_from_b: Float[Tensor, "*batch 3 4"]) -> Float[Tensor, "*batch 3 4"]:
    """The map b_from_a of a rotation, one scale and a translation."""
    linear = a_from_b[..., :3]
    # A = s R gives A^-1 = A^T / s^2, and any row of A has squared length s^2.
    inverse = linear.mT / linear.square().sum((-1, -2), keepdim=True) * 3
    return torch.cat([inverse, -inverse @ a_from_b[..., 3:]], dim=-1)


def mean_pose(world_from_camera: Float[Tensor, "n 3 4"]) -> Float[Tensor, "3 4"]:
    """The mean position, and the rotation that is nearest to the mean of the rotation matrices.

    Where these cancel, as for cameras all around, the rotation is an arbitrary one.
    """
    mean = world_from_camera.mean(0)
    # The stubs of torch leave its linear algebra untyped.
    u, _, vt = cast(tuple[Tensor, Tensor, Tensor], torch.linalg.svd(mean[:, :3]))  # pyright: ignore[reportUnknownMemberType]
    flip = torch.ones_like(mean[:, 0])
    flip[-1] = torch.det(u @ vt)
    return torch.cat([u * flip @ vt, mean[:, 3:]], dim=-1)


def opencv_from_opengl(world_from_camera: Float[Tensor, "*batch 3 4"]) -> Float[Tensor, "*batch 3 4"]:
    """The pose with its camera axes y and z turned about; applied twice it changes nothing."""
    return world_from_camera * world_from_camera.new_tensor([1.0, -1.0, -1.0, 1.0])


def look_at(
    eye: Float[Tensor, "*#batch 3"], target: Float[Tensor, "*#batch 3"], up: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch 3 4"]:
    """The pose world_from_camera at `eye` that looks to `target`, its image upright along `up`."""
    shape = (eye + target + up).shape
    eye, target, up = (vectors.expand(shape) for vectors in (eye, target, up))
    forward = torch.nn.functional.normalize(target - eye, dim=-1)
    right = torch.cross(forward, torch.nn.functional.normalize(up, dim=-1), dim=-1)
    # Where the view runs along `up`, any upright direction will do: take the axis it is least aligned with.
    spare = torch.nn.functional.one_hot(forward.abs().argmin(-1), 3).to(forward)
    parallel = right.square().sum(-1, keepdim=True) < 1e-12
    right = torch.where(parallel, torch.cross(forward, spare, dim=-1), right)
    right = torch.nn.functional.normalize(right, dim=-1)
    down = torch.cross(forward, right, dim=-1)
    return torch.stack([right, down, forward, eye], dim=-1)


def cross_matrix(vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The matrix [v]x with [v]x u = v x u."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, dim=-1).reshape(*x.shape, 3, 3)


def so3_exp(rotation_vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotations by |v| radians about v (Rodrigues); differentiable everywhere, also at zero."""
    a, b = _sine_series(rotation_vectors.square().sum(-1)[..., None, None], (1, 2))
    cross = cross_matrix(rotation_vectors)
    return torch.eye(3).to(cross) + a * cross + b * (cross @ cross)


def so3_log(rotations: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Rotation vectors of length at most pi; differentiable for angles below pi."""
    quaternions = quaternion_from_matrix(rotations)
    real, imaginary = quaternions[..., :1], quaternions[..., 1:]
    squared = imaginary.square().sum(-1, keepdim=True)
    small = squared < 1e-3
    length = torch.where(small, 1.0, squared).sqrt()
    ratio = torch.where(small, squared, 0.0) / torch.where(small, real, 1.0).square()
    series = 1 - ratio * (1 / 3 - ratio * (1 / 5 - ratio * (1 / 7 - ratio * (1 / 9 - ratio / 11))))
    half_angle_by_sine = torch.where(small, series / real.clamp_min(0.5), torch.atan2(length, real) / length)
    return 2 * half_angle_by_sine * imaginary


def se3_exp(twists: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 4"]:
    """Rigid maps of twists; the first three numbers turn, the last three move along the screw."""
    turn, move = twists[..., :3], twists[..., 3:]
    a, b, c = _sine_series(turn.square().sum(-1)[..., None, None], (1, 2, 3))
    cross = cross_matrix(turn)
    squared = cross @ cross
    identity = torch.eye(3).to(cross)
    offset = (identity + b * cross + c * squared) @ move[..., None]
    return torch.cat([identity + a * cross + b * squared, offset], dim=-1)


def screwed(
    twists: Float[Tensor, "*#batch 6"], points: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch 3"]:
    """Points moved by twists: `apply(se3_exp(twists), points)` without a matrix for each of them.

    A point leaves its place at the velocity u = w x p + v, and on the way of its screw adds
    u + b w x u + c w x (w x u) to it, with the b and c of the exponential.
    """
    turn, move = twists[..., :3], twists[..., 3:]
    b, c = _sine_series(turn.square().sum(-1, keepdim=True), (2, 3))
    # The cross product of torch does not broadcast.
    turn, points = turn + torch.zeros_like(points), points + torch.zeros_like(turn)
    velocity = torch.cross(turn, points, dim=-1) + move
    across = torch.cross(turn, velocity, dim=-1)
    return points + velocity + b * across + c * torch.cross(turn, across, dim=-1)


def se3_log(a_from_b: Float[Tensor, "*batch 3 4"]) -> Float[Tensor, "*batch 6"]:
    """The twist with `se3_exp(twist) = a_from_b`; differentiable for angles below pi."""
    turn = so3_log(a_from_b[..., :3])
    b, c, e = _sine_series(turn.square().sum(-1)[..., None, None], (2, 3, 4))
    cross = cross_matrix(turn)
    inverse = torch.eye(3).to(cross) - 0.5 * cross + (c - 2 * e) / (2 * b) * (cross @ cross)
    return torch.cat([turn, (inverse @ a_from_b[..., 3:])[..., 0]], dim=-1)


def _sine_series(squared: Tensor, wanted: tuple[int, ...]) -> list[Tensor]:
    """For the wanted m of 1..4 the entire functions sum_k (-x)^k / (2k + m)! of x = angle squared.

    The first is sin(r) / r, the second (1 - cos r) / r^2, where x = r^2; the closed forms of the
    others follow from f_{m+2} = (1/m! - f_m) / x and lose digits near zero, hence the series there.
    """
    small = squared < 0.25
    near_zero = torch.where(small, squared, 0.0)
    series = [torch.zeros_like(squared) for _ in wanted]
    for k in range(7, -1, -1):
        series = [1 / math.factorial(2 * k + m) - near_zero * f for m, f in zip(wanted, series, strict=True)]
    away = torch.where(small, 1.0, squared)
    angle = away.sqrt()
    # Half angles: 1 - cos would cancel.
    first, second = angle.sin() / angle, 2 * (angle / 2).sin().square() / away
    closed = (first, second, (1 - first) / away, (0.5 - second) / away)
    return [torch.where(small, f, closed[m - 1]) for m, f in zip(wanted, series, strict=True)]


def matrix_from_quaternion(quaternions: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotations of quaternions wxyz, which are normalised first."""
    w, x, y, z = torch.nn.functional.normalize(quaternions, dim=-1).unbind(-1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(rows, dim=-1).reshape(*x.shape, 3, 3)


def quaternion_from_matrix(rotations: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternions wxyz with w >= 0."""
    (m00, m01, m02), (m10, m11, m12), (m20, m21, m22) = (row.unbind(-1) for row in rotations.unbind(-2))
    # Row i is 4 q_i q; the longest is far from zero, so that no root of a small number is taken.
    outer = [
        *(1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01),
        *(m21 - m12, 1 + m00 - m11 - m22, m10 + m01, m02 + m20),
        *(m02 - m20, m10 + m01, 1 - m00 + m11 - m22, m21 + m12),
        *(m10 - m01, m02 + m20, m21 + m12, 1 - m00 - m11 + m22),
    ]
    rows = torch.stack(outer, dim=-1).reshape(*m00.shape, 4, 4)
    longest = torch.diagonal(rows, dim1=-2, dim2=-1).argmax(-1)[..., None, None]
    row = torch.take_along_dim(rows, longest, dim=-2)[..., 0, :]
    quaternions = torch.nn.functional.normalize(row, dim=-1)
    return torch.where(quaternions[..., :1] < 0, -quaternions, quaternions)


def slerp(
    start: Float[Tensor, "*#batch 4"], end: Float[Tensor, "*#batch 4"], fraction: Float[Tensor, "*#batch"]
) -> Float[Tensor, "*batch 4"]:
    """Unit quaternions on the shorter great arc from `start` (fraction 0) to `end` (fraction 1)."""
    end = torch.where((start * end).sum(-1, keepdim=True) < 0, -end, end)
    share = fraction[..., None]
    chord, rest = (start - end).square().sum(-1, keepdim=True), (start + end).square().sum(-1, keepdim=True)
    # Below this chord, about 1e-3 rad, the arc is straight to more digits than float32 holds.
    close = chord < 1e-6
    angle = 2 * torch.atan2(torch.where(close, 1.0, chord).sqrt(), rest.sqrt())
    on_arc = (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)
    straight = start + share * (end - start)
    return torch.nn.functional.normalize(torch.where(close, straight, on_arc), dim=-1)
