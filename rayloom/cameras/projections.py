"""Camera models in the camera's own frame: pixels in focal lengths from the principal point, and directions.

A model's plane is what is left of an image when principal point and focal lengths are divided out.
For EQUIRECTANGULAR its axes are longitude and latitude, for ORTHOGRAPHIC lengths in world units.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras import distortion as lens
from rayloom.cameras.intrinsics import CameraModel

_TINY = 1e-20
"""Smallest squared length that is divided by; on the axis of a fisheye lens only limits exist."""


def directions_from_plane(
    plane: Float[Tensor, "n 2"], distortion: Float[Tensor, "n 8"] | None, model: CameraModel
) -> Float[Tensor, "n 3"]:
    """Unit directions, x right, y down, z forward; no distortion means none at all."""
    if model is CameraModel.ORTHOGRAPHIC:
        return plane.new_tensor([0.0, 0.0, 1.0]).expand(len(plane), 3)
    if model is CameraModel.EQUIRECTANGULAR:
        longitude, latitude = plane.unbind(-1)
        level = latitude.cos()
        return torch.stack([longitude.sin() * level, latitude.sin(), longitude.cos() * level], dim=-1)
    if model is CameraModel.OPENCV_FISHEYE:
        distance = plane.square().sum(-1).clamp_min(_TINY).sqrt()
        theta = distance if distortion is None else lens.undistort_angle(distance, distortion)
        return torch.cat([plane * (theta.sin() / distance)[:, None], theta.cos()[:, None]], dim=-1)
    if distortion is not None:
        plane = lens.undistort(plane, distortion)
    x, y = plane.unbind(-1)
    z = (1 + x * x + y * y).rsqrt()
    return torch.stack([x * z, y * z, z], dim=-1)


def plane_from_points(
    points: Float[Tensor, "n 3"], distortion: Float[Tensor, "n 8"] | None, model: CameraModel
) -> Float[Tensor, "n 2"]:
    """The inverse of `directions_from_plane`, for points at any distance.

    Perspective models show points with z > 0 only; for others the result is finite but meaningless.
    """
    x, y, z = points.unbind(-1)
    if model is CameraModel.ORTHOGRAPHIC:
        return points[:, :2]
    if model is CameraModel.EQUIRECTANGULAR:
        level = (x * x + z * z).clamp_min(_TINY).sqrt()
        return torch.stack([torch.atan2(x, z), torch.atan2(y, level)], dim=-1)
    if model is CameraModel.OPENCV_FISHEYE:
        radius = (x * x + y * y).clamp_min(_TINY).sqrt()
        theta = torch.atan2(radius, z)
        distance = theta if distortion is None else lens.distort_angle(theta, distortion)
        return points[:, :2] * (distance / radius)[:, None]
    depth = torch.where(z.abs() < 1e-8, 1e-8, z)
    plane = points[:, :2] / depth[:, None]
    return plane if distortion is None else lens.distort(plane, distortion)


@torch.no_grad()
def direction_steps(
    directions: Float[Tensor, "n 3"], distortion: Float[Tensor, "n 8"] | None, model: CameraModel
) -> Float[Tensor, "n 2"]:
    """How far directions turn per unit step along each axis of the plane: |d direction / d axis|."""
    x, y, z = directions.unbind(-1)
    if model is CameraModel.ORTHOGRAPHIC:
        return torch.ones_like(directions[:, :2])
    if model is CameraModel.EQUIRECTANGULAR:
        return torch.stack([(x * x + z * z).sqrt(), torch.ones_like(x)], dim=-1)
    if model is CameraModel.OPENCV_FISHEYE:
        return _fisheye_steps(directions, distortion)
    # On z = 1 a step v moves the unit direction n by |v - (v . n) n| z.
    if distortion is None:
        return torch.stack([z * (1 - x * x).sqrt(), z * (1 - y * y).sqrt()], dim=-1)
    a, b, d = lens.jacobian(directions[:, :2] / z[:, None], distortion).unbind(-1)
    determinant = a * d - b * b
    along_x = (d * d + b * b - (d * x - b * y).square()).sqrt()
    along_y = (a * a + b * b - (a * y - b * x).square()).sqrt()
    return torch.stack([along_x, along_y], dim=-1) * (z / determinant.abs())[:, None]


def _fisheye_steps(directions: Tensor, distortion: Tensor | None) -> Tensor:
    """A step outward turns by d theta / d distance, a step around by sin theta / distance."""
    x, y, z = directions.unbind(-1)
    sine = (x * x + y * y).clamp_min(_TINY).sqrt()
    theta = torch.atan2(sine, z)
    distance = theta if distortion is None else lens.distort_angle(theta, distortion)
    outward = torch.ones_like(theta) if distortion is None else 1 / lens.angle_slope(theta, distortion)
    cosines = directions[:, :2] / sine[:, None]
    around = (1 - cosines.square()) * (sine / distance)[:, None].square()
    return (cosines.square() * outward[:, None].square() + around).sqrt()
