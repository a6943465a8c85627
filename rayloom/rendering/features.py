"""Features of any width along rays, instead of colours."""

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels import packed_weights, segment_sum
from rayloom.types import PackedSamples


def composite_features(
    density: Float[Tensor, " samples"], features: Float[Tensor, "samples channels"], samples: PackedSamples
) -> tuple[Float[Tensor, "rays channels"], Float[Tensor, " rays"], Float[Tensor, " rays"]]:
    """Sums of weighted features, opacity, and expected distance, 0 where nothing was met.

    As `composite_packed`, but without a background: nothing adds nothing.
    """
    weights = packed_weights(density * samples.widths, samples.ray_index, samples.num_rays)
    stacked = torch.cat([features, torch.ones_like(weights)[:, None], samples.midpoints[:, None]], dim=-1)
    total = segment_sum(weights[:, None] * stacked, samples.ray_index, samples.num_rays)
    opacity = total[:, -2]
    return total[:, :-2], opacity, total[:, -1] / opacity.clamp(min=torch.finfo(opacity.dtype).tiny)
