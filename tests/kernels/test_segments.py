import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.kernels.segments import composite_packed, packed_weights, prefix_sum, segment_sum
from rayloom.types import PackedSamples

COUNTS = st.lists(st.integers(0, 9), max_size=12)


def packed(counts: list[int]) -> torch.Tensor:
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts, dtype=torch.long))


@settings(max_examples=20)
@given(COUNTS, st.floats(0, 50))
def test_weights_follow_the_definition_ray_by_ray(counts, scale):
    index = packed(counts)
    depth = torch.rand(len(index), dtype=torch.float64) * scale
    expected = torch.zeros(0, dtype=torch.float64)
    for ray in range(len(counts)):
        own = depth[index == ray]
        transmittance = torch.tensor(
            [torch.exp(-own[:i].sum()) for i in range(len(own))], dtype=torch.float64
        )
        expected = torch.cat([expected, transmittance * (1 - torch.exp(-own))])
    torch.testing.assert_close(packed_weights(depth, index, len(counts)), expected)


@settings(max_examples=20)
@given(COUNTS)
def test_prefix_sums_begin_anew_on_every_ray(counts):
    index = packed(counts)
    values = torch.randn(len(index), dtype=torch.float64)
    rays = [values[index == ray] for ray in range(len(counts))]
    expected = torch.cat([values[:0], *(own.cumsum(0) - own for own in rays)])
    torch.testing.assert_close(prefix_sum(values, index, len(counts)), expected)


@settings(max_examples=20)
@given(COUNTS)
def test_weights_and_leftover_transmittance_sum_to_one(counts):
    index = packed(counts)
    depth = torch.rand(len(index), dtype=torch.float64)
    total = segment_sum(packed_weights(depth, index, len(counts)), index, len(counts))
    leftover = torch.exp(-segment_sum(depth, index, len(counts)))
    torch.testing.assert_close(total + leftover, torch.ones(len(counts), dtype=torch.float64))


@pytest.mark.parametrize("implementation", ["auto", "torch"])
def test_an_opaque_ray_does_not_blur_the_next(implementation):
    depth = torch.tensor([float("inf"), 1e30, 1.0, 2.0])
    weights = packed_weights(depth, torch.tensor([0, 0, 1, 1]), 2, implementation=implementation)
    expected = packed_weights(depth[2:], torch.tensor([0, 0]), 1, implementation="torch")
    torch.testing.assert_close(weights, torch.cat([torch.tensor([1.0, 0.0]), expected]))


def test_gradients_of_weights_and_sums():
    index = packed([3, 0, 4, 1])
    depth = torch.rand(8, dtype=torch.float64, requires_grad=True)
    values = torch.rand(8, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda d: packed_weights(d, index, 4), (depth,))
    assert torch.autograd.gradcheck(lambda v: segment_sum(v, index, 4), (values,))


def test_composite_mixes_samples_and_background():
    samples = PackedSamples(
        starts=torch.tensor([1.0, 2.0, 5.0]), ends=torch.tensor([2.0, 3.0, 6.0]),
        ray_index=torch.tensor([0, 0, 2]), num_rays=3,
    )  # fmt: skip
    density = torch.tensor([0.0, 1e9, 1.0])
    rgb = torch.eye(3)
    background = torch.tensor([0.2, 0.4, 0.6])
    color, opacity, depth, weights = composite_packed(density, rgb, samples, background)
    alpha = 1 - torch.exp(torch.tensor(-1.0))
    torch.testing.assert_close(opacity, torch.stack([torch.tensor(1.0), torch.tensor(0.0), alpha]))
    torch.testing.assert_close(depth, torch.tensor([2.5, 0.0, 5.5]))
    torch.testing.assert_close(weights, torch.stack([torch.tensor(0.0), torch.tensor(1.0), alpha]))
    expected = torch.stack([rgb[1], background, alpha * rgb[2] + (1 - alpha) * background])
    torch.testing.assert_close(color, expected)


def test_composite_has_finite_gradients_where_rays_are_empty():
    none = torch.zeros(0)
    samples = PackedSamples(none, none, torch.zeros(0, dtype=torch.long), 2)
    density, rgb = torch.zeros(0, requires_grad=True), torch.zeros(0, 3, requires_grad=True)
    background = torch.rand(2, 3, requires_grad=True)
    color, opacity, depth, _ = composite_packed(density, rgb, samples, background)
    (color.sum() + opacity.sum() + depth.sum()).backward()
    torch.testing.assert_close(background.grad, torch.ones(2, 3))
