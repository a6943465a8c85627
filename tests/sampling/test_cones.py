import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.sampling.cones import cast_cones, cast_cones_diagonal, cone_moments, cylinder_moments
from rayloom.types import Intervals, Rays

close = torch.testing.assert_close
shapes = pytest.mark.parametrize("shape", ["cone", "cylinder"])


def rays(directions: torch.Tensor, radius: float) -> Rays:
    n = len(directions)
    directions = torch.nn.functional.normalize(directions, dim=-1)
    return Rays(
        origins=torch.arange(3 * n, dtype=directions.dtype).reshape(n, 3),
        directions=directions,
        view_directions=directions,
        near=torch.zeros(n, dtype=directions.dtype),
        far=torch.ones(n, dtype=directions.dtype),
        radii=torch.full((n,), radius, dtype=directions.dtype),
        camera_index=torch.zeros(n, dtype=torch.int64),
        pixels=torch.zeros(n, 2),
        time=torch.zeros(n),
    )


def single(start: float, end: float, dtype: torch.dtype = torch.float64) -> Intervals:
    return Intervals(torch.tensor([start, end], dtype=dtype))


def exact_cone_moments(start: float, end: float, radius: float) -> tuple[float, float, float]:
    """The integrals over the frustum in rational numbers, in which nothing cancels."""
    t0, t1 = Fraction(start), Fraction(end)
    volume = (t1**3 - t0**3) / 3
    mean = (t1**4 - t0**4) / 4 / volume
    mean_square = (t1**5 - t0**5) / 5 / volume
    # Over a disc of radius R the square of either coordinate has the mean R² / 4.
    across = Fraction(radius) ** 2 / 4 * mean_square
    return float(mean), float(mean_square - mean**2), float(across)


def assert_exact(intervals: Intervals, radius: float, rtol: float) -> None:
    dtype = intervals.edges.dtype
    moments = cone_moments(intervals, torch.tensor(radius, dtype=dtype))
    start, end = intervals.edges.tolist()
    found = torch.stack([moments.distance[0], moments.along[0], moments.across[0]]).double()
    exact = exact_cone_moments(start, end, torch.tensor(radius, dtype=dtype).item())
    close(found, torch.tensor(exact, dtype=torch.float64), rtol=rtol, atol=0)


@given(st.floats(0, 1e6), st.floats(1e-6, 1e6), st.floats(1e-6, 10))
def test_moments_of_a_cone_are_those_of_exact_integration(start, width, radius):
    # What the edges themselves lose in `start + width` is no matter: the integral takes them as they are.
    if start + width > start:
        assert_exact(single(start, start + width), radius, rtol=1e-12)


@pytest.mark.parametrize(("start", "end"), [(1e4 - 1e-3, 1e4 + 1e-3), (0, 1e-5), (0, 1e5), (1e-12, 1e-10)])
def test_single_precision_suffices_for_short_distant_tiny_and_large_intervals(start, end):
    # A few roundings of 6e-8 each.
    assert_exact(single(start, end, torch.float32), 1e-3, rtol=5e-7)


def test_touching_intervals_mix_to_the_moments_of_their_union():
    edges = torch.tensor([0.5, 1.0, 1.2, 3.0], dtype=torch.float64)
    radius = torch.tensor(0.1, dtype=torch.float64)
    pieces = cone_moments(Intervals(edges), radius)
    whole = cone_moments(Intervals(edges[[0, -1]]), radius)
    share = edges.pow(3).diff() / (edges[-1] ** 3 - edges[0] ** 3)
    mean = (share * pieces.distance).sum()
    close(mean, whole.distance[0])
    close((share * (pieces.along + (pieces.distance - mean).square())).sum(), whole.along[0])
    close((share * pieces.across).sum(), whole.across[0])


@shapes
def test_gaussians_have_the_moments_of_points_drawn_from_the_volume(shape):
    start, end, radius, num = 1.0, 3.0, 0.5, 200_000
    sideways_1 = torch.tensor([2.0, 1.0, -2.0], dtype=torch.float64) / 3
    sideways_2 = torch.tensor([2.0, -2.0, 1.0], dtype=torch.float64) / 3
    forward = torch.cross(sideways_1, sideways_2, dim=0)
    u, angle, area = torch.rand(3, num, dtype=torch.float64)
    if shape == "cone":
        t = (start**3 + u * (end**3 - start**3)) ** (1 / 3)
        r = radius * t * area.sqrt()
    else:
        t = start + u * (end - start)
        r = radius * area.sqrt()
    x, y = r * (math.tau * angle).cos(), r * (math.tau * angle).sin()
    ray = rays(forward[None], radius)
    drawn = ray.origins + t[:, None] * forward + x[:, None] * sideways_1 + y[:, None] * sideways_2
    gaussian = cast_cones(ray, Intervals(torch.tensor([[start, end]], dtype=torch.float64)), shape)[0]
    frame = torch.stack([forward, sideways_1, sideways_2])
    expected = frame @ drawn.T.cov() @ frame.T
    found = frame @ gaussian.covariances[0] @ frame.T
    close(frame @ gaussian.means[0], frame @ drawn.mean(0), rtol=0.01, atol=0.01)
    close(found.diagonal(), expected.diagonal(), rtol=0.01, atol=0)
    close(found, expected, rtol=0, atol=0.01 * expected.diagonal().max().item())


@shapes
def test_the_ray_and_what_is_across_it_are_principal_axes(shape):
    rays_ = rays(torch.randn(20, 3, dtype=torch.float64), 0.05)
    intervals = Intervals(torch.rand(20, 6, dtype=torch.float64).cumsum(-1))
    gaussians = cast_cones(rays_, intervals, shape)
    moments = (cone_moments if shape == "cone" else cylinder_moments)(intervals, rays_.radii)
    forward = rays_.directions[:, None, :]
    sideways = torch.cross(forward, torch.randn_like(forward), dim=-1)
    sideways = sideways / sideways.norm(dim=-1, keepdim=True)
    for axis, variance in [(forward, moments.along), (sideways, moments.across)]:
        pulled = (gaussians.covariances @ axis[..., None])[..., 0]
        close(pulled, variance[..., None] * axis, rtol=1e-9, atol=1e-14)
    close(gaussians.means, rays_.at(moments.distance))


@shapes
def test_the_diagonal_is_that_of_the_covariance(shape):
    rays_ = rays(torch.randn(20, 3, dtype=torch.float64), 0.05)
    intervals = Intervals(torch.rand(20, 6, dtype=torch.float64).cumsum(-1))
    gaussians = cast_cones(rays_, intervals, shape)
    means, variances = cast_cones_diagonal(rays_, intervals, shape)
    close(means, gaussians.means)
    close(variances, gaussians.covariances.diagonal(dim1=-2, dim2=-1), rtol=1e-12, atol=0)


def test_variances_keep_their_digits_where_a_ray_is_almost_an_axis():
    direction = torch.tensor([[1.0, 1e-4, 2e-4]])
    intervals = Intervals(torch.tensor([[100.0, 100.001]]))
    coarse = cast_cones_diagonal(rays(direction, 0.1), intervals, "cone")[1]
    full = cast_cones(rays(direction, 0.1), intervals, "cone").covariances.diagonal(dim1=-2, dim2=-1)
    exact = cast_cones_diagonal(rays(direction.double(), 0.1), Intervals(intervals.edges.double()), "cone")[1]
    # 1 - x² would be wrong by one part in two: it is 5e-8, and 1 has a rounding of 6e-8.
    close(coarse.double(), exact, rtol=1e-6, atol=0)
    close(full.double(), exact, rtol=1e-6, atol=0)


def test_a_cylinder_is_as_wide_everywhere():
    intervals = Intervals(torch.tensor([0.0, 1.0, 5.0]))
    moments = cylinder_moments(intervals, torch.tensor(0.4))
    close(moments.distance, torch.tensor([0.5, 3.0]))
    close(moments.along, torch.tensor([1 / 12, 16 / 12]))
    close(moments.across, torch.tensor([0.04, 0.04]))


@shapes
def test_intervals_without_width_are_discs_with_finite_gradients(shape):
    edges = torch.tensor([[0.0, 0.0, 1.0, 1.0, 1e4, 1e4]], requires_grad=True)
    ray = rays(torch.tensor([[0.0, 0.0, 1.0]]), 0.1)
    gaussians = cast_cones(ray, Intervals(edges), shape)
    means, variances = cast_cones_diagonal(ray, Intervals(edges), shape)
    radii = torch.tensor([0.0, 1.0, 1e4]) if shape == "cone" else torch.ones(3)
    close(means[0, ::2, 2], ray.origins[0, 2] + torch.tensor([0.0, 1.0, 1e4]))
    close(variances[0, ::2, 0], (0.1 * radii).square() / 4)
    close(variances[0, ::2, 2], torch.zeros(3))
    total = gaussians.means.sum() + gaussians.covariances.sum() + means.sum() + variances.sum()
    (gradient,) = torch.autograd.grad(total, edges)
    assert gradient.isfinite().all()


@shapes
def test_gradients_to_edges_and_radii_are_true(shape):
    moments = cone_moments if shape == "cone" else cylinder_moments
    edges = torch.rand(2, 4, dtype=torch.float64).cumsum(-1).requires_grad_()
    radii = torch.rand(2, dtype=torch.float64, requires_grad=True)

    def flat(edges: torch.Tensor, radii: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = moments(Intervals(edges), radii)
        return found.distance, found.along, found.across

    assert torch.autograd.gradcheck(flat, (edges, radii))
