from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.sampling.spacing import Spacing, s_from_t, t_from_s

ALL: tuple[Spacing, ...] = get_args(Spacing)
FROM_ZERO: tuple[Spacing, ...] = ("distance", "power", "piecewise")
close = torch.testing.assert_close

every = pytest.mark.parametrize("spacing", ALL)
from_zero = pytest.mark.parametrize("spacing", FROM_ZERO)


def ends(near: float, far: float, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([near], dtype=dtype), torch.tensor([far], dtype=dtype)


def grid(num: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.linspace(0, 1, num, dtype=dtype)[None]


FORMULAS = {
    "distance": lambda t: t,
    "disparity": lambda t: 1 / t,
    "log": torch.log,
    "power": lambda t: 2.5 / -1.5 * ((2 * t / 2.5 + 1) ** -1.5 - 1),
    "piecewise": lambda t: torch.where(t < 1, t / 2, 1 - 1 / (2 * t)),
}


@every
@given(near=st.floats(0.05, 3), length=st.floats(0.1, 1e3))
def test_the_named_quantity_grows_evenly_with_s(spacing, near, length):
    t = t_from_s(grid(33, torch.float64), *ends(near, near + length, torch.float64), spacing)
    steps = FORMULAS[spacing](t).diff()
    close(steps, steps.mean().expand_as(steps), rtol=1e-6, atol=1e-13)


@every
@given(near=st.floats(0.05, 3), length=st.floats(0.1, 1e6), num=st.integers(1, 33))
def test_s_comes_back_from_t(spacing, near, length, num):
    s = torch.rand(1, num, dtype=torch.float64)
    near_far = ends(near, near + length, torch.float64)
    close(s_from_t(t_from_s(s, *near_far, spacing), *near_far, spacing), s, rtol=0, atol=1e-9)


@every
def test_float32_follows_float64_from_close_by_to_a_million(spacing):
    s = grid(4097)
    t = t_from_s(s, *ends(0.2, 1e6), spacing)
    assert (t.diff() > 0).all()
    # A dozen roundings of float32, each of at most 6e-8, in a logarithm of size 14.
    close(t.double(), t_from_s(s.double(), *ends(0.2, 1e6, torch.float64), spacing), rtol=5e-6, atol=1e-7)
    close(s_from_t(t, *ends(0.2, 1e6), spacing), s, rtol=0, atol=1e-6)


@every
@given(near=st.floats(0.01, 10), length=st.floats(0.1, 1e6))
def test_both_ends_are_exact(spacing, near, length):
    near_far = ends(near, near + length)
    t = t_from_s(torch.tensor([[0.0, 1.0]]), *near_far, spacing)
    assert torch.equal(t, torch.stack(near_far, dim=-1))
    assert torch.equal(s_from_t(t, *near_far, spacing), torch.tensor([[0.0, 1.0]]))


@from_zero
def test_a_ray_may_begin_at_its_origin(spacing):
    t = t_from_s(grid(4097), *ends(0.0, 1e6), spacing)
    assert t[0, 0] == 0
    assert (t.diff() > 0).all()


def test_the_piecewise_map_spends_half_of_s_on_the_unit_ball():
    t = t_from_s(torch.tensor([[0.25, 0.5, 0.75]]), *ends(0.0, float("inf")), "piecewise")
    close(t, torch.tensor([[0.5, 1.0, 2.0]]))


@every
def test_a_ray_without_length_stays_where_it_is(spacing):
    near_far = ends(2.0, 2.0)
    t = t_from_s(grid(5), *near_far, spacing)
    assert (t == 2).all()
    assert torch.equal(s_from_t(t, *near_far, spacing), torch.zeros(1, 5))


@every
def test_every_ray_has_its_own_ends(spacing):
    near, far = torch.tensor([[0.5, 1.0]]), torch.tensor([[2.0, 30.0]])
    t = t_from_s(grid(5).expand(1, 2, 5), near, far, spacing)
    close(t[0, 1:], t_from_s(grid(5), near[0, 1:], far[0, 1:], spacing))


@every
def test_gradients_are_true(spacing):
    s = torch.rand(2, 5, dtype=torch.float64).requires_grad_()
    near = torch.tensor([0.3, 1.5], dtype=torch.float64).requires_grad_()
    far = torch.tensor([4.0, 50.0], dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, near, far: t_from_s(s, near, far, spacing), (s, near, far))
    t = t_from_s(s, near, far, spacing).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda t, near, far: s_from_t(t, near, far, spacing), (t, near, far))


@from_zero
def test_gradients_are_finite_at_the_origin_at_the_joint_and_far_away(spacing):
    t = torch.tensor([[0.0, 1e-20, 1.0, 1e6]]).requires_grad_()
    s = s_from_t(t, *ends(0.0, 1e6), spacing)
    back = t_from_s(s, *ends(0.0, 1e6), spacing)
    for y, x in ((s, t), (back, s)):
        (gradient,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
        assert gradient.isfinite().all()
