import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rayloom.sampling.stepfun import (
    anneal,
    box_blur,
    centred_quantiles,
    dilate,
    inner_measure,
    invert_cdf,
    max_blur,
    outer_measure,
    quantiles,
    sample_intervals,
    value_at,
)

close = torch.testing.assert_close
SIZES, SEEDS = st.integers(1, 33), st.integers(0, 2**31)


def histogram(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    g = torch.Generator().manual_seed(seed)
    edges = torch.rand(3, n + 1, generator=g, dtype=torch.float64).cumsum(-1)
    weights = torch.rand(3, n, generator=g, dtype=torch.float64)
    return edges, weights, g


def on_a_grid(n: int, g: torch.Generator) -> torch.Tensor:
    """n+1 rising edges for three rays on multiples of 1/16, so that many of them coincide."""
    return torch.randint(0, 17, (3, n + 1), generator=g).sort(-1).values.double() / 16


def coarse(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    """Bins on a grid, some without width, and weights of which a third is zero."""
    g = torch.Generator().manual_seed(seed)
    weights = torch.rand(3, n, generator=g, dtype=torch.float64)
    return on_a_grid(n, g), weights * (torch.rand(3, n, generator=g) > 1 / 3), g


def spanning(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    """The same from 0 to 1, where bins without width hold nothing."""
    edges, weights, g = coarse(n, seed)
    edges[:, 0], edges[:, -1] = 0, 1
    return edges, weights * (edges.diff() > 0), g


@given(SIZES, SIZES, SEEDS)
def test_a_value_is_that_of_the_bin_around_a_point(n, m, seed):
    edges, values, g = coarse(n, seed)
    t = torch.randint(-2, 19, (3, m), generator=g).double() / 16
    within = (edges[:, None, :-1] <= t[..., None]) & (t[..., None] < edges[:, None, 1:])
    close(value_at(t, edges, values), (within * values[:, None]).sum(-1))


@given(SIZES, SIZES, SEEDS)
def test_measures_are_the_weights_of_bins_inside_and_of_bins_that_overlap(n, m, seed):
    edges, weights, g = coarse(n, seed)
    intervals = on_a_grid(m, g)
    low, high = intervals[:, :-1, None], intervals[:, 1:, None]
    start, end = edges[:, None, :-1], edges[:, None, 1:]
    inside = ((start >= low) & (end <= high)) * weights[:, None]
    overlapping = ((start < high) & (end > low)) * weights[:, None]
    close(inner_measure(intervals, edges, weights), inside.sum(-1))
    close(outer_measure(intervals, edges, weights), overlapping.sum(-1))


@given(SIZES, SIZES, SEEDS)
def test_what_an_interval_holds_lies_between_the_measures(n, m, seed):
    edges, weights, g = histogram(n, seed)
    intervals = torch.rand(3, m + 1, generator=g, dtype=torch.float64).sort(-1).values * 1.2 * edges[:, -1:]
    overlap = torch.minimum(intervals[:, 1:, None], edges[:, None, 1:]) - torch.maximum(
        intervals[:, :-1, None], edges[:, None, :-1]
    )
    held = (overlap.clamp_min(0) * (weights / edges.diff())[:, None]).sum(-1)
    assert (inner_measure(intervals, edges, weights) <= held + 1e-12).all()
    assert (outer_measure(intervals, edges, weights) >= held - 1e-12).all()


@given(SIZES, SEEDS)
def test_both_measures_of_the_own_bins_are_the_weights(n, seed):
    edges, weights, _ = histogram(n, seed)
    close(inner_measure(edges, edges, weights), weights)
    close(outer_measure(edges, edges, weights), weights)


def densities(edges: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    widths = edges.diff()
    return torch.where(widths > 0, weights / widths.clamp_min(1e-300), 0)


@given(SIZES, SEEDS, st.sampled_from([0.0, 1 / 64, 1 / 16, 0.1, 0.4, 2.0]))
def test_dilation_takes_the_largest_density_within_its_half_width(n, seed, half_width):
    edges, weights, g = spanning(n, seed)
    wider, mass = dilate(edges, weights, half_width)
    assert wider.shape == (3, 3 * n - 1)
    close(wider[:, [0, -1]], edges[:, [0, -1]])
    t = wider[:, :-1] + wider.diff() * torch.rand(mass.shape, generator=g, dtype=torch.float64)
    start, end = edges[:, None, :-1] - half_width, edges[:, None, 1:] + half_width
    near = (start <= t[..., None]) & (t[..., None] < end)
    expected = (near * densities(edges, weights)[:, None]).amax(-1) * wider.diff()
    total = expected.sum(-1, keepdim=True)
    close(mass, torch.where(total > 0, expected / total.clamp_min(1e-300), 0))


def test_dilation_of_a_bin_without_width_is_a_bin_of_twice_the_half_width():
    edges, weights = torch.tensor([0.0, 0.5, 0.5, 1.0]), torch.tensor([0.0, 1.0, 0.0])
    wider, mass = dilate(edges, weights, 0.125)
    close(
        value_at(torch.tensor([0.3, 0.4, 0.6, 0.7]), wider, mass) > 0,
        torch.tensor([False, True, True, False]),
    )
    close(mass.sum(), torch.tensor(1.0))


def test_dilation_of_a_ray_without_length_is_itself():
    edges = torch.full((2,), 0.5)
    wider, mass = dilate(edges, torch.ones(1), 0.0)
    assert torch.equal(wider, edges)
    assert torch.equal(mass, torch.zeros(1))


def test_dilation_of_nothing_is_nothing():
    _, mass = dilate(torch.linspace(0, 1, 6), torch.zeros(5), 0.1)
    assert torch.equal(mass, torch.zeros(13))


def test_the_envelope_is_the_mean_of_the_larger_neighbours():
    close(max_blur(torch.tensor([0.0, 0.0, 4.0, 2.0, 0.0])), torch.tensor([0.0, 2.0, 4.0, 3.0, 1.0]))


@given(SIZES, SEEDS)
def test_the_envelope_lies_on_or_above_the_weights(n, seed):
    _, weights, _ = coarse(n, seed)
    assert (max_blur(weights) >= weights).all()
    assert (max_blur(weights).amax(-1) == weights.amax(-1)).all()


@given(SIZES, SEEDS, st.floats(1e-2, 2))
def test_the_box_blur_is_the_mean_of_the_step_function_over_the_box(n, seed, half_width):
    edges, values, _ = coarse(n, seed)
    knots, heights = box_blur(edges, values, half_width)
    assert knots.shape == heights.shape == (3, 2 * n + 2)
    # The integral of the step function up to x, at the ends of a box around each knot.
    low, high = ((knots + side)[..., None] for side in (-half_width, half_width))
    reach = [(x.minimum(edges[:, None, 1:]) - edges[:, None, :-1]).clamp_min(0) for x in (low, high)]
    held = ((reach[1] - reach[0]) * values[:, None]).sum(-1)
    close(heights, held / (2 * half_width), rtol=0, atol=1e-9)


@given(SIZES, SEEDS, st.floats(1e-2, 2))
def test_the_box_blur_keeps_the_integral(n, seed, half_width):
    edges, values, _ = coarse(n, seed)
    knots, heights = box_blur(edges, values, half_width)
    close(torch.trapezoid(heights, knots), (values * edges.diff()).sum(-1), rtol=0, atol=1e-9)


def test_annealing_goes_from_equal_bins_to_the_weights():
    edges, weights = torch.tensor([0.0, 0.2, 0.2, 0.6, 1.0]), torch.tensor([0.25, 0.3, 0.0, 0.04])
    close(anneal(edges, weights, 0.0), torch.tensor([1.0, 0.0, 1.0, 1.0]))
    close(anneal(edges, weights, 0.5), torch.tensor([0.5, 0.0, 0.0, 0.2]))
    close(anneal(edges, weights, 1.0), torch.tensor([0.25, 0.0, 0.0, 0.04]))


@given(st.integers(2, 33), SIZES, SEEDS, st.booleans())
def test_intervals_of_a_histogram_rise_and_their_inner_edges_stay_inside(num, n, seed, jitter):
    edges, weights, _ = coarse(n, seed)
    new = sample_intervals(edges, weights, num, jitter=jitter)
    assert new.shape == (3, num + 1)
    assert (new.diff() >= 0).all()
    assert ((new >= 0) & (new <= 1)).all()
    assert ((new[:, 1:-1] >= edges[:, :1]) & (new[:, 1:-1] <= edges[:, -1:])).all()


@given(st.integers(2, 33), SIZES, SEEDS)
def test_intervals_of_an_even_density_are_even_however_it_is_cut(num, n, seed):
    edges, _, _ = spanning(n, seed)
    inside = 0.25 + 0.5 * edges
    new = sample_intervals(inside, inside.diff(), num, jitter=False)
    close(new, torch.linspace(0.25, 0.75, num + 1, dtype=torch.float64).expand(3, -1))


def test_the_outermost_intervals_are_mirrored_and_stay_on_the_ray():
    edges, weights = torch.tensor([0.0, 0.001, 1.0]), torch.tensor([0.5, 0.5])
    new = sample_intervals(edges, weights, 2, jitter=False)
    close(new, torch.tensor([0.0, (0.0005 + 0.5005) / 2, 2 * 0.5005 - (0.0005 + 0.5005) / 2]))


def test_a_single_interval_is_refused():
    with pytest.raises(AssertionError, match="no edge between two points"):
        sample_intervals(torch.tensor([0.0, 1.0]), torch.ones(1), 1, jitter=False)


def test_jittered_points_of_all_rays_together_are_uniform():
    u = centred_quantiles(torch.zeros(400), 16, jitter=True)
    assert stats.kstest(u.flatten().numpy(), "uniform").pvalue > 0.01


@given(SIZES, SEEDS)
def test_jitter_is_shared_by_the_points_of_a_ray(num, seed):
    torch.manual_seed(seed)
    u = centred_quantiles(torch.zeros(3, dtype=torch.float64), num, jitter=True)
    place = u * num - torch.arange(num)
    close(place, place[:, :1].expand_as(place))
    assert ((place >= 0) & (place < 1 + 1e-9)).all()
    assert len(place[:, 0].unique()) == 3


@pytest.mark.parametrize("n", [1, 2, 7])
def test_gradients_of_measures_dilation_and_blur(n):
    edges, weights, g = histogram(n, 3)
    edges = edges / edges[:, -1:]
    intervals = torch.rand(3, 6, generator=g, dtype=torch.float64).sort(-1).values
    check = torch.autograd.gradcheck
    weights.requires_grad_()
    assert check(lambda w: inner_measure(intervals, edges, w), weights)
    assert check(lambda w: outer_measure(intervals, edges, w), weights)
    assert check(lambda w: value_at(intervals, edges, w), weights)
    assert check(lambda w: dilate(edges, w, 0.05)[1], weights)
    assert check(max_blur, weights)
    edges.requires_grad_()
    assert check(lambda e, w: box_blur(e, w, 0.3), (edges, weights))
    u = torch.rand(3, 4, generator=g, dtype=torch.float64).requires_grad_()
    assert check(invert_cdf, (u, edges, weights))


@given(st.integers(1, 30), st.integers(1, 20), SEEDS)
def test_invert_cdf_undoes_the_integral(n, m, seed):
    edges, weights, g = histogram(n, seed)
    u = torch.rand(3, m, generator=g, dtype=torch.float64)
    t = invert_cdf(u, edges, weights)
    pdf = weights / weights.sum(-1, keepdim=True) / (edges[:, 1:] - edges[:, :-1])
    overlap = (t[:, :, None].minimum(edges[:, None, 1:]) - edges[:, None, :-1]).clamp_min(0)
    torch.testing.assert_close((overlap * pdf[:, None]).sum(-1), u, atol=1e-9, rtol=0)


@given(st.integers(1, 30), SEEDS)
def test_invert_cdf_keeps_order_and_stays_inside(n, seed):
    edges, weights, g = histogram(n, seed)
    u = torch.rand(3, 50, generator=g, dtype=torch.float64).sort(-1).values
    t = invert_cdf(u, edges, weights)
    assert (t[:, 1:] >= t[:, :-1]).all()
    assert (t >= edges[:, :1]).all()
    assert (t <= edges[:, -1:]).all()


def test_a_bin_that_holds_everything_gets_every_sample():
    edges = torch.linspace(0, 1, 11)
    weights = torch.zeros(10)
    weights[3] = 1
    t = invert_cdf(torch.rand(1000), edges, weights)
    assert ((t >= edges[3]) & (t <= edges[4])).all()


def test_a_flat_histogram_gives_uniform_samples():
    t = invert_cdf(torch.rand(2000), torch.linspace(0, 1, 33), torch.ones(32))
    assert stats.kstest(t.numpy(), "uniform").pvalue > 0.01


def test_without_any_weight_the_bins_count_by_number():
    t = invert_cdf(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 1.0, 10.0]), torch.zeros(2))
    torch.testing.assert_close(t, torch.tensor([0.0, 1.0, 10.0]))


def test_quantiles_are_spread_from_end_to_end_without_jitter():
    q = quantiles(torch.zeros(2), 5, jitter=False)
    torch.testing.assert_close(q, torch.tensor([0, 0.25, 0.5, 0.75, 1]).expand(2, 5))


@given(st.integers(1, 20), SEEDS)
def test_jittered_quantiles_fall_one_in_each_cell(num, seed):
    torch.manual_seed(seed)
    q = quantiles(torch.zeros(4), num, jitter=True)
    cells = (q * num).floor().clamp_max(num - 1)
    torch.testing.assert_close(cells, torch.arange(num, dtype=q.dtype).expand(4, num))


def test_the_end_of_the_integral_is_reached_before_empty_bins():
    edges, weights = torch.linspace(0, 1, 6), torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0])
    close(invert_cdf(torch.tensor([0.0, 1.0]), edges, weights), torch.tensor([0.2, 0.6]))
