"""How close a rendered picture is to a photo, for the eye: errors and depths as colours, side by side.

These are numpy arrays, h x w x 3 in eight bits, ready for a file or a video. They live with the metrics,
below both training and export, because evaluation and videos draw with them alike.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray as Array
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from rayloom.files import whole_file

FULL_ERROR = 0.25
"""The mean absolute error that gets the last colour of `error_picture`; fixed, so that pictures compare."""

_SMALLEST_PANEL, _LARGEST_PANEL = 240, 1280
"""Widths, pixels."""
_CAPTION_HEIGHT = 24
_GAP = 4
_PAPER = (224, 224, 224)
"""Around the panels; neither the white nor the black that photos have behind objects."""
_NOT_SCORED = (96, 96, 96)


def eight_bit(image: Float[Array, "*shape"]) -> UInt8[Array, "*shape"]:
    """Values in [0, 1] rounded to the nearest of 256 levels; values outside are clipped."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def error_picture(
    rendered: Float[Array, "h w 3"], truth: Float[Array, "h w 3"], valid: Bool[Array, "h w"] | None = None
) -> UInt8[Array, "h w 3"]:
    """The mean absolute error of each pixel from black through red to pale yellow; grey where not valid."""
    error = np.abs(rendered - truth).mean(axis=-1)
    picture = _coloured(error / FULL_ERROR, "inferno")
    if valid is not None:
        picture[~valid] = _NOT_SCORED
    return picture


def depth_range(depth: Float[Array, "*shape"], opacity: Float[Array, "*shape"]) -> tuple[float, float]:
    """The depths between which nearly all opaque pixels lie, for `depth_picture`."""
    met = depth[(opacity > 0.5) & (depth > 0) & np.isfinite(depth)]
    if met.size == 0:
        return 1.0, 2.0
    near, far = np.percentile(met, [1.0, 99.0])
    return float(near), float(max(far, near * 1.01))


def depth_picture(
    depth: Float[Array, "h w"], opacity: Float[Array, "h w"], near: float, far: float
) -> UInt8[Array, "h w 3"]:
    """Depth in colours, from red at `near` to blue at `far`; what is transparent fades to white.

    Colours follow the inverse of depth, which spreads the foreground of unbounded scenes. A depth that is
    zero or not a number is as far as can be.
    """
    known = depth > 0
    inverse = np.where(known, 1 / np.where(known, depth, 1), 0)
    nearness = (inverse - 1 / far) / (1 / near - 1 / far)
    colours = _coloured(nearness, "turbo") / 255
    return eight_bit(1 + opacity[..., None] * (colours - 1))


def opacity_picture(opacity: Float[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """Opacity from black to white."""
    return np.repeat(eight_bit(opacity)[..., None], 3, axis=-1)


def label_picture(labels: Int[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """A colour for each class, those of classes that differ by a multiple of 20 alike; grey where unknown."""
    picture = _colour_table("tab20")[labels % 20]
    picture[labels < 0] = _NOT_SCORED
    return picture


def side_by_side(panels: Sequence[tuple[str, UInt8[Array, "h w 3"]]]) -> UInt8[Array, "h_out w_out 3"]:
    """Pictures of equal size in a row, each under its caption.

    Small pictures are enlarged by a whole factor, so that captions fit and pixels stay visible; large ones
    are reduced by one, so that files stay handy.
    """
    scaled = [_scaled(picture) for _, picture in panels]
    width, height = scaled[0].size
    size = (len(panels) * (width + _GAP) - _GAP, height + _CAPTION_HEIGHT)
    sheet = PILImage.new("RGB", size, color=_PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for column, (caption, _) in enumerate(panels):
        left = column * (width + _GAP)
        draw.text((left + _GAP, _CAPTION_HEIGHT // 2), caption, fill=(0, 0, 0), font=font, anchor="lm")
        sheet.paste(scaled[column], (left, _CAPTION_HEIGHT))
    return np.asarray(sheet)


def write_png(picture: UInt8[Array, "h w 3"], path: Path) -> None:
    """Write a picture whole or not at all; raises InputError where the file cannot be written."""
    with whole_file(path) as part:
        PILImage.fromarray(picture).save(part, format="PNG")


def _scaled(picture: UInt8[Array, "h w 3"]) -> PILImage.Image:
    """The picture at a width between the smallest and the largest of a panel."""
    height, width, _ = picture.shape
    image = PILImage.fromarray(picture)
    if width < _SMALLEST_PANEL:
        factor = -(-_SMALLEST_PANEL // width)
        return image.resize((width * factor, height * factor), PILImage.Resampling.NEAREST)
    return image.reduce(-(-width // _LARGEST_PANEL))


def _coloured(values: Float[Array, "h w"], colormap: str) -> UInt8[Array, "h w 3"]:
    """Values in [0, 1] through a colour table; values outside get the first or last colour."""
    return _colour_table(colormap)[eight_bit(values)]


@cache
def _colour_table(colormap: str) -> UInt8[Array, "256 3"]:
    """The 256 colours of one of matplotlib's tables."""
    from matplotlib import colormaps  # noqa: PLC0415  Slow to import, and only needed here.

    return eight_bit(colormaps[colormap](np.arange(256))[:, :3])
