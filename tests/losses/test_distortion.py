import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.losses import dense_distortion, distortion, squeezed
from rayloom.losses.distortion import squeezed_distortion
from rayloom.types import PackedSamples, Rendering

COUNTS = st.lists(st.integers(0, 7), min_size=1, max_size=8)
SIZES, SEEDS = st.integers(1, 33), st.integers(0, 2**31)


def made(counts: list[int]) -> tuple[torch.Tensor, PackedSamples]:
    """Random weights, and intervals that follow one another with gaps, in float64."""
    index = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    edges = [torch.rand(2 * count, dtype=torch.float64).sort().values.view(count, 2) for count in counts]
    low, high = torch.cat(edges).unbind(-1)
    return torch.rand(len(index), dtype=torch.float64), PackedSamples(low, high, index, len(counts))


@settings(max_examples=30)
@given(COUNTS)
def test_it_is_the_mean_distance_between_all_pairs_of_shares_of_light(counts):
    weights, samples = made(counts)
    expected = torch.zeros((), dtype=torch.float64)
    for ray in range(len(counts)):
        own = samples.ray_index == ray
        w, low, high = weights[own], samples.starts[own], samples.ends[own]
        middle = (low + high) / 2
        expected += (w[:, None] * w * (middle[:, None] - middle).abs()).sum() + (
            w**2 * (high - low)
        ).sum() / 3
    found = distortion(weights, samples.starts, samples.ends, samples)
    torch.testing.assert_close(found, expected / len(counts))


def test_the_formula_is_the_integral_over_two_points_of_the_light():
    weights, samples = made([4])
    points = torch.linspace(0, 1, 4001, dtype=torch.float64)
    points = (points[1:] + points[:-1]) / 2
    within = (points[:, None] > samples.starts) & (points[:, None] < samples.ends)
    light = (within * weights / (samples.ends - samples.starts)).sum(-1) / len(points)
    integral = (light[:, None] * light * (points[:, None] - points).abs()).sum()
    found = distortion(weights, samples.starts, samples.ends, samples)
    torch.testing.assert_close(found, integral, rtol=2e-3, atol=0)


def test_gradients():
    weights, samples = made([3, 0, 5])
    low, high = samples.starts.requires_grad_(), samples.ends.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda w, a, b: distortion(w, a, b, samples), (weights.requires_grad_(), low, high)
    )


def test_no_rays_and_no_samples_cost_nothing():
    for counts in ([], [0, 0]):
        nothing = torch.zeros(0)
        samples = PackedSamples(nothing, nothing, torch.zeros(0, dtype=torch.int64), len(counts))
        assert distortion(nothing, nothing, nothing, samples) == 0


def touching(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three rays of weights, a third of them zero, and edges on multiples of 1/16, some of them equal."""
    g = torch.Generator().manual_seed(seed)
    weights = torch.rand(3, n, generator=g, dtype=torch.float64) * (torch.rand(3, n, generator=g) > 1 / 3)
    return weights, torch.randint(0, 17, (3, n + 1), generator=g).sort(-1).values.double() / 16


@given(SIZES, SEEDS)
def test_of_touching_intervals_it_is_the_double_sum_over_pairs(n, seed):
    weights, edges = touching(n, seed)
    middle = (edges[:, 1:] + edges[:, :-1]) / 2
    pairs = weights[:, :, None] * weights[:, None] * (middle[:, :, None] - middle[:, None]).abs()
    expected = pairs.sum((-1, -2)) + (weights**2 * edges.diff()).sum(-1) / 3
    torch.testing.assert_close(dense_distortion(weights, edges), expected.mean())


def test_light_that_is_gathered_far_out_loses_no_digits_in_float32():
    weights, edges = torch.rand(3, 64) / 64, 0.9 + 1e-3 * torch.rand(3, 65).sort(-1).values
    exact = dense_distortion(weights.double(), edges.double())
    torch.testing.assert_close(dense_distortion(weights, edges), exact.float(), rtol=1e-6, atol=0)
    index = torch.arange(3).repeat_interleave(64)
    samples = PackedSamples(edges[:, :-1].flatten(), edges[:, 1:].flatten(), index, 3)
    packed = distortion(weights.flatten(), samples.starts, samples.ends, samples)
    torch.testing.assert_close(packed, exact.float(), rtol=1e-6, atol=0)


@given(SIZES, SEEDS)
def test_packed_and_dense_intervals_agree(n, seed):
    weights, edges = touching(n, seed)
    index = torch.arange(3).repeat_interleave(n)
    samples = PackedSamples(edges[:, :-1].flatten(), edges[:, 1:].flatten(), index, 3)
    packed = distortion(weights.flatten(), samples.starts, samples.ends, samples)
    torch.testing.assert_close(dense_distortion(weights, edges), packed)


def test_of_touching_intervals_it_is_the_mean_distance_of_two_random_points_of_the_light():
    weights, edges = touching(12, 0)
    weights, edges = weights[:1], edges[:1] ** 2

    def points() -> torch.Tensor:
        bins = torch.multinomial(weights[0], 1_000_000, replacement=True)
        return edges[0, bins] + edges.diff()[0, bins] * torch.rand(len(bins), dtype=torch.float64)

    integral = (points() - points()).abs().mean() * weights.sum() ** 2
    # A million draws leave an error of a thousandth.
    torch.testing.assert_close(dense_distortion(weights, edges), integral, rtol=0.01, atol=0)


def test_one_interval_counts_a_third_of_its_width():
    found = dense_distortion(torch.tensor([[0.5]]), torch.tensor([[0.25, 0.5]]))
    torch.testing.assert_close(found, torch.tensor(0.25 * 0.25 / 3))


def test_dark_rays_and_no_rays_cost_nothing():
    for num_rays in (0, 2):
        weights = torch.zeros(num_rays, 4, requires_grad=True)
        loss = dense_distortion(weights, torch.linspace(0, 1, 5).expand(num_rays, 5))
        (gradient,) = torch.autograd.grad(loss, weights)
        assert loss == 0
        assert torch.equal(gradient, torch.zeros(num_rays, 4))


def test_gradients_of_touching_intervals():
    weights, edges = touching(7, 1)
    inputs = (weights.requires_grad_(), edges.requires_grad_())
    assert torch.autograd.gradcheck(dense_distortion, inputs)


def test_the_distortion_of_a_rendering_is_that_of_its_samples_in_squeezed_distance():
    weights, samples = made([3, 0, 5])
    nothing = torch.zeros(3, dtype=torch.float64)
    colors = nothing[:, None].expand(3, 3)
    found = squeezed_distortion(Rendering(colors, nothing, nothing, samples, weights, colors))
    edges = samples.starts / (1 + samples.starts), samples.ends / (1 + samples.ends)
    torch.testing.assert_close(found, distortion(weights, *edges, samples))


def test_squeezed_distance_rises_from_0_to_1():
    t = torch.tensor([0.0, 1e-3, 1.0, 1e6])
    torch.testing.assert_close(squeezed(t), torch.tensor([0.0, 1e-3 / 1.001, 0.5, 1.0]))
