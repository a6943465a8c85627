"""The part of a run that sees squares of pixels, and what makes a field sharp there.

The three parts of AligNeRF (Jiang et al. 2023, arXiv:2211.09682), over colours alone, so that any method can
have them: patches are compared with the place of their photo that they fit best, in colours and in shallow
features, and a small network adds to each colour what it reads off the pixels around.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.fields.neighborhood import NeighborhoodCNN
from rayloom.kernels.fused import Report
from rayloom.kernels.processes import average_gradients
from rayloom.losses.alignment import alignment
from rayloom.losses.high_frequency import ShallowFeatures, high_frequency
from rayloom.losses.photometric import squared_error
from rayloom.losses.surrogate import surrogate_truth
from rayloom.types import Batch, Crops, Image, Patch, Progress, StepReport


@dataclass(frozen=True)
class PatchLosses:
    """How patches are trained."""

    patch: Patch
    high_frequency: float
    """Weight of the difference in shallow features."""
    every: int = 4
    """One step in so many sees patches. Those between see random pixels: patches alone show so few places
    that a field with a high rate unlearns the others."""
    displacement: float = 1e-3
    """Cost of a pixel of displacement, in squared error."""
    lr: float = 3e-3
    """Rate of the network at the start."""


@dataclass(frozen=True)
class Aim:
    """What a kernel that computes squared errors is shown, and what they then mean."""

    truth: Float[Tensor, "rays 3"]
    loss: float | None = None
    """What the squared error stands for; None where it stands for itself."""
    error: float = 0.0
    """The squared error of the colours with what their neighbours add."""

    def told(self, report: Report) -> StepReport:
        """The report of the kernel in the terms that were meant."""
        if self.loss is None:
            return StepReport(report.loss, report.error, report.num_samples)
        return StepReport(self.loss + report.loss - report.error, self.error, report.num_samples)


class PatchPhase(nn.Module):
    """The last `share` of a run; with a share of 0 it never comes and has no parameters."""

    def __init__(self, share: float, losses: PatchLosses, width: int = 16) -> None:
        super().__init__()
        self.first, self.settings, self.now = 1 - share, losses, False
        self.network = NeighborhoodCNN(3, width) if share > 0 else None
        self.adam = torch.optim.Adam(self.parameters(), lr=losses.lr) if self.network else None
        self.features: ShallowFeatures | None = None

    def prepare(self) -> None:
        """Read what only training needs."""
        self.features = ShallowFeatures() if self.network else None

    def follow(self, progress: Progress) -> None:
        """Choose whether the next step sees patches."""
        begun = self.network is not None and progress.fraction >= self.first
        self.now = begun and progress.step % self.settings.every == 0

    @property
    def patch(self) -> Patch | None:
        """The squares that rays form now."""
        return self.settings.patch if self.now and self.training else None

    def alike(self, colors: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 3"]:
        """One of the colours for all rays of a square, where rays form squares: features see what differs."""
        if self.patch is None:
            return colors
        group = self.patch.side**2
        return colors[::group].repeat_interleave(group, dim=0)

    def refined(self, rgb: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 3"]:
        """Rendered colours with what their neighbours add, where rays form squares."""
        if self.patch is None or self.network is None:
            return rgb
        squares = self._squares(rgb)
        return (squares + self.network(squares)).reshape(rgb.shape)

    def picture(self, image: Image) -> Image:
        """The same for a whole picture; one too small to have neighbours stays as it is."""
        if self.network is None or min(image.depth.shape) < 2:
            return image
        return replace(image, rgb=image.rgb + self.network.in_patches(image.rgb))

    def losses(
        self, refined: Float[Tensor, "rays 3"], crops: Crops, change: Float[Tensor, "rays 3"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Terms to be minimised, where the background is not the scene's but differs from it by `change`."""
        squares, crops = self._squares(refined), _over(crops, self._squares(change)[:, 0, 0])
        found = alignment(squares, crops, self.settings.displacement)
        assert self.features is not None, "`prepare` comes before training"
        detail = high_frequency(squares, found.matched, self.features)
        return {"alignment": found.loss, "high_frequency": self.settings.high_frequency * detail}

    def aim(
        self, batch: Batch, old: Float[Tensor, "3"], new: Float[Tensor, "rays 3"],
        render: Callable[[], tuple[Tensor, ...]], lr_scale: float,
    ) -> Aim:  # fmt: skip
        """What a kernel should learn from over the background `new`, where the photos have the colour `old`.

        Where rays form squares, after a step of the network. What `render` gives first are then the colours
        that the kernel is going to compare.
        """
        truth = batch.over(old, new)
        if batch.crops is None or self.adam is None:
            return Aim(truth)
        rgb = render()[0].detach().requires_grad_()
        refined = self.refined(rgb)
        loss = torch.stack(list(self.losses(refined, batch.crops, new - old).values())).sum()
        self.adam.zero_grad()
        loss.backward()
        average_gradients(self.parameters())
        for group in self.adam.param_groups:
            group["lr"] = self.settings.lr * lr_scale
        self.adam.step()
        assert rgb.grad is not None
        return Aim(surrogate_truth(rgb, rgb.grad), loss.item(), squared_error(refined.detach(), truth).item())

    def _squares(self, rgb: Float[Tensor, "rays 3"]) -> Float[Tensor, "patches side side 3"]:
        side = self.settings.patch.side
        return rgb.reshape(-1, side, side, 3)


def _over(crops: Crops, change: Float[Tensor, "patches 3"]) -> Crops:
    """The crops over other backgrounds."""
    return replace(crops, rgb=crops.rgb + (1 - crops.alpha)[..., None] * change[:, None, None])
