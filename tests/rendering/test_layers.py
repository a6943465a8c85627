import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.rendering import composite, weights_from_density
from rayloom.rendering.layers import Layer, composite_layers, layer_weights
from rayloom.types import Intervals

close = torch.testing.assert_close
GREY = torch.tensor([0.2, 0.4, 0.6], dtype=torch.float64)


def matter(seed: int, n: int = 6) -> tuple[Layer, Intervals]:
    g = torch.Generator().manual_seed(seed)
    density, rgb = (torch.rand(shape, generator=g, dtype=torch.float64) for shape in ((4, n), (4, n, 3)))
    return Layer(3 * density, rgb), Intervals(
        torch.rand(4, n + 1, generator=g, dtype=torch.float64).cumsum(-1)
    )


@given(st.integers(0, 2**31))
def test_one_layer_is_composited_as_ever(seed: int):
    layer, intervals = matter(seed)
    alone, weights = composite_layers((layer,), intervals, GREY)
    plain = composite(layer.density, layer.rgb, intervals, GREY)
    for name in ("rgb", "opacity", "depth", "weights", "background"):
        close(getattr(alone, name), getattr(plain, name))
    close(weights[0], plain.weights)


@given(st.integers(0, 2**31))
def test_layers_where_one_is_empty_at_a_time_are_one_mixed_layer(seed: int):
    (first, intervals), (second, _) = matter(seed), matter(seed + 1)
    here = torch.arange(6) % 2 == 0
    layers = (
        Layer(first.density * here, first.rgb),
        Layer(second.density * ~here, second.rgb),
    )
    mixed = Layer(
        torch.where(here, first.density, second.density), torch.where(here[:, None], first.rgb, second.rgb)
    )
    rendering, weights = composite_layers(layers, intervals, GREY)
    whole, _ = composite_layers((mixed,), intervals, GREY)
    close(rendering.rgb, whole.rgb)
    close(rendering.depth, whole.depth)
    close(weights.sum(0), whole.weights)


def test_a_layer_dims_the_other_behind_it_but_not_beside_it():
    # Matter of optical depth 1 in both layers, then matter of depth 2 in the second alone.
    densities = torch.tensor([[[1.0, 0.0]], [[1.0, 2.0]]], dtype=torch.float64)
    weights = layer_weights(densities, torch.ones(1, 2, dtype=torch.float64))
    first = 1 - math.exp(-1)
    expected = [[[first, 0.0]], [[first, math.exp(-2) * (1 - math.exp(-2))]]]
    close(weights, torch.tensor(expected, dtype=torch.float64))


def test_finer_intervals_bring_the_weights_down_to_the_opacity():
    def excess(n: int) -> float:
        intervals = Intervals(torch.linspace(0, 1, n + 1, dtype=torch.float64)[None])
        layer = Layer(torch.full((1, n), 2.0, dtype=torch.float64), torch.ones(1, n, 3, dtype=torch.float64))
        rendering, weights = composite_layers((layer, layer), intervals, GREY)
        assert abs(rendering.opacity.item() - (1 - math.exp(-4))) < 1e-12
        return (weights.sum() - rendering.opacity.sum()).item()

    assert excess(4) > 10 * excess(64) > 0


def test_the_gradient_of_the_weights_is_that_of_differences():
    densities = torch.rand(2, 3, 5, dtype=torch.float64, requires_grad=True)
    widths = torch.rand(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer_weights, (densities, widths))
    close(layer_weights(densities[:1], widths)[0], weights_from_density(densities[0], widths))
