"""What keeps a learned deformation from stretching matter, and still matter from moving."""

import torch
from jaxtyping import Float
from torch import Tensor

_LEAST_STRETCH = 1e-6
"""Below it a direction counts as crushed, and its logarithm has no gradient."""


def geman_mcclure(squared: Float[Tensor, "*batch"], scale: float) -> Float[Tensor, "*batch"]:
    """2 x / (x + 4) with x = squared residual / scale²: a square for small residuals, never above 2.

    The robust function of Geman and McClure (1985) in the form of Park et al. 2021 (eq. 7), that is Barron
    (2019) with α = -2: what must stretch or move a lot, as at a joint, is not pulled back harder and harder.
    """
    ratio = squared / scale**2
    return 2 * ratio / (ratio + 4)


def squared_log_stretch(jacobians: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """Sum of log² σ over the singular values σ of the derivatives of a map (Park et al. 2021, eq. 6).

    0 for rigid maps, and the same for a map and its inverse. From the eigenvalues of JᵀJ, which are σ²: their
    gradient is exact also where they are equal, as they are at the start, where nothing is deformed.
    """
    squared = torch.linalg.eigvalsh(jacobians.mT @ jacobians)
    return (0.5 * squared.clamp_min(_LEAST_STRETCH**2).log()).square().sum(-1)


def elastic(jacobians: Float[Tensor, "*batch 3 3"], scale: float = 0.03) -> Float[Tensor, "*batch"]:
    """The elastic energy of a deformation at places, robust (Park et al. 2021, eq. 7)."""
    return geman_mcclure(squared_log_stretch(jacobians), scale)


def staying(
    points: Float[Tensor, "*batch 3"], moved: Float[Tensor, "*batch 3"], scale: float = 0.03
) -> Float[Tensor, "*batch"]:
    """How far places went that should stay, robust (Park et al. 2021, section 3.5)."""
    return geman_mcclure((moved - points).square().sum(-1), scale)
