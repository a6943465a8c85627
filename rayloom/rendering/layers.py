"""Emission and absorption of several kinds of matter that share their samples."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.rendering.compositing import expected_depth
from rayloom.types import Intervals, Rendering


@dataclass(frozen=True)
class Layer:
    """Matter of one kind in every interval."""

    density: Float[Tensor, "*batch n"]
    rgb: Float[Tensor, "*batch n 3"]


def layer_weights(
    densities: Float[Tensor, "layers *batch n"], widths: Float[Tensor, "*batch n"]
) -> Float[Tensor, "layers *batch n"]:
    """How much each interval of each layer adds: w_ki = T_i (1 - exp(-σ_ki δ_i)).

    Matter of all layers dims what lies behind, T_i = exp(-Σ_{j<i} Σ_k σ_kj δ_j), but within an interval none
    dims another (Martin-Brualla et al. 2021, eq. 8). Where layers meet, weights may thus sum to more than
    one; with finer intervals they come down to it.
    """
    optical_depth = densities * widths
    before = torch.nn.functional.pad(optical_depth.sum(0)[..., :-1].cumsum(-1), (1, 0))
    return torch.exp(-before) * -torch.expm1(-optical_depth)


def composite_layers(
    layers: tuple[Layer, ...],
    intervals: Intervals,
    background: Float[Tensor, "3"],
    coarser: tuple[Rendering, ...] = (),
) -> tuple[Rendering, Float[Tensor, "layers *batch n"]]:
    """What rays see of all layers over a background, and the weights of each.

    The weights of the rendering are their sums over layers. Opacity is what does not get through.
    """
    densities, widths = torch.stack([layer.density for layer in layers]), intervals.widths
    weights = layer_weights(densities, widths)
    rgb = (weights[..., None] * torch.stack([layer.rgb for layer in layers])).sum((0, -2))
    behind, together = background.expand_as(rgb), weights.sum(0)
    left = torch.exp(-(densities.sum(0) * widths).sum(-1))
    rendering = Rendering(
        rgb=rgb + left[..., None] * behind,
        opacity=1 - left,
        depth=expected_depth(together, intervals.midpoints, together.sum(-1)),
        intervals=intervals,
        weights=together,
        background=behind,
        coarser=coarser,
    )
    return rendering, weights
