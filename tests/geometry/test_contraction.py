import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.geometry.boxes import Box
from rayloom.geometry.contraction import (
    contract,
    contract_gaussians,
    contraction_jacobian,
    frame_from_world,
    stretch_share,
    uncontract,
)
from rayloom.types import Gaussians

close = torch.testing.assert_close
norms = pytest.mark.parametrize("norm", ["l2", "linf"])


def radius(points: torch.Tensor, norm: str) -> torch.Tensor:
    return points.norm(dim=-1) if norm == "l2" else points.abs().amax(-1)


def points(seed: int, scale: float) -> torch.Tensor:
    return scale * torch.randn(50, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@norms
@given(seed=st.integers(0, 2**31))
def test_contraction_is_identity_inside_the_unit_ball(norm, seed):
    inside = points(seed, 1.0)
    inside = inside / radius(inside, norm).clamp_min(1)[:, None]
    close(contract(inside, norm), inside)
    close(uncontract(inside, norm), inside)


@norms
@given(seed=st.integers(0, 2**31), scale=st.floats(0.5, 1e4))
def test_outside_the_radius_becomes_two_minus_its_inverse(norm, seed, scale):
    outside = points(seed, scale)
    outside = outside[radius(outside, norm) > 1]
    contracted = contract(outside, norm)
    close(radius(contracted, norm), 2 - 1 / radius(outside, norm))
    close(torch.cross(contracted, outside, dim=-1), torch.zeros_like(outside), rtol=0, atol=1e-9 * scale)
    close(uncontract(contracted, norm), outside)


@norms
def test_all_of_space_fits_in_the_ball_of_radius_two(norm):
    far = torch.tensor([[1e18, 0.0, 0.0], [1e15, -1e15, 1e15], [0.0, 0.0, 0.0]])
    assert (radius(contract(far, norm), norm) <= 2 + 1e-6).all()


@norms
def test_the_inverse_stays_finite_on_the_boundary_and_beyond(norm):
    beyond = torch.tensor([[2.0, 0.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 2.0]])
    assert uncontract(beyond, norm).isfinite().all()


@norms
def test_gradients_are_true_inside_and_outside(norm):
    everywhere = torch.cat([points(0, 0.3), points(1, 5.0)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: contract(x, norm), everywhere)


@norms
def test_gradients_are_finite_at_the_origin_at_the_boundary_and_far_away(norm):
    hard = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1e12, 0.0, 0.0]])
    hard.requires_grad_()
    (gradient,) = torch.autograd.grad(contract(hard, norm).sum(), hard)
    assert gradient.isfinite().all()


def spread(n: int, scale: float, width: float) -> Gaussians:
    """Normal distributions of random shape around random places."""
    factors = width * torch.randn(n, 3, 3, dtype=torch.float64)
    return Gaussians(scale * torch.randn(n, 3, dtype=torch.float64), factors @ factors.mT)


@norms
@pytest.mark.parametrize("scale", [0.2, 1.0, 10.0, 1e6])
def test_the_jacobian_is_that_of_autograd(norm, scale):
    places = points(3, scale)
    slow = torch.stack([torch.autograd.functional.jacobian(lambda x: contract(x, norm), x) for x in places])
    size = slow.abs().amax((-2, -1), keepdim=True)
    close(contraction_jacobian(places, norm) / size, slow / size, rtol=0, atol=1e-12)


@norms
@given(seed=st.integers(0, 2**31), scale=st.floats(0.1, 1e4))
def test_space_is_never_turned_inside_out(norm, seed, scale):
    places = points(seed, scale)
    r = radius(places, norm).clamp_min(1)
    # In the maximum norm one axis is squeezed to 1/r² and two are scaled along the face, as on the sphere.
    close(contraction_jacobian(places, norm).det(), (2 - 1 / r) ** 2 / r**4, rtol=1e-7, atol=0)


@norms
def test_gaussians_inside_the_unit_ball_stay_as_they_are(norm):
    gaussians = spread(50, 0.2, 1.0)
    gaussians = gaussians[radius(gaussians.means, norm) < 1]
    contracted = contract_gaussians(gaussians, norm)
    close(contracted.means, gaussians.means)
    close(contracted.covariances, gaussians.covariances)


@norms
@pytest.mark.parametrize("scale", [0.5, 5.0, 100.0])
def test_narrow_gaussians_move_like_points_drawn_from_them(norm, scale):
    width = 1e-4
    gaussians = spread(1, scale, width)
    factor = torch.linalg.cholesky(gaussians.covariances[0])
    drawn = gaussians.means + torch.randn(200_000, 3, dtype=torch.float64) @ factor.mT
    moved = contract(drawn, norm)
    contracted = contract_gaussians(gaussians, norm)
    close(contracted.means[0], moved.mean(0), rtol=0, atol=0.01 * width)
    size = contracted.covariances.abs().max().item()
    close(contracted.covariances[0], moved.T.cov(), rtol=0, atol=0.01 * size)


@norms
def test_contracted_gaussians_are_symmetric_and_have_no_negative_variance(norm):
    covariances = contract_gaussians(spread(100, 30.0, 20.0), norm).covariances
    close(covariances, covariances.mT)
    assert (torch.linalg.eigvalsh(covariances) > -1e-12).all()


@norms
def test_gradients_of_contracted_gaussians_are_true(norm):
    gaussians = spread(4, 3.0, 0.5)

    def flat(means: torch.Tensor, covariances: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        contracted = contract_gaussians(Gaussians(means, covariances), norm)
        return contracted.means, contracted.covariances

    inputs = gaussians.means.requires_grad_(), gaussians.covariances.requires_grad_()
    assert torch.autograd.gradcheck(flat, inputs)


@norms
def test_gradients_of_gaussians_are_finite_at_the_origin_at_the_boundary_and_far_away(norm):
    hard = torch.tensor(
        [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.6, 0.0, -0.8], [1.0, 1.0, 1.0], [1e6, -1e6, 3.0]]
    )
    hard.requires_grad_()
    contracted = contract_gaussians(Gaussians(hard, 1e4 * torch.eye(3).expand(5, 3, 3)), norm)
    assert contracted.covariances.isfinite().all()
    (gradient,) = torch.autograd.grad(contracted.means.sum() + contracted.covariances.sum(), hard)
    assert gradient.isfinite().all()


def test_a_grids_frame_is_its_box_or_twice_as_wide_and_then_holds_all_of_space():
    box = Box(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 4.0, 3.0]))
    corners = torch.stack([box.low, box.high])
    close(frame_from_world(corners, box, contracted=False), torch.tensor([[-1.0] * 3, [1.0] * 3]))
    close(frame_from_world(corners, box, contracted=True), torch.tensor([[-0.5] * 3, [0.5] * 3]))
    assert frame_from_world(1e6 * torch.randn(50, 3), box, contracted=True).abs().max() <= 1


def test_the_stretch_is_one_in_the_box_and_one_over_the_distance_outside():
    box = Box(-torch.ones(3), torch.ones(3))
    places = torch.tensor([[0.3, -0.9, 0.1], [1.0, 1.0, 1.0], [4.0, 1.0, -2.0], [0.0, -50.0, 20.0]])
    shares = stretch_share(frame_from_world(places, box, contracted=True))
    close(shares, torch.tensor([1.0, 1.0, 0.25, 0.02]))
