"""Photos from a video: the sharpest frame of each stretch of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.container
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sfm.detail import measured_size, sharpness

OnStretch = Callable[[int, int], None]
"""Called with the number of stretches that are done, and of all."""

_SAME = 1.0
"""Mean difference of grey levels, of 255, below which two thumbnails show that the camera rested."""


def pick_frames(video: Path, folder: Path, num_frames: int, on_progress: OnStretch) -> list[Path]:
    """Write the sharpest frame of each of `num_frames` equal stretches of a video; the files in order.

    They are upright. Fewer come back where the video has fewer frames, and where
    the camera rests: of frames that look alike the first is kept. Frames of the same video that lie in
    the folder from an interrupted call stay, and picking goes on after them. Raises InputError where the
    file is no video, has no frames, or cannot be read.
    """
    count = _count(video)
    total = min(num_frames, count)
    kept = sorted(folder.glob("frame_*.jpg"))
    first = int(kept[-1].stem.removeprefix("frame_")) + 1 if kept else 0
    before = _thumbnail(np.asarray(Image.open(kept[-1]))) if kept else None
    on_progress(first, total)
    for stretch, frame in _sharpest(video, count, total, first) if first < total else ():
        rgb = _pixels(frame)
        thumbnail = _thumbnail(rgb)
        if before is None or float(np.abs(thumbnail - before).mean()) >= _SAME:
            with whole_file(folder / f"frame_{stretch:06}.jpg") as part:
                Image.fromarray(rgb).save(part, quality=95, subsampling=0)
            kept.append(folder / f"frame_{stretch:06}.jpg")
            before = thumbnail
        on_progress(stretch + 1, total)
    if not kept:
        raise InputError(video, "not one frame can be decoded; expected a whole video")
    return kept


def _sharpest(video: Path, count: int, total: int, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """From stretch `first` on, the number of each of `total` stretches and its sharpest frame."""
    stretch, best, best_sharpness = first, None, 0.0
    for i, frame in enumerate(_decoded(video)):
        # Files may hold more frames than packets; what is left over belongs to the last stretch.
        current = min(i * total // count, total - 1)
        if current < first:
            continue
        if current > stretch and best is not None:
            yield stretch, best
            best = None
        value = sharpness(_grey_levels(frame))
        if best is None or value > best_sharpness:
            stretch, best, best_sharpness = current, frame, value
    if best is not None:
        yield stretch, best


def _count(video: Path) -> int:
    """Frames in the video, by its packets, which is quick; raises InputError where there are none."""
    with _opened(video) as container:
        count = sum(packet.size > 0 for packet in container.demux(container.streams.video[0]))
    if count == 0:
        raise InputError(video, "the video has no frames; expected some")
    return count


def _decoded(video: Path) -> Iterator[av.VideoFrame]:
    """The frames that can be decoded, in the order in which they are shown."""
    with _opened(video) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                # A damaged stretch, as after a fall of the phone, must not cost the rest of the film.
                continue


@contextmanager
def _opened(video: Path) -> Iterator[av.container.InputContainer]:
    """The container, which has pictures in it; raises InputError where that or reading it fails."""
    if not video.is_file():
        raise InputError(video, "no such file; expected a video")
    try:
        # A file may be a playlist, and then name addresses of other machines.
        with av.open(str(video.absolute()), options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise InputError(video, "has no pictures in it; expected a video")
            yield container
    except (av.error.FFmpegError, UnicodeError) as error:
        raise InputError(video, f"cannot be read as a video ({error}); expected a whole one") from error


def _pixels(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The frame as it is to be shown, h x w x 3."""
    rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90) % 4))


def _grey_levels(frame: av.VideoFrame) -> NDArray[np.float32]:
    """The frame, h x w, at the size at which it is measured; decoders are quick at making it smaller."""
    size = measured_size(frame.width, frame.height)
    return frame.reformat(*size, format="gray", interpolation="AREA").to_ndarray().astype(np.float32)


def _thumbnail(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey levels, 32 x 32, in which noise and compression are averaged away."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
