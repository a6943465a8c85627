import torch

from rayloom.kernels.mlp import tiny_mlp


def test_equals_linear_layers_with_relu_between():
    layers = [
        torch.nn.Linear(5, 7, bias=False),
        torch.nn.Linear(7, 7, bias=False),
        torch.nn.Linear(7, 2, bias=False),
    ]
    network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2]).double()
    x = torch.randn(11, 5, dtype=torch.float64)
    torch.testing.assert_close(tiny_mlp(x, [layer.weight for layer in layers]), network(x))


def test_one_matrix_is_linear():
    x, weight = torch.randn(3, 4, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    torch.testing.assert_close(tiny_mlp(-x, [weight]), -x @ weight.T)
