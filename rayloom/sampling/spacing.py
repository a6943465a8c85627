"""How samples are spread from near to far: normalised distance s in [0, 1] and distance t."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Spacing = Literal["distance", "disparity", "log", "power", "piecewise"]
"""What grows evenly with s: the function g of Barron et al. 2022a, eq. 11.

"distance" is g = t, "disparity" 1/t and "log" log t; the last two need near > 0. "power" is the power
transformation of 2t with exponent -3/2 (Barron et al. 2023). "piecewise" is t/2 up to 1 and 1 - 1/(2t)
beyond, as in the authors' code of mip-NeRF 360. These two are almost even near by and allow near = 0.
"""

# P(x, λ) = |λ-1|/λ ((x/|λ-1| + 1)^λ - 1) at x = 2t and λ = -3/2 is (1 + 4t/5)^(-3/2), scaled and shifted.
POWER, STRETCH = -1.5, 0.8


@dataclass(frozen=True)
class _Ladder:
    """A monotone function g of t and its inverse; scale and offset of g cancel in s.

    A g that levels off is written so that it falls to zero at infinity: there float32 is finest, and the
    steps of g are smallest.
    """

    rung: Callable[[Tensor], Tensor]
    t: Callable[[Tensor], Tensor]


_LADDERS: dict[Spacing, _Ladder] = {
    "distance": _Ladder(lambda t: t, lambda rung: rung),
    "disparity": _Ladder(torch.reciprocal, torch.reciprocal),
    "log": _Ladder(torch.log, torch.exp),
    "power": _Ladder(
        lambda t: (1 + STRETCH * t) ** POWER,
        lambda rung: (rung ** (1 / POWER) - 1) / STRETCH,
    ),
    "piecewise": _Ladder(
        # The clamp keeps the gradient of the branch that is not taken finite at t = 0.
        lambda t: torch.where(t < 1, 1 - t / 2, 0.5 / t.clamp_min(1)),
        lambda rung: torch.where(rung > 0.5, 2 - 2 * rung, 0.5 / rung),
    ),
}


def t_from_s(
    s: Float[Tensor, "*batch n"],
    near: Float[Tensor, "*batch"],
    far: Float[Tensor, "*batch"],
    spacing: Spacing,
) -> Float[Tensor, "*batch n"]:
    """Distances t = g⁻¹(s g(far) + (1 - s) g(near)) for s in [0, 1]; near and far themselves at the ends."""
    ladder, near, far = _LADDERS[spacing], near[..., None], far[..., None]
    t = ladder.t((1 - s) * ladder.rung(near) + s * ladder.rung(far))
    # Rounding of g and its inverse must not move a sample out of the ray, nor an end.
    t = t.maximum(near).minimum(far)
    return torch.where(s <= 0, near, torch.where(s >= 1, far, t))


def s_from_t(
    t: Float[Tensor, "*batch n"],
    near: Float[Tensor, "*batch"],
    far: Float[Tensor, "*batch"],
    spacing: Spacing,
) -> Float[Tensor, "*batch n"]:
    """The inverse of `t_from_s`, (g(t) - g(near)) / (g(far) - g(near)); 0 on a ray without length."""
    rung = _LADDERS[spacing].rung
    first = rung(near[..., None])
    span = rung(far[..., None]) - first
    return (rung(t) - first) / torch.where(span == 0, 1, span)
