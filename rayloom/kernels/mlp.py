"""Small fully connected networks without biases: the reference in torch."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.dispatch import Implementation, faster


def tiny_mlp(
    x: Float[Tensor, "n inputs"],
    weights: Sequence[Float[Tensor, "_ _"]],
    *,
    implementation: Implementation = "auto",
) -> Float[Tensor, "n outputs"]:
    """W_k relu(... relu(W_1 x)): rows through matrices stored as outputs by inputs; the last is linear."""
    if fast := faster(tiny_mlp, implementation, x, *weights):
        return fast(x, weights)
    for weight in weights[:-1]:
        x = (x @ weight.T).relu()
    return x @ weights[-1].T
