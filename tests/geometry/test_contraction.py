import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.geometry.contraction import contract, uncontract

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
