"""How a held-out photo looks: its code is fitted to its left half, so that its right half can be scored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rayloom.data.batches import truth_image
from rayloom.fields.codes import CodeTable
from rayloom.method import Method
from rayloom.training.localize import frozen
from rayloom.training.viewpoints import Viewpoints
from rayloom.types import Rays

CODE_FITTING_STEPS = 50
RAYS_PER_STEP = 128
LR, LR_OF_SPREAD = 0.05, 0.1
"""Adam's rate, and the share of the codes' deviation that is added to it: methods differ in their scale."""


class HeldOutCodes:
    """The codes of held-out photos for methods that learn some, found as Martin-Brualla et al. 2021 do.

    Without a code such photos could not be told from others in another light, and scores would mean
    nothing; with a code from all of the photo they would mean too much. Methods without codes are scored on
    whole photos, at no cost.
    """

    def __init__(self, viewpoints: Viewpoints, steps: int = CODE_FITTING_STEPS) -> None:
        self.viewpoints, self.steps = viewpoints, steps
        self.table = viewpoints.method.photo_codes()
        self.found: dict[int, Float[Tensor, " size"]] = {}

    def is_stranger(self, index: int) -> bool:
        """Whether this photo of the scene needs a code that training did not give it."""
        return self.table is not None and self.viewpoints.scene.split[index] != "train"

    @contextmanager
    def of(self, index: int) -> Iterator[None]:
        """Within, the method shows the scene as this photo does."""
        if self.table is None or not self.is_stranger(index):
            yield
            return
        if index not in self.found:
            self.found[index] = self._fitted(self.table, index)
        with self.table.showing(self.found[index]):
            yield

    def scored(self, index: int, valid: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
        """Which of the pixels that may be used, in any copy of a photo, did not tell its code."""
        return valid & ~left_half(valid) if self.is_stranger(index) else valid

    def _fitted(self, table: CodeTable, index: int) -> Float[Tensor, " size"]:
        """The code that shows the left half of a photo best, found at its full size."""
        photo, valid = truth_image(self.viewpoints.scene, index)
        chosen = (valid & left_half(valid)).flatten().nonzero()[:, 0].to(table.weight.device)
        rays = self.viewpoints.rays(index)
        rays, colours = rays.reshape(photo[..., 0].numel()), photo.to(chosen.device).reshape(-1, 3)
        return fit_code(self.viewpoints.method, table, rays[chosen], colours[chosen], steps=self.steps)


def left_half(pixels: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """Which pixels of a picture lie left of its middle; the middle column of an odd number does not."""
    column = torch.arange(pixels.shape[1], device=pixels.device)
    return (column < pixels.shape[1] // 2).expand_as(pixels)


def fit_code(
    method: Method[Any],
    table: CodeTable,
    rays: Rays,
    rgb: Float[Tensor, "rays 3"],
    *,
    steps: int = CODE_FITTING_STEPS,
    seed: int = 0,
) -> Float[Tensor, " size"]:
    """The code with which a frozen method shows rays of a stranger's photo best, from the mean of all.

    Adam on the mean squared error of a step's random rays; its rate falls to zero along a cosine.
    """
    generator = torch.Generator().manual_seed(seed)
    code = table.stranger.detach().clone().requires_grad_(True)
    rate = LR + LR_OF_SPREAD * float(table.weight.detach().std(0, correction=0).mean())
    adam = torch.optim.Adam([code], lr=rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(steps, 1))
    with frozen(method), torch.enable_grad(), table.showing(code):
        for _ in range(steps if len(rgb) else 0):
            drawn = torch.randint(len(rgb), (RAYS_PER_STEP,), generator=generator).to(rgb.device)
            loss = (method.render(rays[drawn]).rgb - rgb[drawn]).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            falling.step()
    return code.detach()
