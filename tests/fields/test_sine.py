import math

import torch

from rayloom.fields.sine import SineMLP, gradient, laplacian

close = torch.testing.assert_close


def test_layers_are_sines_of_omega_times_a_linear_map_and_the_last_one_is_linear() -> None:
    network, x = SineMLP(2, 8, 2, 3, frequency=7.0), torch.randn(5, 2)
    first, second, last = network.layers
    close(network(x), last(torch.sin(7 * second(torch.sin(7 * first(x))))))


def test_weights_begin_in_the_papers_ranges() -> None:
    network = SineMLP(4, 96, 3, 2, frequency=30.0)
    first, *others = network.layers
    assert 0.2 < first.weight.abs().max() <= 1 / 4  # type: ignore[union-attr, operator]
    for layer in others:
        bound = math.sqrt(6 / 96) / 30
        assert 0.9 * bound < layer.weight.abs().max() <= bound  # type: ignore[union-attr, operator]


def test_what_weights_give_to_sines_has_deviation_one_however_deep_they_lie() -> None:
    torch.manual_seed(0)
    network, h = SineMLP(2, 256, 6, 1), 2 * torch.rand(2000, 2) - 1
    with torch.no_grad():
        for i, layer in enumerate(list(network.layers)[:-1]):
            mapped = 30 * h @ layer.weight.T  # type: ignore[union-attr, operator]
            if i > 0:
                assert 0.85 < float(mapped.square().mean().sqrt()) < 1.15
            h = (30 * layer(h)).sin()


def test_gradient_and_laplacian_are_those_of_a_known_function() -> None:
    points = torch.randn(20, 2, dtype=torch.float64, requires_grad=True)
    x, y = points.unbind(-1)
    values = (3 * x).sin() * y**2
    close(gradient(values, points), torch.stack([3 * (3 * x).cos() * y**2, 2 * (3 * x).sin() * y], dim=-1))
    close(laplacian(values, points), -9 * (3 * x).sin() * y**2 + 2 * (3 * x).sin())


def test_derivatives_can_be_learnt_from() -> None:
    network = SineMLP(2, 8, 2, 1).double()
    points = torch.rand(10, 2, dtype=torch.float64, requires_grad=True)
    laplacian(network(points)[:, 0], points).square().mean().backward()
    grads = [layer.weight.grad for layer in network.layers]
    assert all(grad is not None and grad.abs().max() > 0 for grad in grads)  # type: ignore[union-attr, operator]


def test_what_is_linear_has_a_laplacian_of_zero() -> None:
    points = torch.randn(5, 3, requires_grad=True)
    assert torch.equal(laplacian(points @ torch.ones(3), points), torch.zeros(5))


def test_a_relu_network_has_a_laplacian_of_zero() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    points = torch.randn(5, 2, requires_grad=True)
    assert torch.equal(laplacian(network(points)[:, 0], points).detach(), torch.zeros(5))
