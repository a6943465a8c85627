"""Lens distortion and its inverse, as in OpenCV; every function is differentiable in all its arguments.

Coefficients are k1, k2, k3, k4, k5, k6, p1, p2. A model with fewer leaves the others at zero, so that
SIMPLE_RADIAL and the polynomial OPENCV model are the rational one.

The inverses run a fixed number of Newton steps outside of autograd and one more inside: at the solution
that step's derivative is the implicit function's. First derivatives only.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_NEWTON_STEPS = 4
"""Lenses that bend the edge of the picture by a quarter are inverted to 1e-12 or better."""


def distort(
    plane: Float[Tensor, "*batch 2"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch 2"]:
    """Where a lens puts points of the plane z = 1: the rational radial and the tangential model."""
    x, y = plane.unbind(-1)
    return torch.stack(_distort(x, y, _columns(distortion)), dim=-1)


def undistort(
    distorted: Float[Tensor, "*batch 2"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch 2"]:
    """The inverse of `distort` for points within the lens's monotone range."""
    target, k = _columns(distorted), _columns(distortion)
    with torch.no_grad():
        x, y = target
        for _ in range(_NEWTON_STEPS):
            x, y = _newton(x, y, k, target, _jacobian(x, y, k))
        slope = _jacobian(x, y, k)
    return torch.stack(_newton(x, y, k, target, slope), dim=-1)


def jacobian(
    plane: Float[Tensor, "*batch 2"], distortion: Float[Tensor, "*batch 8"]
) -> Float[Tensor, "*batch 3"]:
    """Derivatives (dx'/dx, dx'/dy, dy'/dy) of `distort`; the matrix is symmetric."""
    x, y = plane.unbind(-1)
    return torch.stack(_jacobian(x, y, _columns(distortion)), dim=-1)


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


def _columns(table: Tensor) -> tuple[Tensor, ...]:
    """The last axis as separate tensors, each contiguous: elementwise work on strided ones is slow."""
    return table.movedim(-1, 0).contiguous().unbind(0)


def _distort(x: Tensor, y: Tensor, k: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    k1, k2, k3, k4, k5, k6, p1, p2 = k
    xx, yy = x * x, y * y
    r = xx + yy
    gain = (1 + r * (k1 + r * (k2 + r * k3))) / (1 + r * (k4 + r * (k5 + r * k6)))
    gain = gain + 2 * (p1 * y + p2 * x)
    return x * gain + p2 * r, y * gain + p1 * r


def _jacobian(x: Tensor, y: Tensor, k: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
    k1, k2, k3, k4, k5, k6, p1, p2 = k
    r = x * x + y * y
    lower = 1 / (1 + r * (k4 + r * (k5 + r * k6)))
    gain = (1 + r * (k1 + r * (k2 + r * k3))) * lower
    slope = 2 * lower * (k1 + r * (2 * k2 + r * (3 * k3)) - gain * (k4 + r * (2 * k5 + r * (3 * k6))))
    a, b = 2 * p1 * y, 2 * p2 * x
    xx = gain + slope * x * x + a + 3 * b
    yy = gain + slope * y * y + 3 * a + b
    return xx, slope * x * y + 2 * (p1 * x + p2 * y), yy


def _newton(
    x: Tensor, y: Tensor, k: tuple[Tensor, ...], target: tuple[Tensor, ...], slope: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """One step towards the point that `_distort` moves to `target`."""
    distorted_x, distorted_y = _distort(x, y, k)
    u, v = distorted_x - target[0], distorted_y - target[1]
    xx, xy, yy = slope
    scale = 1 / (xx * yy - xy * xy)
    return x - (yy * u - xy * v) * scale, y - (xx * v - xy * u) * scale
