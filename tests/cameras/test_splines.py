from itertools import pairwise, permutations

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from rayloom.cameras.splines import short_order, smooth_curve

close = torch.testing.assert_close


def length(distances: torch.Tensor, order) -> float:
    return sum(float(distances[a, b]) for a, b in pairwise(order))


@given(st.integers(0, 2**31), st.integers(1, 6))
def test_the_order_visits_every_place_once_and_is_hardly_longer_than_the_best(seed, n):
    places = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    distances = torch.cdist(places, places)
    order = short_order(distances).tolist()
    assert sorted(order) == list(range(n))
    best = min(length(distances, other) for other in permutations(range(n)))
    # 2-opt ends in a local optimum; for so few places it is close to the best.
    assert length(distances, order) <= 1.25 * best + 1e-9


def test_places_on_a_line_come_in_their_order():
    places = torch.randperm(40)[:, None].double()
    order = places[short_order(torch.cdist(places, places)), 0]
    assert order.diff().abs().eq(1).all()


def test_equal_places_end_the_search():
    assert sorted(short_order(torch.zeros(5, 5, dtype=torch.float64)).tolist()) == [0, 1, 2, 3, 4]


@given(st.integers(0, 2**31), st.integers(2, 8))
def test_the_curve_meets_its_knots_and_agrees_with_scipy(seed, n):
    g = torch.Generator().manual_seed(seed)
    knots = (0.1 + torch.rand(n, generator=g, dtype=torch.float64)).cumsum(0)
    values = torch.randn(n, 3, generator=g, dtype=torch.float64)
    close(smooth_curve(knots, values, knots), values)
    slopes = values.diff(dim=0) / knots.diff()[:, None]
    parabola = [slopes[0]]
    for i in range(1, n - 1):
        before, after = knots[i] - knots[i - 1], knots[i + 1] - knots[i]
        parabola.append((after * slopes[i - 1] + before * slopes[i]) / (before + after))
    parabola.append(slopes[-1])
    reference = CubicHermiteSpline(knots.numpy(), values.numpy(), torch.stack(parabola).numpy())
    at = knots[0] + (knots[-1] - knots[0]) * torch.rand(50, generator=g, dtype=torch.float64)
    close(smooth_curve(knots, values, at), torch.from_numpy(reference(at.numpy())))


def test_a_straight_line_stays_straight():
    knots = torch.tensor([0.0, 1.0, 5.0, 5.5], dtype=torch.float64)
    at = torch.linspace(0, 5.5, 30, dtype=torch.float64)
    close(smooth_curve(knots, 2 * knots[:, None] + 1, at), 2 * at[:, None] + 1)
