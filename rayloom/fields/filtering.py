"""Gaussian filters along the axes of grids, which a sum of outer products passes on to its factors."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 4.0
"""Deviations after which a kernel is cut off: at 32 cells where the paper filters most, as its code does."""


def gaussian_taps(
    sigma: float, *, normalized: bool = True, radius: int | None = None
) -> Float[Tensor, " taps"]:
    """The Gaussian of deviation `sigma` cells at -radius, ..., radius, in float64; [..., 0, 1, 0, ...] at 0.

    Normalised taps sum to 1. Those of Cheng et al. 2024 (eq. 11), min(1, N(n; 0, sigma)), sum to up to 1.09,
    near a deviation of 0.4, and lose what is cut off. The radius is 4 deviations unless told otherwise.
    """
    radius = math.ceil(REACH * sigma) if radius is None else radius
    cells = torch.arange(-radius, radius + 1, dtype=torch.float64)
    if sigma == 0:
        return (cells == 0).double()
    bell = torch.exp(-0.5 * (cells / sigma).square())
    return bell / bell.sum() if normalized else (bell / (math.sqrt(2 * math.pi) * sigma)).clamp_max(1)


def gaussian_filter(
    values: Float[Tensor, "..."], sigma: float, dims: Sequence[int], *, normalized: bool = True
) -> Float[Tensor, "..."]:
    """The values filtered along each of some axes; beyond an end, its value goes on. 0 changes nothing.

    Separable component-wise convolution (Cheng et al. 2024, theorem 4): a dense grid sum_r v_r ⊗ M_r
    filtered along its axes is the sum of the products of filtered lines v_r and planes M_r.
    """
    if sigma == 0:
        return values
    taps = gaussian_taps(sigma, normalized=normalized).to(values)
    for dim in dims:
        # One matrix product an axis: kernels are about as long as the grids, so that few entries are zero.
        matrix = _band(taps, values.shape[dim])
        values = torch.movedim(torch.movedim(values, dim, -1) @ matrix, -1, dim)
    return values


def _band(taps: Float[Tensor, " taps"], size: int) -> Float[Tensor, "size size"]:
    """The matrix B with which values @ B is the convolution; taps beyond an end count for its last cell."""
    radius = len(taps) // 2
    cells = torch.arange(size, device=taps.device)
    reached = (cells[:, None] + torch.arange(-radius, radius + 1, device=taps.device)).clamp(0, size - 1)
    return taps.new_zeros(size, size).scatter_add(1, reached, taps.expand(size, -1)).mT
