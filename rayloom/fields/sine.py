"""Networks of sines, whose derivatives are networks of the same kind (Sitzmann et al. 2020)."""

import itertools
import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn


class SineMLP(nn.Module):
    """`depth` layers h = sin(ω (W h + b)), then a linear one.

    Weights of the first layer are drawn evenly from ±1/n, those of the others from ±sqrt(6/n)/ω, for n
    inputs: then what they give to every sine but the first is normally distributed with deviation 1,
    however deep the network is (section 3.2). ω also scales how fast weights learn.
    """

    def __init__(
        self, num_inputs: int, width: int, depth: int, num_outputs: int, frequency: float = 30.0
    ) -> None:
        super().__init__()
        self.frequency = frequency
        sizes = [num_inputs] + [width] * depth + [num_outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        with torch.no_grad():
            for i, module in enumerate(self.layers):
                layer = cast(nn.Linear, module)
                n = layer.in_features
                bound = 1 / n if i == 0 else math.sqrt(6 / n) / frequency
                layer.weight.uniform_(-bound, bound)

    def forward(self, x: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch outputs"]:
        """The outputs of the linear layer at the end."""
        for layer in list(self.layers)[:-1]:
            x = torch.sin(self.frequency * layer(x))
        return self.layers[-1](x)


def gradient(values: Float[Tensor, " n"], points: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Derivatives of each value by its own point, which can be differentiated again.

    `points` must require gradients before the values are computed, each from its own point.
    """
    (slopes,) = torch.autograd.grad(values.sum(), points, create_graph=True, materialize_grads=True)
    return slopes


def laplacian(values: Float[Tensor, " n"], points: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """The sum of second derivatives of each value by the coordinates of its own point, as `gradient`."""
    slopes = gradient(values, points)
    if not slopes.requires_grad:
        return torch.zeros_like(values)
    return torch.stack([gradient(slopes[:, i], points)[:, i] for i in range(points.shape[1])]).sum(0)
