"""Videos from frames: H.264 in MP4, which plays everywhere, or GIF."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image as PILImage

from rayloom.errors import InputError
from rayloom.files import whole_file

Frame = UInt8[Array, "h w 3"]

_QUALITY = "18"
"""Constant rate factor of libx264, at which losses are hard to see."""


def write_video(frames: Iterable[np.ndarray], path: Path, fps: int | float) -> None:
    """Write frames of equal size, h x w x 3 in eight bits, as they come.

    The ending of `path` chooses the format, `.mp4` or `.gif`. Raises InputError for another ending, for
    a path that cannot be written, and where there are no frames.
    """
    writers = {".mp4": _write_mp4, ".gif": _write_gif}
    if path.suffix.lower() not in writers:
        raise InputError(path, f"a video cannot end in {path.suffix!r}; expected .mp4 or .gif")
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise InputError(path, "there are no frames to write; expected at least one")
    with whole_file(path) as part:
        writers[path.suffix.lower()](_of_one_size(chain([first], remaining)), part, fps)


def _of_one_size(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames, after a look at each one's size."""
    size = None
    for frame in frames:
        size = size or frame.shape
        assert frame.shape == size, f"a frame of {frame.shape} after frames of {size}"
        yield frame


def _write_mp4(frames: Iterator[Frame], path: Path, fps: int | float) -> None:
    pictures = (_bt709(frame) for frame in frames)
    first = next(pictures)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.options = {"crf": _QUALITY}
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
        # Untagged videos are decoded with the matrix that each player guesses from their size.
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_range = ColorRange.MPEG
        for picture in chain([first], pictures):
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _bt709(frame: Frame) -> av.VideoFrame:
    """The frame in the colours of video, which exist for pairs of rows and columns: odd ones are doubled."""
    height, width, _ = frame.shape
    even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )


def _write_gif(frames: Iterator[Frame], path: Path, fps: int | float) -> None:
    pictures = (PILImage.fromarray(frame) for frame in frames)
    first = next(pictures)
    first.save(path, format="GIF", save_all=True, append_images=pictures, duration=round(1000 / fps), loop=0)
