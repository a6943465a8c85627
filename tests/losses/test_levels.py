import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.losses import interlevel

close = torch.testing.assert_close
SIZES, SEEDS = st.integers(1, 33), st.integers(0, 2**31)


def histogram(n: int, g: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Three rays of n bins on multiples of 1/16, so that some have no width; those hold nothing."""
    edges = torch.randint(0, 17, (3, n + 1), generator=g).sort(-1).values.double() / 16
    weights = torch.rand(3, n, generator=g, dtype=torch.float64)
    return edges, weights * (edges.diff() > 0) / n


def refined(
    edges: torch.Tensor, weights: torch.Tensor, extra: int, g: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same histogram with `extra` more edges, each bin's weight split at random among its parts."""
    new = torch.cat([edges, torch.rand(3, extra, generator=g, dtype=torch.float64)], dim=-1).sort(-1).values
    parts = torch.rand(3, new.shape[-1] - 1, generator=g, dtype=torch.float64) * (new.diff() > 0)
    start, end = new[:, None, :-1], new[:, None, 1:]
    within = (start >= edges[:, :-1, None]) & (end <= edges[:, 1:, None]) & (edges.diff() > 0)[..., None]
    share = within * parts[:, None]
    return new, (weights[..., None] * share / share.sum(-1, keepdim=True).clamp_min(1e-300)).sum(-2)


@given(SIZES, SIZES, SEEDS)
def test_it_is_the_squared_weight_that_no_overlapping_bin_can_hold(n, m, seed):
    g = torch.Generator().manual_seed(seed)
    (edges, weights), (proposal_edges, proposal) = histogram(n, g), histogram(m, g)
    total = 0.0
    for ray in range(3):
        for i in range(n):
            bound = sum(
                float(proposal[ray, j])
                for j in range(m)
                if proposal_edges[ray, j] < edges[ray, i + 1] and proposal_edges[ray, j + 1] > edges[ray, i]
            )
            w = float(weights[ray, i])
            total += max(0.0, w - bound) ** 2 / (w + torch.finfo(torch.float64).eps)
    expected = torch.tensor(total / (3 * n), dtype=torch.float64)
    close(interlevel(edges, weights, proposal_edges, proposal), expected)


@given(SIZES, st.integers(0, 33), SEEDS)
def test_a_histogram_and_its_refinements_bound_each_other(n, extra, seed):
    g = torch.Generator().manual_seed(seed)
    edges, weights = histogram(n, g)
    finer, parts = refined(edges, weights, extra, g)
    close(parts.sum(-1), weights.sum(-1))
    nothing = torch.zeros((), dtype=torch.float64)
    # What running sums leave of zero: the square of some 1e-15 over weights from 1e-10 on.
    close(interlevel(edges, weights, edges, weights), nothing, rtol=0, atol=1e-18)
    close(interlevel(finer, parts, edges, weights), nothing, rtol=0, atol=1e-18)
    close(interlevel(edges, weights, finer, parts), nothing, rtol=0, atol=1e-18)


@given(SIZES, SEEDS)
def test_it_grows_with_the_mass_that_is_removed_from_any_bin(n, seed):
    g = torch.Generator().manual_seed(seed)
    edges, weights = histogram(n, g)
    edges = edges + torch.arange(n + 1) / 16
    weights = weights + 0.1
    removed = int(torch.randint(n, (1,), generator=g))
    losses = []
    for share in (0.1, 0.5, 1.0):
        proposal = weights.clone()
        proposal[1, removed] *= 1 - share
        losses.append(interlevel(edges, weights, edges, proposal).item())
    assert 1e-6 < losses[0] < losses[1] < losses[2]


def test_an_empty_proposal_is_pulled_with_slope_two_whatever_the_weight():
    weights = torch.tensor([[1.0], [0.1], [1e-4]], dtype=torch.float64)
    edges = torch.tensor([0.0, 1.0], dtype=torch.float64).expand(3, 2)
    proposal = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(interlevel(edges, weights, edges, proposal) * 3, proposal)
    close(slope, torch.full((3, 1), -2.0, dtype=torch.float64))


def test_too_much_weight_costs_nothing():
    edges = torch.linspace(0, 1, 5)[None]
    assert interlevel(edges, torch.full((1, 4), 0.1), edges, torch.full((1, 4), 0.3)) == 0


def test_only_the_proposal_learns():
    g = torch.Generator().manual_seed(0)
    (edges, weights), (proposal_edges, proposal) = histogram(8, g), histogram(5, g)
    tensors = [tensor.requires_grad_() for tensor in (edges, weights, proposal_edges, proposal)]
    loss = interlevel(edges, weights, proposal_edges, proposal)
    *others, own = torch.autograd.grad(loss, tensors, allow_unused=True)
    assert others == [None, None, None]
    assert own.abs().sum() > 0


def test_gradients():
    g = torch.Generator().manual_seed(1)
    (edges, weights), (proposal_edges, proposal) = histogram(9, g), histogram(6, g)
    proposal = (0.3 * proposal).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: interlevel(edges, weights, proposal_edges, p), proposal)


def test_gradients_are_finite_where_nothing_was_seen():
    edges, weights = torch.linspace(0, 1, 5)[None], torch.zeros(1, 4)
    proposal = torch.zeros(1, 4, requires_grad=True)
    loss = interlevel(edges, weights, edges, proposal)
    (gradient,) = torch.autograd.grad(loss, proposal)
    assert loss == 0
    assert torch.equal(gradient, torch.zeros(1, 4))
