"""Codes for the photos of a scene that changes, and for the moments between them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.types import Rays


class FrameCodes(nn.Module):
    """A learned vector for each training photo; a ray of any other camera has one by its time.

    Codes of neighbouring photos are mixed in proportion, as the time lies between theirs; before the first
    and behind the last photo the code stays. Photos of the same time count with their mean.
    """

    def __init__(self, num_photos: int, size: int, spread: float = 0.05) -> None:
        super().__init__()
        self.size = size
        self.spread = spread
        self.weight = nn.Parameter(torch.empty(num_photos, size).uniform_(0, spread))
        self.times: Tensor
        self.register_buffer("times", torch.zeros(num_photos))

    @torch.no_grad()
    def start_from(self, times: Float[Tensor, " photos"], reach: float = 0.0) -> None:
        """Take these as the times of the photos, in [0, 1], and draw their codes anew.

        They begin near a line through 0 in a random direction, in the order of the times, and about `reach`
        apart in each number between 0 and 1: neighbours are alike before anything is learnt.
        """
        self.times.copy_(times)
        line = (self.times - 0.5)[:, None] * torch.randn(self.size, device=self.times.device)
        self.weight.uniform_(0, self.spread).add_(reach * line)

    def at(self, time: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch size"]:
        """The codes of moments, from those of the photos around them."""
        moments, photos = torch.unique(self.times, return_inverse=True)
        sums = self.weight.new_zeros(len(moments), self.size).index_add(0, photos, self.weight)
        codes = sums / photos.bincount(minlength=len(moments))[:, None]
        after = torch.searchsorted(moments, time.contiguous()).clamp_max(len(moments) - 1)
        before = (after - 1).clamp_min(0)
        span = moments[after] - moments[before]
        share = (time - moments[before]) / torch.where(span > 0, span, 1)
        return codes[before].lerp(codes[after], share.clamp(0, 1)[..., None])

    def forward(self, rays: Rays) -> Float[Tensor, "*batch size"]:
        """The code of each ray."""
        known = rays.camera_index >= 0
        own = self.weight[rays.camera_index.clamp_min(0)]
        return torch.where(known[..., None], own, self.at(rays.time))
