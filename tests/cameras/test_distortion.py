import cv2
import numpy as np
import pytest
import torch

from rayloom.cameras.distortion import (
    angle_slope,
    distort,
    distort_angle,
    jacobian,
    undistort,
    undistort_angle,
)

close = torch.testing.assert_close
LENSES = {
    "none": [0.0] * 8,
    "simple": [-0.15] + [0.0] * 7,
    "barrel": [-0.25, 0.07, 0.0, 0.0, 0.0, 0.0, 0.003, -0.002],
    "pincushion": [0.1, 0.05, 0.0, 0.0, 0.0, 0.0, -0.001, 0.001],
    "rational": [0.5, 0.2, 0.05, 0.4, 0.1, 0.02, 0.002, 0.001],
}
lenses = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())
fisheyes = pytest.mark.parametrize("lens", [[0.0] * 8, [0.05, -0.02, 0.004, -0.001] + [0.0] * 4])


def grid(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    steps = torch.linspace(-1, 1, 21, dtype=dtype)
    return torch.stack(torch.meshgrid(0.8 * steps, 0.6 * steps, indexing="ij"), dim=-1).reshape(-1, 2)


def rows(lens: list[float], n: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(lens, dtype=dtype).expand(n, 8)


def opencv(lens: list[float]) -> np.ndarray:
    k1, k2, k3, k4, k5, k6, p1, p2 = lens
    return np.array([k1, k2, p1, p2, k3, k4, k5, k6])


@lenses
def test_distortion_agrees_with_opencv(lens):
    points = torch.nn.functional.pad(grid(), (0, 1), value=1.0).numpy()
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), np.eye(3), opencv(lens))
    close(distort(grid(), rows(lens, 441)), torch.from_numpy(expected[:, 0]))


@lenses
def test_undistortion_agrees_with_opencv(lens):
    distorted = distort(grid(), rows(lens, 441))
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-14)
    # OpenCV 5 joined the two functions of OpenCV 4.
    iterate = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
    expected = iterate(distorted.numpy()[:, None], np.eye(3), opencv(lens), R=None, P=None, criteria=criteria)
    close(undistort(distorted, rows(lens, 441)), torch.from_numpy(expected[:, 0]), rtol=0, atol=1e-9)


@lenses
def test_undistortion_undoes_distortion_to_rounding(lens):
    close(undistort(distort(grid(), rows(lens, 441)), rows(lens, 441)), grid(), rtol=0, atol=1e-12)
    single = grid(torch.float32), rows(lens, 441, torch.float32)
    close(undistort(distort(*single), single[1]), single[0], rtol=0, atol=1e-6)


@lenses
def test_the_jacobian_is_that_of_autograd(lens):
    expected = torch.vmap(torch.func.jacrev(distort))(grid(), rows(lens, 441))
    xx, xy, yy = jacobian(grid(), rows(lens, 441)).unbind(-1)
    close(torch.stack([xx, xy, xy, yy], dim=-1).reshape(-1, 2, 2), expected)


@lenses
def test_gradients_flow_to_pixels_and_coefficients(lens):
    plane = (0.8 * grid()[::40]).requires_grad_()
    coefficients = rows(lens, len(plane)).clone().requires_grad_()
    assert torch.autograd.gradcheck(distort, (plane, coefficients))
    assert torch.autograd.gradcheck(undistort, (plane, coefficients))


@fisheyes
def test_fisheye_angles_agree_with_opencv(lens):
    theta = torch.linspace(0.01, 1.4, 50, dtype=torch.float64)
    points = torch.stack([theta.sin(), 0 * theta, theta.cos()], dim=-1)[:, None].numpy()
    expected, _ = cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), np.eye(3), np.array(lens[:4]))
    close(distort_angle(theta, rows(lens, 50)), torch.from_numpy(expected[:, 0, 0]))


@fisheyes
def test_fisheye_angles_come_back(lens):
    theta = torch.linspace(0, 1.6, 50, dtype=torch.float64)
    shown = distort_angle(theta, rows(lens, 50))
    close(undistort_angle(shown, rows(lens, 50)), theta, rtol=0, atol=1e-12)


@fisheyes
def test_fisheye_gradients_are_true(lens):
    theta = torch.linspace(0, 1.4, 6, dtype=torch.float64, requires_grad=True)
    coefficients = rows(lens, 6).clone().requires_grad_()
    assert torch.autograd.gradcheck(distort_angle, (theta, coefficients))
    assert torch.autograd.gradcheck(undistort_angle, (theta, coefficients))
    slope = torch.autograd.grad(distort_angle(theta, coefficients).sum(), theta)[0]
    close(angle_slope(theta, coefficients), slope)
