"""Under which conditions a score was measured: two scores compare only if these agree."""

from dataclasses import dataclass

from rayloom.metrics.images import SSIMVariant


@dataclass(frozen=True)
class Protocol:
    """The conditions of an evaluation; plain values, kept beside the scores."""

    split: str
    """The images that were scored: `test`, `val` or `train`."""
    split_asked: str
    """The images that were asked for; `split` differs where the capture has none of these."""
    scales: tuple[str, ...]
    """The sizes at which every image was scored, as shares of its own: 1, and 1/2, 1/4, ... of copies."""
    num_views: int
    """Number of images that were scored, each at every scale."""
    num_views_in_split: int
    """Number of images of the split; more than `num_views` after a quick evaluation."""
    resolution: tuple[tuple[int, int], ...]
    """Each width and height that occurs, pixels."""
    background: tuple[float, float, float]
    """sRGB colour that photos with alpha were composited over."""
    rounded_to_8_bit: bool
    """Whether renderings were rounded to 256 levels first; they are clipped to [0, 1] in any case."""
    ssim: SSIMVariant
    """The variant of SSIM."""
    lpips_alex: str | None
    """The version of `lpips_alex`; None where it was not measured."""
    lpips_vgg: str | None
    """The version of `lpips_vgg`; None where it was not measured."""
    psnr_shifted: int | None
    """The largest displacement that `psnr_shifted` tries, pixels; None where it was not measured."""
    e_warp: str | None
    """How the flow of `e_warp` is estimated; None where it was not measured."""
    aligned: bool
    """Whether held-out cameras were moved along with learned ones, by the best similarity."""
    pose_refinement_steps: int
    """Steps in which each held-out camera was then refined against its photo."""
    code_fitting_steps: int
    """Steps in which the code of each held-out photo was fitted to its left half; 0 where there are none."""
    part: str
    """Which part of each photo was scored: `whole`, or the `right half` where the left one told its code."""
    ignored_pixels: str = "left out; equal to the photo in SSIM, LPIPS and flow"
    """What happens to pixels that the capture says must not be used."""
    mean: str = "mean of per-image values"
    """How scores of images become one."""
