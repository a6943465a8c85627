import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.kernels import total_variation

SHAPES = [
    (3, 7),
    (1, 2),
    (2, 5, 4),
    (4, 1, 6),
    (3, 4, 5, 2),
    (2, 1, 1, 3),
    (1, 1),
    (2, 1, 1, 1),
    (0, 4),
    (3, 0, 2),
]
IMPLEMENTATIONS = ["torch", "numba"]


def brute_force(grid: np.ndarray) -> float:
    """Every pair of neighbours by itself."""
    total = 0.0
    for axis in range(1, grid.ndim):
        squares = []
        for index in itertools.product(*map(range, grid.shape)):
            after = tuple(i + (k == axis) for k, i in enumerate(index))
            if after[axis] < grid.shape[axis]:
                squares.append((grid[after] - grid[index]) ** 2)
        total += sum(squares) / max(len(squares), 1)
    return total


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_it_is_what_the_pairs_of_neighbours_say(shape, implementation):
    grid = torch.randn(shape)
    found = total_variation(grid, implementation=implementation)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(brute_force(grid.double().numpy()), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_is_that_of_the_value(shape):
    grid = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(total_variation, grid)


@pytest.mark.parametrize("shape", [(2, 100_000), (3, 200, 170), (5, 40, 33, 27)])
def test_grids_of_many_blocks_of_work_equal_the_reference(shape):
    grid = torch.randn(shape)
    exact, fast = grid.double().requires_grad_(), grid.requires_grad_()
    # Another factor than 1 shows whether the gradient from above arrives.
    expected, found = 3 * total_variation(exact), 3 * total_variation(fast, implementation="numba")
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    expected.backward()
    found.backward()
    torch.testing.assert_close(fast.grad, exact.grad, check_dtype=False, rtol=1e-5, atol=1e-5 / grid.numel())


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_grid_that_is_not_contiguous_counts_in_its_own_order(implementation):
    grid = torch.randn(4, 6, 3, 5)
    turned = grid.permute(2, 1, 3, 0)[:, ::2]
    found = total_variation(turned, implementation=implementation)
    assert found.item() == pytest.approx(brute_force(turned.double().numpy()), rel=1e-5)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.floats(-100, 100, width=32))
def test_what_is_the_same_everywhere_in_a_channel_has_none(space, level):
    channels = torch.tensor([level, 0.5 - level])
    grid = channels.reshape(2, *[1] * len(space)).repeat(1, *space).requires_grad_()
    found = total_variation(grid)
    assert found.item() == 0
    found.backward()
    assert grid.grad is not None
    assert not grid.grad.any()


@given(st.permutations([0, 1, 2]), st.floats(-8, 8, width=32))
def test_axes_may_change_places_and_the_scale_comes_out_squared(order, scale):
    grid = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    plain = total_variation(grid).item()
    assert total_variation(grid.permute(0, *(axis + 1 for axis in order))).item() == pytest.approx(
        plain, rel=1e-12
    )
    assert total_variation(scale * grid + 1).item() == pytest.approx(scale**2 * plain, rel=1e-9, abs=1e-20)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_the_same_slope_at_half_the_cells_costs_four_times_as_much(implementation):
    """One weight serves all resolutions and channels: means do not grow with the number of neighbours."""
    fine = torch.linspace(0, 1, 65).repeat(3, 8, 1)
    coarse = torch.linspace(0, 1, 33).repeat(1, 2, 1)
    ratio = total_variation(coarse, implementation=implementation) / total_variation(
        fine, implementation=implementation
    )
    assert ratio.item() == pytest.approx(4, rel=1e-5)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_number_that_is_none_is_not_hidden(implementation):
    grid = torch.zeros(2, 9, 33)
    grid[1, 4, 20] = float("nan")
    assert total_variation(grid, implementation=implementation).isnan()
