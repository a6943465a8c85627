"""How sharp a rendering is beside its photo, wherever its edges lie."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def gradient_ratio(
    rendered: Float[Tensor, "h w c"], truth: Float[Tensor, "h w c"], valid: Bool[Tensor, "h w"] | None = None
) -> float | None:
    """Gradient energy of the rendering over that of the photo: below 1 where it is blurred.

    Noise raises it as detail does, so that it says something beside a measure of closeness only. None where
    the photo is flat.
    """
    if valid is None:
        valid = torch.ones_like(truth[..., 0], dtype=torch.bool)
    energy = gradient_energy(truth, valid)
    return gradient_energy(rendered, valid) / energy if energy > 0 else None


def gradient_energy(image: Float[Tensor, "h w c"], valid: Bool[Tensor, "h w"]) -> float:
    """Sum of the squared differences of all neighbours, right and below, that are both valid."""
    right = (image[:, 1:] - image[:, :-1])[valid[:, 1:] & valid[:, :-1]]
    below = (image[1:] - image[:-1])[valid[1:] & valid[:-1]]
    return float(right.square().sum(dtype=torch.float64) + below.square().sum(dtype=torch.float64))
