"""Pictures of semantic classes, brought to the size of their images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rayloom.data.capture import Capture, Frame
from rayloom.data.pixels.decoding import decode_levels
from rayloom.errors import InputError

UNKNOWN = -1
"""The class of a pixel without a label."""
MAX_CLASSES = 1024
"""More are a sign of a picture that shows something else, such as depth."""


def load_labels(
    frames: Sequence[Frame], sizes: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int16] | None, ...]:
    """The class of each pixel, (h, w) a frame of the given (width, height), `UNKNOWN` without a label.

    A picture holds numbers of classes, in grey or as places in a palette; the largest number of its type,
    255 or 65535, means unknown. Classes are picked at the middles of pixels, never averaged. Raises
    InputError where a picture is damaged, has colours, too many classes or another aspect ratio.
    """
    return tuple(
        None if frame.labels is None else _classes(frame.labels, frame.name, size)
        for frame, size in zip(frames, sizes, strict=True)
    )


def count_classes(capture: Capture, labels: Sequence[NDArray[np.int16] | None]) -> int:
    """How many classes there are: those that the capture names, or up to the largest number in a picture.

    Raises InputError for a picture with a number beyond the names.
    """
    largest = [-1 if label is None else int(label.max()) for label in labels]
    names = len(capture.label_names)
    for frame, number in zip(capture.frames, largest, strict=True):
        if 0 < names <= number:
            raise InputError(frame.name, f"has a label {number}; expected one of {names} named classes")
    return names or max(largest, default=-1) + 1


def _classes(picture: Path | NDArray[np.integer], name: str, size: tuple[int, int]) -> NDArray[np.int16]:
    levels = decode_levels(picture) if isinstance(picture, Path) else picture
    where = picture if isinstance(picture, Path) else name
    classes = np.where(levels == np.iinfo(levels.dtype).max, UNKNOWN, levels.astype(np.int64))
    if (most := int(classes.max())) >= MAX_CLASSES:
        raise InputError(where, f"has a label {most}; expected numbers of classes below {MAX_CLASSES}")
    return _picked(classes, size, where).astype(np.int16)


def _picked(levels: NDArray[Any], size: tuple[int, int], where: object) -> NDArray[Any]:
    """What lies at the middle of each pixel of a picture of that size."""
    (height, width), (wide, high) = levels.shape, size
    if abs(width / wide * high - height) > max(1.0, 0.01 * height, height / high):
        expected = f"{wide} x {high} or a multiple of it"
        raise InputError(where, f"size {width} x {height} does not fit its image; expected {expected}")
    rows = ((np.arange(high) + 0.5) * height / high).astype(np.int64)
    columns = ((np.arange(wide) + 0.5) * width / wide).astype(np.int64)
    return levels[rows[:, None], columns]
