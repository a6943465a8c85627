"""Comparing a rendered patch with the part of its photo that it fits best.

Jiang et al., "AligNeRF: High-Fidelity Neural Radiance Fields via Alignment-Aware Training", 2023,
arXiv:2211.09682. A pose that is off by a pixel, or a leaf that moved, shifts what a photo shows: pixel by
pixel such photos agree on a blur only. A patch is therefore compared with a crop of the photo under every
displacement of a few pixels, and learns from the best one.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rayloom.losses.photometric import charbonnier
from rayloom.types import Crops


@dataclass(frozen=True)
class Alignment:
    """How patches fit their photos."""

    loss: Float[Tensor, ""]
    """Mean over patches of the least cost; its gradient reaches the rendered colours alone."""
    matched: Crops
    """What the photos show under the displacements, as large as the patches."""
    displacements: Int[Tensor, "patches 2"]
    """(x, y) in pixels: the photo shows at p + displacement what was rendered at p."""


def alignment(rendered: Float[Tensor, "patches side side 3"], crops: Crops, weight: float) -> Alignment:
    """The alignment-aware loss: the least cost over all displacements, these taken as given.

    `weight` is the cost of a pixel of displacement, see `match_costs`.
    """
    moves = displacements(rendered, crops, weight)
    matched = displaced(crops, moves, rendered.shape[1])
    errors = _masked_mean((rendered - matched.rgb).square().mean(-1), matched.valid)
    return Alignment((errors + weight * moves.to(errors).norm(dim=-1)).mean(), matched, moves)


def anchor(rendered: Float[Tensor, "patches side side 3"], crops: Crops) -> Float[Tensor, ""]:
    """Charbonnier error of patches in their own place.

    Displacements are taken as given, so that their cost does not pull at what is rendered. A little of this
    loss does, for the price of a little blur. Pixels that must not be used look as they were rendered.
    """
    still = displaced(crops, crops.valid.new_zeros(len(rendered), 2, dtype=torch.long), rendered.shape[1])
    return charbonnier(rendered, torch.where(still.valid[..., None], still.rgb, rendered.detach()))


@torch.no_grad()
def displacements(
    rendered: Float[Tensor, "patches side side 3"], crops: Crops, weight: float
) -> Int[Tensor, "patches 2"]:
    """The displacement (x, y) of least cost of each patch, in pixels."""
    costs = match_costs(rendered, crops, weight)
    width = costs.shape[-1]
    best = costs.flatten(1).argmin(-1)
    return torch.stack([best % width, best // width], dim=-1) - width // 2


class DisplacementLog(nn.Module):
    """By how much the patches of each photo were displaced, kept with the weights of a run."""

    total: Tensor
    count: Tensor

    def __init__(self, num_images: int) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(num_images, 2))
        self.register_buffer("count", torch.zeros(num_images))

    @torch.no_grad()
    def add(self, displacement: Int[Tensor, "patches 2"], image: Int[Tensor, " patches"]) -> None:
        """Remember displacements of patches of these photos."""
        self.total.index_add_(0, image, displacement.to(self.total))
        self.count.index_add_(0, image, torch.ones_like(image).to(self.count))

    def means(self) -> Float[Tensor, "images 2"]:
        """Mean (x, y) in pixels of each photo, 0 for photos without patches.

        Nothing but the cost of displacements holds a scene in its place: a mean over all photos that is not
        near zero tells that it drifts.
        """
        return self.total / self.count.clamp(min=1)[:, None]


def match_costs(
    rendered: Float[Tensor, "patches side side 3"], crops: Crops, weight: float
) -> Float[Tensor, "patches moves moves"]:
    """What displacements of up to m pixels cost, row (y) by column (x), for crops with a margin of m.

    D(y, x) is the squared error, averaged over the pixels and channels of the patch as in `squared_error`,
    plus `weight` times the length of (x, y) in pixels, by which flat patches stay in their place. It is
    infinite where the displaced patch meets a pixel that must not be used. The patch in its own place always
    has a cost, that of its valid pixels, and 0 where it has none.

    The sum of (R - G)² is that of R² plus that of G² in a window less twice the correlation of R and G: two
    sums along the axes and a product of spectra instead of (2m + 1)² differences.
    """
    side, margin = rendered.shape[1], (crops.rgb.shape[1] - rendered.shape[1]) // 2
    # What both lose changes no difference; around 0 less cancels.
    middle = rendered.mean((1, 2), keepdim=True)
    inner, outer = ((image - middle).permute(0, 3, 1, 2) for image in (rendered, crops.rgb))
    windows = torch.stack([outer.square().sum(1), (~crops.valid).to(outer)], dim=1)
    energy, unusable = _window_sums(windows, side).unbind(1)
    squares = inner.square().sum((1, 2, 3))[:, None, None] + energy - 2 * _correlation(inner, outer)
    costs = (squares / (3 * side**2)).clamp(min=0).masked_fill(unusable > 0, torch.inf)
    square = slice(margin, margin + side)
    errors = (rendered - crops.rgb[:, square, square]).square().mean(-1)
    costs[:, margin, margin] = _masked_mean(errors, crops.valid[:, square, square])
    along = torch.arange(-margin, margin + 1).to(costs)
    return costs + weight * torch.hypot(along[:, None], along)


def displaced(crops: Crops, displacement: Int[Tensor, "patches 2"], side: int) -> Crops:
    """The squares of `side` pixels that lie by (x, y) pixels beside the middle of each crop."""
    corner = (crops.rgb.shape[1] - side) // 2 + displacement
    columns, rows = (corner[:, None] + torch.arange(side).to(corner)[:, None]).unbind(-1)
    patch = torch.arange(len(corner)).to(corner)
    return crops.map(lambda image: image[patch[:, None, None], rows[:, :, None], columns[:, None, :]])


def _window_sums(maps: Float[Tensor, "patches c h w"], side: int) -> Float[Tensor, "patches c h_out w_out"]:
    """The sums over all windows of `side` pixels, along one axis and then along the other."""
    rows = functional.avg_pool2d(maps, (side, 1), stride=1, divisor_override=1)
    return functional.avg_pool2d(rows, (1, side), stride=1, divisor_override=1)


def _correlation(
    inner: Float[Tensor, "patches c side side"], outer: Float[Tensor, "patches c h w"]
) -> Float[Tensor, "patches h_out w_out"]:
    """The sum of products of each patch with every window of its crop, by the correlation theorem."""
    height, width = outer.shape[-2:]
    spectra = [torch.fft.rfft2(image, s=(height, width)) for image in (outer, inner)]
    products = torch.fft.irfft2((spectra[0] * spectra[1].conj()).sum(1), s=(height, width))
    # Only windows inside of the crop: what lies beyond them wraps around.
    reach = height - inner.shape[-1] + 1
    return products[:, :reach, :reach]


def _masked_mean(
    errors: Float[Tensor, "patches side side"], valid: Bool[Tensor, "patches side side"]
) -> Float[Tensor, " patches"]:
    """The mean over the valid pixels of each patch, 0 where there are none."""
    return (errors * valid).sum((1, 2)) / valid.sum((1, 2)).clamp(min=1)
