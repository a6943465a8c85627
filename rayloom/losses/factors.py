"""What keeps the planes and lines of a factorised grid small and smooth (Chen et al. 2022)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels import total_variation


def sparsity(factors: Sequence[Float[Tensor, "_ ..."]]) -> Float[Tensor, ""]:
    """The sum over planes and lines of their mean absolute values.

    As in the authors' code: a mean for each lets one weight serve all resolutions.
    """
    return torch.stack([factor.abs().mean() for factor in factors]).sum()


def roughness(factors: Sequence[Float[Tensor, "_ ..."]]) -> Float[Tensor, ""]:
    """The sum over planes or lines and their axes of the mean squared difference of neighbours.

    As in the authors' code, where a weight of 1 stands for 0.02 times this sum.
    """
    return torch.stack([total_variation(factor) for factor in factors]).sum()
