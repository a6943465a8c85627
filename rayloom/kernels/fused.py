"""Whole steps and whole pictures of hash-grid fields in one kernel: who has one, and what it must offer.

There is no reference here: a fused field computes what `march`, `hash_grid`, `tiny_mlp` and
`composite_packed` compute when a method composes them, and is tested against that.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.dispatch import numba_suits
from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.marching import StepRule
from rayloom.kernels.occupancy import OccupancyBits

if TYPE_CHECKING:
    from rayloom.kernels.numba.fused import FusedField


@dataclass(frozen=True)
class Space:
    """Where rays go. The hash grid covers the innermost box of `occupancy`, or contracts all space by it."""

    occupancy: OccupancyBits
    step: StepRule
    limit: int = 1024
    """Samples of a ray at most."""
    stop: float = 1e-3
    """Transmittance below which a ray ends."""


@dataclass(frozen=True)
class Report:
    """What one pass over rays did."""

    loss: float
    """The error, and as often as was asked for the mean over rays of `losses.distortion`, in `squeezed` t."""
    error: float
    """Mean over rays and channels of e², or of delta (2 |e| - delta) where |e| > delta."""
    num_samples: int
    """Samples that were seen: those with a colour and a gradient."""
    num_asked: int
    """Samples whose density was asked."""
    num_dropped: int
    """Rays that met nothing because their origin or a direction is no finite number."""
    ray_gradients: Float[Tensor, "rays 6"] | None = None
    """Of the loss by origins and directions, by way of the samples' places alone; if they were asked for."""


@dataclass(frozen=True)
class AdamRule:
    """Adam's settings; only rows with a gradient change."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.99)
    eps: float = 1e-15


def fused_field(
    layout: HashGridLayout,
    table: Float[Tensor, "rows features"],
    density_weights: Sequence[Float[Tensor, "_ _"]],
    color_weights: Sequence[Float[Tensor, "_ _"]],
    codes: Float[Tensor, "images width"] | None = None,
    *,
    contracted: bool,
    thinness: float = 1.0,
) -> "FusedField | None":
    """The fused form of a field over the tensors given, or None where no kernel suits them.

    Density is thinness * exp(first feature): a field that has learnt nothing yet should be thin enough to
    see through. The parameters stay in these tensors: training moves them, and the composed form sees it.
    """
    if not numba_suits(table, *density_weights, *color_weights, codes):
        return None
    module = importlib.import_module("rayloom.kernels.numba.fused")
    parts = (layout, table, density_weights, color_weights, codes)
    return module.FusedField(*parts, contracted=contracted, thinness=thinness)
