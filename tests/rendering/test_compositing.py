import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.rendering import composite, weights_from_density
from rayloom.types import Intervals


@given(st.integers(1, 40), st.floats(0, 1e4), st.integers(0, 2**31))
def test_weights_and_leftover_transmittance_sum_to_one(n, scale, seed):
    g = torch.Generator().manual_seed(seed)
    density = torch.rand(5, n, generator=g, dtype=torch.float64) * scale
    widths = torch.rand(5, n, generator=g, dtype=torch.float64)
    leftover = torch.exp(-(density * widths).sum(-1))
    weights = weights_from_density(density, widths)
    torch.testing.assert_close(weights.sum(-1) + leftover, torch.ones(5, dtype=torch.float64))


def test_an_opaque_last_interval_takes_what_is_left():
    weights = weights_from_density(torch.tensor([0.5, math.inf]), torch.ones(2))
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))


def test_weights_gradient():
    density, widths = (torch.rand(3, 7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(weights_from_density, (density, widths))


@given(st.integers(1, 30), st.floats(0.01, 10), st.floats(0.1, 5))
def test_opacity_of_even_matter_does_not_depend_on_the_number_of_samples(n, density, length):
    edges = torch.linspace(0, length, n + 1, dtype=torch.float64)[None]
    rendering = composite(
        torch.full((1, n), density, dtype=torch.float64),
        torch.ones(1, n, 3, dtype=torch.float64),
        Intervals(edges),
        (0.0, 0.0, 0.0),
    )
    assert abs(rendering.opacity.item() - (1 - math.exp(-density * length))) < 1e-9


@given(st.integers(1, 10), st.integers(0, 2**31))
def test_splitting_an_interval_changes_nothing(n, seed):
    g = torch.Generator().manual_seed(seed)
    edges = torch.rand(2, n + 1, generator=g, dtype=torch.float64).cumsum(-1)
    density = torch.rand(2, n, generator=g, dtype=torch.float64) * 3
    rgb = torch.rand(2, n, 3, generator=g, dtype=torch.float64)
    fine = torch.cat([edges[:, :-1, None], 0.5 * (edges[:, :-1] + edges[:, 1:])[..., None]], -1).flatten(1)
    fine = torch.cat([fine, edges[:, -1:]], -1)
    whole = composite(density, rgb, Intervals(edges), (0.2, 0.4, 0.6))
    split = composite(
        density.repeat_interleave(2, -1), rgb.repeat_interleave(2, -2), Intervals(fine), (0.2, 0.4, 0.6)
    )
    torch.testing.assert_close(whole.rgb, split.rgb)
    torch.testing.assert_close(whole.opacity, split.opacity)


def test_empty_space_shows_the_background_at_depth_zero():
    rendering = composite(
        torch.zeros(1, 3), torch.rand(1, 3, 3), Intervals(torch.linspace(1, 4, 4)[None]), (0.1, 0.5, 0.9)
    )
    torch.testing.assert_close(rendering.rgb, torch.tensor([[0.1, 0.5, 0.9]]))
    assert rendering.depth.item() == 0


def test_depth_of_a_wall_is_its_distance():
    density = torch.tensor([[0.0, 0.0, 1e6, 5.0]])
    rendering = composite(
        density, torch.ones(1, 4, 3), Intervals(torch.tensor([[1.0, 2, 3, 3.001, 5]])), (0.0, 0.0, 0.0)
    )
    torch.testing.assert_close(rendering.depth, torch.tensor([3.0005]))


def test_an_endless_last_interval_hides_the_background():
    density = torch.tensor([[0.0, 0.01]])
    rendering = composite(
        density, torch.zeros(1, 2, 3), Intervals(torch.tensor([[1.0, 2, 3]])), (1.0, 1.0, 1.0), endless=True
    )
    torch.testing.assert_close(rendering.opacity, torch.tensor([1.0]))
    torch.testing.assert_close(rendering.rgb, torch.zeros(1, 3))


def test_density_counts_by_other_widths_where_they_are_given():
    edges, density = torch.tensor([[0.0, 1.0, 3.0]]), torch.tensor([[0.4, 0.7]])
    widths = torch.tensor([[0.5, 0.25]])
    found = composite(density, torch.ones(1, 2, 3), Intervals(edges), (0.0, 0.0, 0.0), widths=widths)
    torch.testing.assert_close(found.weights, weights_from_density(density, widths))
    # Depth is that of the intervals: 0.5 and 2.
    torch.testing.assert_close(found.depth, (found.weights @ torch.tensor([0.5, 2.0])) / found.opacity)
