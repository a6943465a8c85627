import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom import sampling
from rayloom.types import Rays


def rays(n: int = 4, near: float = 2.0, far: float = 6.0) -> Rays:
    directions = torch.nn.functional.normalize(torch.randn(n, 3), dim=-1)
    return Rays(
        origins=torch.zeros(n, 3),
        directions=directions,
        view_directions=directions,
        near=torch.full((n,), near),
        far=torch.full((n,), far),
        radii=torch.full((n,), 1e-3),
        camera_index=torch.zeros(n, dtype=torch.int64),
        pixels=torch.zeros(n, 2),
        time=torch.zeros(n),
    )


def test_uniform_intervals_cover_the_ray_and_touch():
    intervals = sampling.uniform(rays(), 8, jitter=False)
    assert intervals.edges.shape == (4, 9)
    torch.testing.assert_close(intervals.widths, torch.full((4, 8), 0.5))


def test_jittered_points_stay_in_their_own_cells():
    r = rays(50)
    grid = sampling.stratified(r, 16, jitter=False)
    points = sampling.stratified(r, 16, jitter=True)
    half = 0.5 * (grid[0, 1] - grid[0, 0])
    assert ((points - grid).abs() <= half + 1e-5).all()
    assert (points != grid).any()


def test_disparity_spacing_is_even_in_one_over_t():
    t = sampling.stratified(rays(near=0.1, far=100.0), 11, jitter=False, spacing="disparity")
    steps = (1 / t).diff(dim=-1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(t[:, -1], torch.full((4,), 100.0), rtol=1e-4, atol=0)


@given(st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_refinement_keeps_the_old_edges_and_the_order(n, extra, jitter):
    intervals = sampling.uniform(rays(), n, jitter=True)
    weights = torch.rand(4, n)
    finer = sampling.refine(intervals, weights, extra, jitter=jitter)
    assert finer.edges.shape == (4, n + extra + 1)
    assert (finer.widths >= 0).all()
    for old, new in zip(intervals.edges, finer.edges, strict=True):
        assert torch.isin(old, new).all()


def test_refinement_looks_where_the_weight_is():
    intervals = sampling.uniform(rays(), 20, jitter=False)
    weights = torch.zeros(4, 20)
    weights[:, 7] = 1
    finer = sampling.refine(intervals, weights, 100, jitter=True)
    low, high = intervals.edges[:, 7:8], intervals.edges[:, 8:9]
    inside = ((finer.edges >= low) & (finer.edges <= high)).sum(-1)
    assert (inside >= 95).all()


def test_refined_points_follow_the_weights_and_carry_no_gradient():
    t = sampling.stratified(rays(), 20, jitter=False)
    weights = torch.zeros(4, 20)
    weights[:, 10] = 1
    weights.requires_grad_()
    finer = sampling.refine_points(t, weights, 100, jitter=False)
    assert not finer.requires_grad
    assert finer.shape == (4, 120)
    close = ((finer - t[:, 10:11]).abs() <= 0.5 * (t[0, 1] - t[0, 0]) + 1e-4).sum(-1)
    assert (close >= 95).all()


def test_a_ray_that_met_nothing_is_refined_evenly():
    intervals = sampling.uniform(rays(), 4, jitter=False)
    finer = sampling.refine(intervals, torch.zeros(4, 4), 16, jitter=False)
    torch.testing.assert_close(finer.edges.mean(-1), torch.full((4,), 4.0), atol=1e-3, rtol=0)
