"""Where a picture changes, and a loss that looks there first: edges tell best how a camera must turn."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def edge_mask(image: Float[Tensor, "h w c"], threshold: float = 1.25) -> Bool[Tensor, "h w"]:
    """Where the Sobel gradient, its length summed over channels, is above `threshold` times its mean.

    The edges of Cheng et al. 2024, as in the authors' code. Beyond its border the image goes on unchanged.
    """
    smooth, slope = image.new_tensor([1.0, 2.0, 1.0]), image.new_tensor([-1.0, 0.0, 1.0])
    across = smooth[:, None] * slope
    kernels = torch.stack([across, across.mT])[:, None]
    channels = functional.pad(image.movedim(-1, 0)[:, None], (1, 1, 1, 1), mode="replicate")
    strength = functional.conv2d(channels, kernels).square().sum(1).sqrt().sum(0)
    return strength > threshold * strength.mean()


def edge_guided(
    rgb: Float[Tensor, "*batch 3"],
    truth: Float[Tensor, "*batch 3"],
    edges: Bool[Tensor, "*batch"],
    edge_weight: float = 1.5,
) -> Float[Tensor, ""]:
    """Squared error that counts `edge_weight` times on edges and 2 - `edge_weight` times elsewhere.

    Both are means over all rays, so that a weight of 1 makes it the plain squared error (Cheng et al. 2024).
    """
    weights = torch.where(edges, edge_weight, 2 - edge_weight)
    return (weights[..., None] * (rgb - truth).square()).mean()
