import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels.hash_grid import HashGridLayout, corners, hash_grid

LAYOUT = HashGridLayout(num_levels=3, features_per_level=2, log2_rows=9, coarsest=4, finest=30)


def table(layout: HashGridLayout) -> torch.Tensor:
    return torch.randn(layout.num_rows, layout.features_per_level, dtype=torch.float64)


def test_levels_grow_geometrically_and_lie_one_after_another():
    layout = HashGridLayout(num_levels=5, features_per_level=4, log2_rows=15, coarsest=16, finest=256)
    assert [level.resolution for level in layout.levels] == [16, 32, 64, 128, 256]
    ends = [level.offset + level.mask + 1 for level in layout.levels]
    assert [level.offset for level in layout.levels[1:]] == ends[:-1]
    assert layout.num_rows == ends[-1]
    assert layout.num_channels == 20


@pytest.mark.parametrize("resolution", [1, 3, 7])
def test_a_dense_level_has_a_row_of_its_own_for_every_corner(resolution):
    (level,) = HashGridLayout(1, 2, 12, resolution, resolution).levels
    steps = range(resolution + 1)
    lattice = torch.tensor(list(itertools.product(steps, repeat=3)), dtype=torch.float64) / resolution
    rows, weights = corners(lattice, level)
    assert len(rows.gather(1, weights.argmax(1, keepdim=True)).unique()) == (resolution + 1) ** 3
    assert rows.max() <= level.mask


def test_a_level_is_hashed_when_its_corners_outnumber_the_rows():
    masks = [level.mask + 1 for level in LAYOUT.levels]
    assert masks == [8**3, 2**9, 2**9]
    assert LAYOUT.levels[0].stride_y == 8
    assert LAYOUT.levels[1].stride_y > 2**9


@settings(max_examples=10)
@given(st.integers(1, 40))
def test_a_linear_function_on_the_corners_is_reproduced_between_them(resolution):
    layout = HashGridLayout(1, 1, 18, resolution, resolution)
    (level,) = layout.levels
    slope = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
    steps = torch.arange(resolution + 1, dtype=torch.float64) / resolution
    lattice = torch.cartesian_prod(steps, steps, steps)
    values = torch.zeros(layout.num_rows, 1, dtype=torch.float64)
    rows, weights = corners(lattice, level)
    values[rows.gather(1, weights.argmax(1, keepdim=True))[:, 0], 0] = lattice @ slope
    points = torch.rand(50, 3, dtype=torch.float64)
    torch.testing.assert_close(hash_grid(points, values, layout)[:, 0], points @ slope)


def test_features_are_continuous_across_cell_walls():
    wall = torch.rand(64, 3, dtype=torch.float64)
    wall[:, 0] = torch.randint(1, 30, (64,)) / 30
    shift = torch.tensor([1e-9, 0, 0], dtype=torch.float64)
    values = table(LAYOUT)
    below, above = hash_grid(wall - shift, values, LAYOUT), hash_grid(wall + shift, values, LAYOUT)
    torch.testing.assert_close(below, above, atol=1e-6, rtol=0)


def test_points_outside_take_the_value_of_the_nearest_face():
    points = torch.rand(64, 3, dtype=torch.float64) * 3 - 1
    values = table(LAYOUT)
    inside = hash_grid(points.clamp(0, 1), values, LAYOUT)
    torch.testing.assert_close(hash_grid(points, values, LAYOUT), inside)


def test_level_weights_scale_whole_levels():
    points, values = torch.rand(7, 3, dtype=torch.float64), table(LAYOUT)
    weights = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    expected = hash_grid(points, values, LAYOUT).unflatten(-1, (3, 2)) * weights[:, None]
    torch.testing.assert_close(hash_grid(points, values, LAYOUT, weights), expected.flatten(-2))


def test_gradients_to_table_and_points():
    layout = HashGridLayout(2, 2, 4, 2, 5)
    values = table(layout).requires_grad_()
    points = (torch.rand(6, 3, dtype=torch.float64) * 0.9 + 0.05).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, v: hash_grid(p, v, layout), (points, values))


def test_a_point_that_is_no_number_has_no_features_and_teaches_nothing():
    points, rows = torch.rand(40, 3, dtype=torch.float64), table(LAYOUT).requires_grad_()
    bad = torch.arange(40) % 4 == 0
    points[bad, 1] = float("nan")
    points.requires_grad_()
    features = hash_grid(points, rows, LAYOUT)
    slope = torch.randn_like(features)
    grads = torch.autograd.grad(features, (points, rows), slope)
    assert not features[bad].any()
    assert not grads[0][bad].any()
    expected = hash_grid(points[~bad].detach(), rows, LAYOUT)
    torch.testing.assert_close(features[~bad], expected)
    torch.testing.assert_close(grads[1], torch.autograd.grad(expected, rows, slope[~bad])[0])
    fast = hash_grid(points.detach().float(), rows.detach().float(), LAYOUT, implementation="numba")
    torch.testing.assert_close(fast, features.detach().float(), rtol=1e-5, atol=1e-5)
