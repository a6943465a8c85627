"""Camera paths for videos, fitted to a capture; the world's z axis is up in every picture."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.cameras.splines import short_order, smooth_curve
from rayloom.geometry.transforms import (
    apply,
    invert_rigid,
    look_at,
    matrix_from_quaternion,
    quaternion_from_matrix,
)

_OPEN_GAP = 2 * math.pi / 3
"""A capture that leaves a wider gap around its focus was not taken all around."""


def focus_point(cameras: Cameras) -> Float[Tensor, "3"]:
    """The point nearest to all optical axes, in the sense of least squares.

    Axes that are almost parallel do not say how far away it is; a weak pull towards the middle depth
    between near and far, by which forward-facing captures are framed (Mildenhall et al. 2019), then does.
    """
    centers, axes = _centers(cameras), cameras.world_from_camera[:, :, 2].double()
    across = torch.eye(3).to(axes) - axes[:, :, None] * axes[:, None, :]
    near, far = cameras.near.double().clamp_min(1e-6), cameras.far.double()
    depth = 1 / (0.25 / near + 0.75 / far)
    expected = (centers + depth[:, None] * axes).mean(0)
    pull = 1e-3
    matrix = across.mean(0) + pull * torch.eye(3).to(axes)
    right = (across @ centers[:, :, None]).mean(0)[:, 0] + pull * expected
    return torch.linalg.solve(matrix, right).to(cameras.focal.dtype)


def vertical_fov(cameras: Cameras) -> float:
    """The middle vertical field of view of pinhole-like cameras, in radians."""
    return float((2 * torch.atan(0.5 * cameras.size[:, 1] / cameras.focal[:, 1])).median())


def orbit(
    cameras: Cameras,
    focus: Float[Tensor, "3"],
    *,
    num_frames: int,
    width: int,
    height: int,
    fov_rad: float,
) -> Cameras:
    """A circle about the vertical through the focus, on the plane and at the distance of the cameras.

    Where the capture was not taken all around, the circle is an arc within it, there and back. Cameras
    of a capture that looks outward, as in a room, look outward.
    """
    offsets = _centers(cameras) - focus.double()
    radius = offsets[:, :2].norm(dim=-1).mean()
    # Cameras at many heights do not define a slope: the ridge then keeps the circle level.
    slanted = torch.cat([torch.ones_like(offsets[:, :1]), offsets[:, :2]], dim=-1)
    ridge = torch.diag(torch.stack([torch.zeros_like(radius), radius, radius]).square()) * 0.02 * len(offsets)
    normal = slanted.T @ slanted + ridge + 1e-12 * torch.eye(3).to(ridge)
    plane = torch.linalg.solve(normal, slanted.T @ offsets[:, 2])
    azimuth = _azimuths(torch.atan2(offsets[:, 1], offsets[:, 0]), num_frames)
    level = radius * torch.stack([azimuth.cos(), azimuth.sin()], dim=-1)
    eyes = torch.cat([level, (plane[0] + level @ plane[1:])[:, None]], dim=-1)
    # Over a dome of cameras the mean circle would lie inside of it and show less than the photos.
    eyes = eyes * (offsets.norm(dim=-1).mean() / eyes.norm(dim=-1).mean())
    axes = cameras.world_from_camera[:, :, 2].double()
    outward = (offsets * axes).sum(-1).median() > 0
    targets = 2 * eyes if outward else torch.zeros_like(eyes)
    poses = look_at(eyes, targets, _up(eyes))
    poses[:, :, 3] += focus.double()
    return _film(cameras, poses, width, height, fov_rad)


def _azimuths(captured: Tensor, num_frames: int) -> Tensor:
    """Angles of a closed path: all around, or there and back within what was captured."""
    phase = torch.arange(num_frames, dtype=torch.float64) * (2 * math.pi / num_frames)
    rising = captured.sort().values
    gaps = torch.cat([rising, rising[:1] + 2 * math.pi]).diff()
    widest = int(gaps.argmax())
    if gaps[widest] < _OPEN_GAP:
        return captured[0] + phase
    half_arc = (2 * math.pi - gaps[widest]) / 2
    return rising[widest] - half_arc + half_arc * phase.sin()


def spiral(
    cameras: Cameras,
    focus: Float[Tensor, "3"],
    *,
    num_frames: int,
    width: int,
    height: int,
    fov_rad: float,
) -> Cameras:
    """Two turns about the most central camera, with the spread of the capture, looking to the focus.

    The path for forward-facing captures of Mildenhall et al. 2019; it is closed. For other captures it
    stays within 0.15 of the distance to the focus.
    """
    centers = _centers(cameras)
    home = _central(centers - focus.double()) + focus.double()
    world_from_home = look_at(home, focus.double(), _up(home))
    spread = apply(invert_rigid(world_from_home), centers).abs().quantile(0.9, dim=0)
    radii = spread.clamp_max(0.15 * float((focus.double() - home).norm()))
    phase = torch.arange(num_frames, dtype=torch.float64) * (4 * math.pi / num_frames)
    local = radii * torch.stack([phase.cos(), -phase.sin(), -(phase / 2).sin()], dim=-1)
    eyes = apply(world_from_home, local)
    return _film(cameras, look_at(eyes, focus.double(), _up(eyes)), width, height, fov_rad)


def _central(offsets: Tensor) -> Tensor:
    """The camera nearest to the mean height and the mean distance from the axis, on the mean's side.

    For cameras all around, the mean itself would be on the axis.
    """
    mean = offsets.mean(0)
    side = torch.nn.functional.normalize(mean[:2], dim=0) * offsets[:, :2].norm(dim=-1).mean()
    return offsets[(offsets - torch.cat([side, mean[2:]])).square().sum(-1).argmin()]


def still(
    cameras: Cameras,
    focus: Float[Tensor, "3"],
    *,
    num_frames: int,
    width: int,
    height: int,
    fov_rad: float,
) -> Cameras:
    """A camera that stays where the most central one is and looks to the focus, while time runs."""
    home = _central(_centers(cameras) - focus.double()) + focus.double()
    pose = look_at(home, focus.double(), _up(home))
    return _film(cameras, pose.expand(num_frames, 3, 4), width, height, fov_rad)


def interpolate(
    cameras: Cameras,
    focus: Float[Tensor, "3"],
    *,
    num_frames: int,
    width: int,
    height: int,
    fov_rad: float,
) -> Cameras:
    """A smooth flight through all cameras in an order that keeps it short, at about constant speed.

    A turn by one radian counts as a move by the distance to the focus.
    """
    poses = cameras.world_from_camera.double()
    if len(poses) == 1:
        return _film(cameras, poses.expand(num_frames, 3, 4), width, height, fov_rad)
    positions, quaternions = poses[:, :, 3], quaternion_from_matrix(poses[:, :, :3])
    scale = (positions - focus.double()).norm(dim=-1).mean()
    angles = 2 * (quaternions @ quaternions.T).abs().clamp_max(1).acos()
    distances = torch.cdist(positions, positions) + scale * angles
    order = short_order(distances)
    steps = distances[order[:-1], order[1:]]
    # Twice the same pose would make two knots one.
    knots = torch.cat([steps.new_zeros(1), steps.clamp_min(1e-6 * scale).cumsum(0)])
    keys = torch.cat([positions, quaternions], dim=-1)[order]
    # q and -q are the same turn: each takes the sign that is nearer to the one before.
    turns_over = (keys[1:, 3:] * keys[:-1, 3:]).sum(-1) < 0
    keys[1:, 3:] *= torch.where(turns_over, -1.0, 1.0).cumprod(0)[:, None]
    curve = smooth_curve(knots, keys, torch.linspace(0, 1, num_frames).double() * knots[-1])
    frames = torch.cat([matrix_from_quaternion(curve[:, 3:]), curve[:, :3, None]], dim=-1)
    return _film(cameras, frames, width, height, fov_rad)


def _centers(cameras: Cameras) -> Tensor:
    return cameras.world_from_camera[:, :, 3].double()


def _up(like: Tensor) -> Tensor:
    return like.new_tensor([0.0, 0.0, 1.0])


def _film(cameras: Cameras, poses: Tensor, width: int, height: int, fov_rad: float) -> Cameras:
    """Pinhole cameras at the poses; their bounds hold the capture's, their time runs through it."""
    focal = 0.5 * height / math.tan(fov_rad / 2)
    intrinsics = Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, width / 2, height / 2)
    return Cameras.from_intrinsics(
        [intrinsics] * len(poses),
        poses,
        near=float(cameras.near.min()),
        far=float(cameras.far.max()),
        times=torch.linspace(float(cameras.time.min()), float(cameras.time.max()), len(poses)),
        dtype=cameras.focal.dtype,
    )
