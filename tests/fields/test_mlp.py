import pytest
import torch

from rayloom.fields import FrequencyEncoding, RadianceMLP
from rayloom.fields.mlp import activate_density


def test_the_network_of_the_paper_has_595844_parameters():
    network = RadianceMLP(FrequencyEncoding(10), FrequencyEncoding(4), 256)
    assert sum(p.numel() for p in network.parameters()) == 595_844


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_any_depth_gives_density_and_colour_in_range(depth):
    network = RadianceMLP(FrequencyEncoding(3), FrequencyEncoding(2), 16, depth)
    density, rgb = network(torch.rand(5, 7, 3), torch.rand(5, 3))
    assert density.shape == (5, 7)
    assert rgb.shape == (5, 7, 3)
    assert (density >= 0).all()
    assert ((rgb >= 0) & (rgb <= 1)).all()


def test_density_does_not_depend_on_the_direction_but_colour_does():
    network = RadianceMLP(FrequencyEncoding(3), FrequencyEncoding(2), 16, activation="softplus")
    points = torch.rand(5, 1, 3)
    density_a, rgb_a = network(points, torch.tensor([[0.0, 0, 1]]).expand(5, 3))
    density_b, rgb_b = network(points, torch.tensor([[0.0, 1, 0]]).expand(5, 3))
    torch.testing.assert_close(density_a, density_b)
    torch.testing.assert_close(density_a[:, 0], network.density(points[:, 0]))
    assert (rgb_a != rgb_b).any()


def test_softplus_keeps_a_gradient_where_relu_has_none():
    raw = torch.tensor([-3.0], requires_grad=True)
    (soft,) = torch.autograd.grad(activate_density(raw, "softplus").sum(), raw)
    (hard,) = torch.autograd.grad(activate_density(raw, "relu").sum(), raw)
    assert soft > 0
    assert hard == 0
