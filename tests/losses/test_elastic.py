import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.geometry.transforms import so3_exp
from rayloom.losses.elastic import elastic, geman_mcclure, squared_log_stretch, staying

close = torch.testing.assert_close
seeds = st.integers(0, 2**31)


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def general_loss(x: float, alpha: float, scale: float) -> float:
    """Barron (2019), eq. 1."""
    size = abs(alpha - 2)
    return size / alpha * (((x / scale) ** 2 / size + 1) ** (alpha / 2) - 1)


@pytest.mark.parametrize("x", [0.0, 0.001, 0.03, 0.5, 100.0])
def test_geman_mcclure_is_the_general_loss_with_alpha_minus_two(x: float):
    squared = torch.tensor(x * x, dtype=torch.float64)
    assert float(geman_mcclure(squared, 0.03)) == pytest.approx(general_loss(x, -2, 0.03))


@given(seeds)
def test_stretches_are_the_singular_values(seed):
    jacobians = drawn(seed, 7, 3, 3)
    expected = torch.linalg.svdvals(jacobians).log().square().sum(-1)
    close(squared_log_stretch(jacobians), expected, rtol=1e-6, atol=1e-9)


@given(seeds)
def test_turning_costs_nothing_and_stretching_as_much_as_squeezing(seed):
    turns = so3_exp(drawn(seed, 2, 4, 3))
    close(elastic(turns[0]), torch.zeros(4, dtype=torch.float64))
    stretch = torch.diag(torch.tensor([1.5, 1.0, 0.8], dtype=torch.float64))
    expected = torch.tensor(math.log(1.5) ** 2 + math.log(0.8) ** 2, dtype=torch.float64).expand(4)
    for stretched in (stretch, torch.linalg.inv(stretch)):
        close(squared_log_stretch(turns[0] @ stretched @ turns[1]), expected)


def test_gradients_are_exact_also_where_singular_values_are_equal():
    equal = torch.stack([torch.eye(3, dtype=torch.float64), 1.2 * so3_exp(drawn(0, 3)), drawn(1, 3, 3)])
    assert torch.autograd.gradcheck(elastic, equal.requires_grad_())


def test_what_is_crushed_has_a_finite_loss_and_gradient():
    crushed = torch.diag(torch.tensor([1.0, 1.0, 0.0])).requires_grad_()
    loss = elastic(crushed)
    loss.backward()
    assert loss.isfinite()
    assert crushed.grad is not None
    assert crushed.grad.isfinite().all()


def test_staying_is_free_and_going_far_costs_no_more_than_two():
    points = drawn(0, 3, 3)
    close(staying(points, points), torch.zeros(3, dtype=torch.float64))
    far = staying(points, points + 100)
    assert ((far > 1.99) & (far <= 2)).all()
