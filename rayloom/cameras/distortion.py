"""Lens distortion and its inverse, as in OpenCV; every function is differentiable in all its arguments.

Coefficients are k1, k2, k3, k4, k5, k6, p1, p2. A model with fewer leaves the others at zero, so that
SIMPLE_RADIAL and the polynomial OPENCV model are the rational one.

The inverses run a fixed number of Newton steps outside of autograd and one more inside: at the solution
that step's derivative is the implicit function's. First derivatives only.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_NEWTON_STEPS = 6
"""Lenses that bend the edge of the picture by a quarter are inverted to float64 precision."""


def distort(
    plane: Float[Tensor, "*batch 2"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch 2"]:
    """Where a lens puts points of the plane z = 1: the rational radial and the tangential model."""
    x, y = plane.unbind(-1)
    p1, p2 = distortion[..., 6], distortion[..., 7]
    xx, xy, yy = x * x, x * y, y * y
    gain, _ = _radial(xx + yy, distortion)
    distorted_x = x * gain + 2 * p1 * xy + p2 * (3 * xx + yy)
    distorted_y = y * gain + 2 * p2 * xy + p1 * (xx + 3 * yy)
    return torch.stack([distorted_x, distorted_y], dim=-1)


def undistort(
    distorted: Float[Tensor, "*batch 2"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch 2"]:
    """The inverse of `distort` for points within the lens's monotone range."""
    with torch.no_grad():
        plane = distorted
        for _ in range(_NEWTON_STEPS):
            plane = plane - _solve(jacobian(plane, distortion), distort(plane, distortion) - distorted)
        slope = jacobian(plane, distortion)
    return plane - _solve(slope, distort(plane, distortion) - distorted)


def jacobian(
    plane: Float[Tensor, "*batch 2"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch 3"]:
    """Derivatives (dx'/dx, dx'/dy, dy'/dy) of `distort`; the matrix is symmetric."""
    x, y = plane.unbind(-1)
    p1, p2 = distortion[..., 6], distortion[..., 7]
    gain, slope = _radial(x * x + y * y, distortion)
    xx = gain + 2 * slope * x * x + 2 * p1 * y + 6 * p2 * x
    xy = 2 * (slope * x * y + p1 * x + p2 * y)
    yy = gain + 2 * slope * y * y + 6 * p1 * y + 2 * p2 * x
    return torch.stack([xx, xy, yy], dim=-1)


def distort_angle(
    theta: Float[Tensor, "*batch"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch"]:
    """Distance from the principal point, in focal lengths, at which a fisheye lens shows the angle theta."""
    k1, k2, k3, k4 = distortion[..., :4].unbind(-1)
    x = theta * theta
    return theta * (1 + x * (k1 + x * (k2 + x * (k3 + x * k4))))


def undistort_angle(
    distance: Float[Tensor, "*batch"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch"]:
    """The inverse of `distort_angle` within the lens's monotone range."""
    with torch.no_grad():
        theta = distance
        for _ in range(_NEWTON_STEPS):
            theta = theta - (distort_angle(theta, distortion) - distance) / angle_slope(theta, distortion)
        slope = angle_slope(theta, distortion)
    return theta - (distort_angle(theta, distortion) - distance) / slope


def angle_slope(
    theta: Float[Tensor, "*batch"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch"]:
    """The derivative of `distort_angle` by theta."""
    k1, k2, k3, k4 = distortion[..., :4].unbind(-1)
    x = theta * theta
    return 1 + x * (3 * k1 + x * (5 * k2 + x * (7 * k3 + x * 9 * k4)))


def _radial(squared: Tensor, distortion: Tensor) -> tuple[Tensor, Tensor]:
    """The rational gain at squared radius, and its derivative by it."""
    k1, k2, k3, k4, k5, k6 = distortion[..., :6].unbind(-1)
    upper = 1 + squared * (k1 + squared * (k2 + squared * k3))
    lower = 1 + squared * (k4 + squared * (k5 + squared * k6))
    upper_slope = k1 + squared * (2 * k2 + squared * 3 * k3)
    lower_slope = k4 + squared * (2 * k5 + squared * 3 * k6)
    gain = upper / lower
    return gain, (upper_slope - gain * lower_slope) / lower


def _solve(symmetric: Tensor, right: Tensor) -> Tensor:
    """The solution of 2 x 2 systems whose matrix is given as (a, b, d) of [[a, b], [b, d]]."""
    a, b, d = symmetric.unbind(-1)
    u, v = right.unbind(-1)
    return torch.stack([d * u - b * v, a * v - b * u], dim=-1) / (a * d - b * b)[..., None]
