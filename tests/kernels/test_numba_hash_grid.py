"""What the fast hash grid makes of points that are no numbers, or infinitely far."""

import math

import pytest
import torch

from rayloom.kernels import HashGridLayout, hash_grid


@pytest.mark.parametrize("log2_rows", [6, 15])
def test_points_that_are_no_numbers_are_nowhere_in_a_hash_grid(log2_rows):
    """They have no features, and neither they nor the table learns from them: tables are not poisoned."""
    layout = HashGridLayout(4, 4, log2_rows, 4, 20)
    points, table = torch.rand(1000, 3), torch.randn(layout.num_rows, 4)
    bad = torch.rand(1000) < 0.2
    points[bad, torch.randint(3, (int(bad.sum()),))] = math.nan
    points.requires_grad_()
    table.requires_grad_()
    features = hash_grid(points, table, layout, implementation="numba")
    slope = torch.randn_like(features)
    grads = torch.autograd.grad(features, (points, table), slope)
    assert not features[bad].any()
    assert not grads[0][bad].any()
    good = points[~bad].detach().requires_grad_()
    expected = hash_grid(good, table, layout, implementation="numba")
    assert torch.equal(features[~bad], expected)
    expected_grads = torch.autograd.grad(expected, (good, table), slope[~bad])
    assert torch.equal(grads[0][~bad], expected_grads[0])
    torch.testing.assert_close(grads[1], expected_grads[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("far", [math.inf, -math.inf, 3e38])
def test_infinitely_far_points_take_the_value_of_the_nearest_face(far):
    layout = HashGridLayout(4, 4, 8, 4, 20)
    points, table = torch.rand(100, 3), torch.randn(layout.num_rows, 4)
    points[::3, 1] = far
    exact = hash_grid(points.double(), table.double(), layout)
    found = hash_grid(points, table, layout, implementation="numba")
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)
