"""Every metric of one rendering against its photo, under one name each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rayloom.metrics.images import SSIMVariant, psnr, ssim, ssim_window_size
from rayloom.metrics.lpips import LPIPS, load_lpips
from rayloom.metrics.sharpness import gradient_ratio
from rayloom.metrics.warping import SMALLEST_FLOW_SIDE, shifted_psnr, warped_error


class Scores(TypedDict):
    """Metrics by name; None where weights are absent, the image is too small or every pixel is ignored.

    A quick evaluation measures the first two only.
    """

    psnr: float | None
    ssim: float | None
    lpips_alex: float | None
    lpips_vgg: float | None
    psnr_shifted: float | None
    """`shifted_psnr`: what PSNR would be without a displacement of the whole picture, less its border."""
    e_warp: float | None
    """`warped_error`: what differs after each pixel was moved to where the photo shows it."""
    gradient_ratio: float | None
    """Gradient energy over that of the photo; 1 is as sharp."""


@dataclass(frozen=True)
class Judge:
    """The metrics of an evaluation."""

    device: torch.device
    quick: bool
    """Whether what takes longer than PSNR and SSIM is left out."""
    alex: LPIPS | None
    vgg: LPIPS | None
    ssim_variant: SSIMVariant = "gaussian-valid"

    @classmethod
    def on(cls, device: torch.device, *, quick: bool) -> "Judge":
        """The metrics on a device, with LPIPS where it is wanted and its weights are there."""
        alex, vgg = (None, None) if quick else (load_lpips("alex"), load_lpips("vgg"))
        return cls(device, quick, alex and alex.to(device), vgg and vgg.to(device))

    def scores(
        self, rendered: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"], valid: Bool[Tensor, "h w"]
    ) -> Scores:
        """Every metric of one rendering, in the order of `Scores`."""
        # Windows reach across the borders of masks, so ignored pixels get the photo's own colour.
        filled = torch.where(valid[..., None], rendered, truth)
        known = bool(valid.any())
        smallest_side = min(valid.shape) if known else 0

        def perceptual(metric: LPIPS | None) -> float | None:
            return metric(filled, truth) if metric and smallest_side >= metric.smallest_side else None

        large_enough = smallest_side >= ssim_window_size(self.ssim_variant)
        flows = smallest_side >= SMALLEST_FLOW_SIDE and not self.quick
        shifted = None if self.quick else shifted_psnr(rendered, truth, valid)
        return {
            "psnr": psnr(rendered, truth, valid) if known else None,
            "ssim": ssim(filled, truth, self.ssim_variant) if large_enough else None,
            "lpips_alex": perceptual(self.alex),
            "lpips_vgg": perceptual(self.vgg),
            "psnr_shifted": shifted and shifted.psnr,
            "e_warp": warped_error(rendered, truth, valid) if flows else None,
            "gradient_ratio": None if self.quick else gradient_ratio(rendered, truth, valid),
        }


def mean_scores(views: Sequence[Scores]) -> Scores:
    """Each metric's mean over the views that have it."""

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    return {
        "psnr": mean([view["psnr"] for view in views]),
        "ssim": mean([view["ssim"] for view in views]),
        "lpips_alex": mean([view["lpips_alex"] for view in views]),
        "lpips_vgg": mean([view["lpips_vgg"] for view in views]),
        "psnr_shifted": mean([view["psnr_shifted"] for view in views]),
        "e_warp": mean([view["e_warp"] for view in views]),
        "gradient_ratio": mean([view["gradient_ratio"] for view in views]),
    }
