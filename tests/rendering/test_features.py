import torch

from rayloom.kernels import composite_packed
from rayloom.rendering.features import composite_features
from rayloom.types import PackedSamples


def samples_on(counts: list[int]) -> PackedSamples:
    """Touching intervals of random length, so many on each ray."""
    starts, ends = [], []
    for count in counts:
        edges = 1 + torch.rand(count + 1, dtype=torch.float64).cumsum(0)
        starts.append(edges[:-1])
        ends.append(edges[1:])
    index = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return PackedSamples(torch.cat(starts), torch.cat(ends), index, len(counts))


def test_three_features_over_nothing_are_colours_over_black():
    samples = samples_on([3, 0, 5, 1])
    density, rgb = torch.rand(9, dtype=torch.float64), torch.rand(9, 3, dtype=torch.float64)
    black = torch.zeros(3, dtype=torch.float64)
    expected = composite_packed(density, rgb, samples, black, implementation="torch")[:3]
    for one, other in zip(composite_features(density, rgb, samples), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_features_of_any_width_have_the_right_gradients():
    samples = samples_on([2, 0, 3])
    density = torch.rand(5, dtype=torch.float64, requires_grad=True)
    features = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda d, f: composite_features(d, f, samples), (density, features))
