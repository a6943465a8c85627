import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.losses import distortion, squeezed
from rayloom.types import PackedSamples

COUNTS = st.lists(st.integers(0, 7), min_size=1, max_size=8)


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


def test_squeezed_distance_rises_from_0_to_1():
    t = torch.tensor([0.0, 1e-3, 1.0, 1e6])
    torch.testing.assert_close(squeezed(t), torch.tensor([0.0, 1e-3 / 1.001, 0.5, 1.0]))
