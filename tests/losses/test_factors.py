import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.kernels import total_variation
from rayloom.losses.factors import roughness, sparsity

SHAPES = [(2, 4, 3), (3, 5, 6), (1, 2, 2), (3, 7)]


def drawn(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


def test_sparsity_is_the_sum_of_mean_absolute_values():
    factors = [torch.tensor([[1.0, -3.0]]), torch.tensor([[[-2.0], [0.0]]])]
    assert sparsity(factors).item() == 2 + 1


def test_roughness_is_the_sum_of_mean_squared_differences():
    planes = [torch.tensor([[[0.0, 1.0], [2.0, 3.0]]]), torch.tensor([[[5.0, 2.0, 2.0]]])]
    assert roughness(planes).item() == 1 + 4 + 4.5


def test_roughness_is_that_of_each_plane_and_takes_lines_as_well():
    factors = drawn(*SHAPES)
    assert roughness(factors).item() == pytest.approx(sum(total_variation(f).item() for f in factors))


@given(st.floats(-100, 100))
def test_both_follow_the_scale_of_the_factors(scale):
    factors = drawn(*SHAPES)
    scaled = [scale * factor for factor in factors]
    assert sparsity(scaled).item() == pytest.approx(abs(scale) * sparsity(factors).item())
    assert roughness(scaled).item() == pytest.approx(scale**2 * roughness(factors).item())


@pytest.mark.parametrize("loss", [sparsity, roughness])
def test_gradients_are_those_of_the_value(loss):
    factors = [factor.requires_grad_() for factor in drawn(*SHAPES)]
    assert torch.autograd.gradcheck(lambda *factors: loss(factors), factors)


@pytest.mark.parametrize("loss", [sparsity, roughness])
def test_factors_of_zeros_are_the_least_and_have_a_gradient_of_zero(loss):
    factors = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    value = loss(factors)
    assert value.item() == 0
    value.backward()
    for factor in factors:
        assert factor.grad is not None
        assert not factor.grad.any()
