"""Differences between rendered and photographed colours."""

from jaxtyping import Float
from torch import Tensor

from rayloom.types import Batch, Rendering


def squared_error(rgb: Float[Tensor, "*batch 3"], truth: Float[Tensor, "*batch 3"]) -> Float[Tensor, ""]:
    """Mean over rays and channels of the squared difference; its negative decibels are the PSNR."""
    return (rgb - truth).square().mean()


def photometric(rendering: Rendering, batch: Batch) -> Float[Tensor, ""]:
    """Squared error of the final colours plus that of every coarser level (Mildenhall et al. 2020, eq. 6)."""
    loss = squared_error(rendering.rgb, batch.rgb)
    for level in rendering.coarser:
        loss = loss + squared_error(level.rgb, batch.rgb)
    return loss
