"""Reprojective colour consistency: how much a film flickers, beyond what PSNR of single pictures tells.

What one frame shows is moved to where the next one sees it, by the depth of the frames, and the colours are
compared. Aumentado-Armstrong et al. 2023 (arXiv:2310.17880) introduce the idea; their formula was not at
hand, and this one is a reconstruction.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.metrics.images import MAX_PSNR
from rayloom.types import Image

MIN_OPACITY = 0.9
"""Less opaque pixels have no depth that one could go by."""
TOLERANCE = 0.01
"""Share by which the depth of a place may differ from that of what the next frame sees there."""


@dataclass(frozen=True)
class Consistency:
    """How consistent a film is, and of how much of it that is said."""

    rcc: float
    """-10 log10 of the mean over pairs of frames of the mean squared difference of colours, dB."""
    kept: float
    """Share of all pixels that could be compared; a film of which little is kept may score anything."""
    num_pairs: int
    """Pairs of frames with a pixel that was kept."""


def reprojective_consistency(frames: Sequence[Image], cameras: Cameras) -> Consistency:
    """Consistency of the frames that cameras took one after another.

    A pixel counts where it is opaque and, in the next frame, lies inside between four pixels that are opaque
    and at its depth: what is hidden or at an edge of things is left out. That a surface changes its colour
    with the view, and that pixels are interpolated, bounds what a film can score: it is to be read beside the
    figures of the true film and of another method. ValueError if no pixel is left.
    """
    assert len(frames) == len(cameras), "a camera for each frame"
    errors: list[float] = []
    num_kept, num_pixels = 0, 0
    for i in range(len(frames) - 1):
        squared, kept = compared(frames[i], frames[i + 1], cameras[i : i + 2])
        num_kept, num_pixels = num_kept + int(kept.sum()), num_pixels + kept.numel()
        if kept.any():
            errors.append(float(squared[kept].mean(dtype=torch.float64)))
    if not errors:
        raise ValueError("RCC needs pixels that two frames show; found none")
    mean = sum(errors) / len(errors)
    rcc = min(-10 * math.log10(mean), MAX_PSNR) if mean > 0 else MAX_PSNR
    return Consistency(rcc, num_kept / num_pixels, len(errors))


def compared(
    first: Image, second: Image, cameras: Cameras
) -> tuple[Float[Tensor, "h w 3"], Bool[Tensor, "h w"]]:
    """Squared differences of the first frame's colours to those of the second, and where they count."""
    height, width = first.depth.shape
    rays = cameras.image_rays(0).reshape(height * width)
    points = rays.at(first.depth.reshape(-1, 1))[:, 0]
    other = torch.ones(len(points), dtype=torch.long, device=points.device)
    pixels, z_depth = cameras.project(points, other)
    pixels = pixels.nan_to_num(nan=-1.0, posinf=-1.0, neginf=-1.0)
    inside = ((pixels >= 0.5) & (pixels <= cameras.size[1] - 0.5)).all(-1) & (z_depth > 0)
    pixels = pixels.where(inside[:, None], 0.5)
    seen = cameras.rays(other, pixels)
    distance = ((points - seen.origins) * seen.directions).sum(-1)
    corners, shares = _around(pixels, *second.depth.shape)
    rows, columns = corners.unbind(-1)
    at_depth = (second.depth[rows, columns] - distance).abs() <= TOLERANCE * distance
    there = (at_depth & (second.opacity[rows, columns] > MIN_OPACITY)).all(0)
    kept = inside & there & (first.opacity.reshape(-1) > MIN_OPACITY)
    rgb = (shares[..., None] * second.rgb[rows, columns]).sum(0)
    squared = (first.rgb.reshape(-1, 3) - rgb).square()
    return squared.reshape(height, width, 3), kept.reshape(height, width)


def _around(pixels: Float[Tensor, "n 2"], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the four pixels around places, 4 x n x 2, and their bilinear shares, 4 x n."""
    place = pixels - 0.5
    low = torch.minimum(place.floor(), place.new_tensor([max(width - 2, 0), max(height - 2, 0)]))
    x, y = (place - low).unbind(-1)
    column, row = low.long().unbind(-1)
    right, below = (column + 1).clamp(max=width - 1), (row + 1).clamp(max=height - 1)
    corners = [
        torch.stack(pair, dim=-1) for pair in ((row, column), (row, right), (below, column), (below, right))
    ]
    shares = torch.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    return torch.stack(corners), shares
