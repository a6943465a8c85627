"""How close a rendering is to a photo that it may lie beside: E_warp, and the PSNR of the best displacement.

A camera that is off by a pixel, or a leaf that has moved, shifts a rendering against its photo. Then a sharp
rendering has a lower PSNR than a blurred one. Both measures first move the rendering to where the photo has
it: each pixel along the optical flow, or the whole picture by one displacement.
"""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from rayloom.metrics.images import psnr

FLOW = f"OpenCV {cv2.__version__}, DIS, medium preset"
"""How flow is estimated, for the protocol of an evaluation."""
SMALLEST_FLOW_SIDE = 16
"""Side of the smallest image that has a flow, in pixels."""
REACH = 4
"""The largest displacement that `shifted_psnr` tries, in pixels, in each direction."""

_SUPPORT = 4
"""Pixels on each side of a place that Lanczos interpolation reads."""


@dataclass(frozen=True)
class Displaced:
    """A rendering against a photo that shows the same a little to the side."""

    psnr: float
    """Of the rendering after it was moved, in dB."""
    x: float
    """How far it was moved to the right, in pixels."""
    y: float
    """How far down."""


def optical_flow(start: Float[Tensor, "h w 3"], end: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w 2"]:
    """How far to the right and down, in pixels, `end` shows what `start` shows at each pixel.

    By dense inverse search (Kroeger et al. 2016), on one thread, since its result depends on their number.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        flow = search.calc(_grey(start), _grey(end), None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    finally:
        cv2.setNumThreads(threads)
    return torch.from_numpy(np.ascontiguousarray(flow, dtype=np.float32)).to(start.device)


def warped(image: Float[Tensor, "h w c"], flow: Float[Tensor, "h w 2"]) -> Float[Tensor, "h w c"]:
    """The image read at each pixel's place plus its flow, bilinearly; the border goes on outside."""
    grid = 2 * (_centres(flow) + flow) / torch.tensor([image.shape[1], image.shape[0]]).to(flow) - 1
    moved = torch.nn.functional.grid_sample(
        image.permute(2, 0, 1)[None], grid[None].to(image.dtype), padding_mode="border", align_corners=False
    )
    return moved[0].permute(1, 2, 0)


def warped_error(
    rendered: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"], valid: Bool[Tensor, "h w"] | None = None
) -> float | None:
    """E_warp: mean absolute difference after the rendering was moved to the photo along the optical flow.

    After Jiang et al. 2023, with DIS in place of their network for flow. Over channels and valid pixels for
    which the flow ends at valid pixels inside of the picture; None where there are none. In flow estimation
    ignored pixels show the photo's own colour.
    """
    if valid is None:
        valid = torch.ones_like(truth[..., 0], dtype=torch.bool)
    filled = torch.where(valid[..., None], rendered, truth)
    flow = optical_flow(truth, filled)
    kept = valid & _inside(flow) & (warped(valid.to(flow)[..., None], flow)[..., 0] > 1 - 1e-4)
    if not kept.any():
        return None
    return float((warped(filled, flow) - truth).abs()[kept].mean(dtype=torch.float64))


def shifted_psnr(
    rendered: Float[Tensor, "h w 3"],
    truth: Float[Tensor, "h w 3"],
    valid: Bool[Tensor, "h w"] | None = None,
    *,
    reach: int = REACH,
) -> Displaced | None:
    """The highest PSNR over displacements of the rendering by up to `reach` pixels along each axis.

    All whole displacements are tried, then half and quarter pixels around the best of them, by Lanczos
    interpolation. All are judged by the same pixels of the photo: those so far from its border that every
    displacement leaves something there. None where no such pixel is valid.
    """
    margin = reach + _SUPPORT
    inner = (slice(margin, truth.shape[0] - margin), slice(margin, truth.shape[1] - margin))
    seen = truth[inner]
    mask = torch.ones_like(seen[..., 0], dtype=torch.bool) if valid is None else valid[inner]
    if not mask.any():
        return None
    source = rendered.detach().cpu().float().numpy()

    def judged(x: float, y: float) -> Displaced:
        moved = torch.from_numpy(_moved(source, x, y)).to(seen)[inner]
        return Displaced(psnr(moved.clamp(0, 1), seen, mask), x, y)

    along = sorted((float(x) for x in range(-reach, reach + 1)), key=abs)
    best = max((judged(x, y) for x, y in itertools.product(along, along)), key=lambda found: found.psnr)
    for step in (0.5, 0.25):
        beside = itertools.product((-step, 0.0, step), repeat=2)
        around = [(best.x + x, best.y + y) for x, y in beside]
        tried = [judged(x, y) for x, y in around if max(abs(x), abs(y)) <= reach]
        best = max(best, *tried, key=lambda found: found.psnr)
    return best


def _grey(image: Float[Tensor, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    levels = (255 * image.detach().clamp(0, 1)).round().to(torch.uint8).cpu().numpy()
    return np.asarray(cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY))


def _centres(flow: Float[Tensor, "h w 2"]) -> Float[Tensor, "h w 2"]:
    y, x = (torch.arange(size, dtype=flow.dtype, device=flow.device) + 0.5 for size in flow.shape[:2])
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def _inside(flow: Float[Tensor, "h w 2"]) -> Bool[Tensor, "h w"]:
    """Whether a pixel's flow ends between the centres of the picture's outermost pixels."""
    x, y = (_centres(flow) + flow).unbind(-1)
    height, width = flow.shape[:2]
    return (x >= 0.5) & (x <= width - 0.5) & (y >= 0.5) & (y <= height - 0.5)


def _moved(image: Float[np.ndarray, "h w 3"], x: float, y: float) -> Float[np.ndarray, "h w 3"]:
    """The image moved to the right and down; what moves in from outside is undefined."""
    if x == round(x) and y == round(y):
        return np.roll(image, (round(y), round(x)), axis=(0, 1))
    there = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, there, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)
