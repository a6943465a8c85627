"""Differences between rendered and photographed colours."""

from jaxtyping import Float
from torch import Tensor

from rayloom.types import Batch, Rendering


def squared_error(
    rgb: Float[Tensor, "*batch 3"],
    truth: Float[Tensor, "*batch 3"],
    area: Float[Tensor, "*batch"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over rays and channels of the squared difference; its negative decibels are the PSNR.

    With areas of the pixels, the mean over rays is weighted by them: a pixel of a reduced photo counts as
    much as all those that it stands for (Barron et al. 2021, section 4).
    """
    return _mean((rgb - truth).square(), area)


def charbonnier(
    rgb: Float[Tensor, "*batch 3"],
    truth: Float[Tensor, "*batch 3"],
    area: Float[Tensor, "*batch"] | None = None,
    *,
    padding: float = 1e-3,
) -> Float[Tensor, ""]:
    """Mean over rays and channels of sqrt(difference² + padding²), less moved by outliers than the square.

    The reconstruction loss of Barron et al. 2022a, after Charbonnier et al. 1994; areas weigh as in
    `squared_error`.
    """
    return _mean(((rgb - truth).square() + padding**2).sqrt(), area)


def _mean(errors: Float[Tensor, "*batch 3"], area: Float[Tensor, "*batch"] | None) -> Float[Tensor, ""]:
    """Over rays, each as often as its area says, and channels."""
    if area is None:
        return errors.mean()
    return (area * errors.mean(-1)).sum() / area.sum()


def photometric(rendering: Rendering, batch: Batch, coarse_weight: float = 1.0) -> Float[Tensor, ""]:
    """Squared error of the final colours plus that of every coarser level (Mildenhall et al. 2020, eq. 6).

    Coarser levels count `coarse_weight` times (Barron et al. 2021, eq. 17), and pixels by their area.
    """
    loss = squared_error(rendering.rgb, batch.rgb, batch.area)
    for level in rendering.coarser:
        loss = loss + coarse_weight * squared_error(level.rgb, batch.rgb, batch.area)
    return loss
