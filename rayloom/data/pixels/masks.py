"""Ignore masks and depth pictures, brought to the size of their images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rayloom.data.capture import Frame
from rayloom.data.pixels.decoding import decode_grey
from rayloom.data.pixels.resize import area_means
from rayloom.errors import InputError


def load_ignore(
    frames: Sequence[Frame], sizes: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.bool_] | None, ...]:
    """True where pixels must not be used, (h, w) a frame of the given (width, height); None without a mask.

    A pixel that covers any ignored pixel of a larger mask is ignored. Raises InputError where a mask is
    damaged or has another aspect ratio than its image.
    """
    return tuple(
        None if frame.ignore_mask is None else _ignored(frame.ignore_mask, size)
        for frame, size in zip(frames, sizes, strict=True)
    )


def load_depths(
    frames: Sequence[Frame], sizes: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.float32] | None, ...]:
    """Depth along the optical axis in raw units, 0 = unknown; None without a depth picture.

    Depth is picked, never averaged: the mean over an edge is a depth at which there is nothing. Raises
    InputError where a picture is damaged or has another aspect ratio than its image.
    """
    return tuple(
        None if frame.depth is None else _depth(frame.depth, frame.depth_unit, size)
        for frame, size in zip(frames, sizes, strict=True)
    )


def _ignored(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    grey = _fitting(path, size)
    black = (grey < 128 if grey.dtype == np.uint8 else grey == 0).astype(np.float64)
    width, height = size
    rows = area_means(black, np.linspace(0, black.shape[0], height + 1), axis=0)
    covered = area_means(rows, np.linspace(0, black.shape[1], width + 1), axis=1)
    return covered > 1e-6


def _depth(path: Path, unit: float, size: tuple[int, int]) -> NDArray[np.float32]:
    levels = _fitting(path, size)
    width, height = size
    rows = ((np.arange(height) + 0.5) * levels.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * levels.shape[1] / width).astype(np.int64)
    depth = levels[rows[:, None], columns].astype(np.float32) * np.float32(unit)
    return np.where(np.isfinite(depth) & (depth > 0), depth, 0).astype(np.float32)


def _fitting(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    """The picture, checked to have the aspect ratio of an image, to a pixel of the smaller of the two."""
    picture = decode_grey(path)
    height, width = picture.shape
    if abs(width / size[0] * size[1] - height) > max(1.0, 0.01 * height, height / size[1]):
        expected = f"{size[0]} x {size[1]} or a multiple of it"
        raise InputError(path, f"size {width} x {height} does not fit its image; expected {expected}")
    return picture
