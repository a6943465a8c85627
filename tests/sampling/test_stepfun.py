import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rayloom.sampling.stepfun import invert_cdf, quantiles

SEEDS = st.integers(0, 2**31)


def histogram(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    g = torch.Generator().manual_seed(seed)
    edges = torch.rand(3, n + 1, generator=g, dtype=torch.float64).cumsum(-1)
    weights = torch.rand(3, n, generator=g, dtype=torch.float64)
    return edges, weights, g


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
