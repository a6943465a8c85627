"""What must hold for the capture of any format before it is used."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import Intrinsics
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.capture_files import (
    LARGEST_SIDE,
    counted,
    image_size,
    inside,
    list_images,
    name_below,
)
from rayloom.data.pixels.decoding import read_header
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

_TOLERANCE = 1e-3
"""How far a rotation's columns may be from orthonormal: files with few digits reach 1e-4."""
_ASPECT_TOLERANCE = 0.01
_LARGEST_NUMBER = 1e9


def checked(capture: Capture, config: DataConfig) -> Capture:
    """The capture with exactly rigid poses and cameras fitted to their images.

    Raises InputError where it cannot be used; what was mended or looks odd is added to its warnings.
    """
    if not capture.frames:
        raise InputError(capture.root, "; ".join(("no images to use", *capture.warnings)))
    names = Counter(frame.name for frame in capture.frames)
    for name, count in names.items():
        if count > 1:
            raise InputError(f"{capture.root}: {name}", f"listed {count} times; expected each image once")
    for frame in capture.frames:
        _check_paths(capture, frame, config)
        _check_camera(frame.intrinsics, _where(capture, frame))
    steps: tuple[Callable[[Capture], Capture], ...] = (
        _with_rigid_poses,
        _with_fitted_cameras,
        _with_times_in_range,
        _with_finite_points,
    )
    for step in steps:
        capture = step(capture)
    return replace(capture, warnings=capture.warnings + _oddities(capture))


def _where(capture: Capture, frame: Frame) -> str:
    return f"{capture.root}: {frame.name}"


def _check_paths(capture: Capture, frame: Frame, config: DataConfig) -> None:
    """Refuse files that lie outside of the capture folder, behind a link for example."""
    for path in (frame.image, frame.ignore_mask, frame.depth):
        if isinstance(path, Path):
            inside(capture.root, os.path.relpath(path, capture.root), _where(capture, frame), config)


def _check_camera(intrinsics: Intrinsics, where: str) -> None:
    for side in (intrinsics.width, intrinsics.height):
        if not 1 <= side <= LARGEST_SIDE:
            size = f"{intrinsics.width} x {intrinsics.height}"
            raise InputError(where, f"camera of {size} pixels; expected sides from 1 to {LARGEST_SIDE}")
    numbers = (intrinsics.cx, intrinsics.cy, *intrinsics.distortion)
    if not np.isfinite(numbers).all():
        raise InputError(where, f"expected finite camera parameters, found {numbers}")
    focal_lengths = (intrinsics.fx, intrinsics.fy)
    if not all(0 < focal < np.inf for focal in focal_lengths):
        raise InputError(where, f"expected positive focal lengths, found {focal_lengths}")


def _with_rigid_poses(capture: Capture) -> Capture:
    """Rotations made exact; a uniform scale in them is taken out and told of."""
    frames: list[Frame] = []
    scaled: list[str] = []
    for frame in capture.frames:
        pose, scale = _rigid(frame.raw_from_camera, _where(capture, frame))
        frames.append(replace(frame, raw_from_camera=pose))
        if abs(scale - 1) > _TOLERANCE:
            scaled.append(frame.name)
    found = counted("Poses with a scale in their rotation, now removed", scaled)
    return replace(capture, frames=tuple(frames), warnings=capture.warnings + found)


def _rigid(pose: NDArray[np.float64], where: str) -> tuple[NDArray[np.float64], float]:
    """The pose with the nearest rotation, and the scale that its rotation had."""
    if not (np.abs(pose) < _LARGEST_NUMBER).all():
        raise InputError(where, "the pose has numbers that are not finite or beyond 1e9")
    u, stretches, vt = np.linalg.svd(pose[:, :3])
    scale = float(stretches.mean())
    if not stretches.max() - stretches.min() <= _TOLERANCE * scale or scale == 0:
        found = ", ".join(f"{abs(stretch):.4g}" for stretch in stretches)
        raise InputError(where, f"the pose is not rigid: its axes are stretched by {found}; expected 1, 1, 1")
    rotation = u @ vt
    if np.linalg.det(rotation) < 0:
        raise InputError(where, "the pose mirrors; expected a rotation with determinant 1, found -1")
    return np.column_stack([rotation, pose[:, 3]]), scale


def _with_fitted_cameras(capture: Capture) -> Capture:
    """Intrinsics brought to the size of the image files, which may be smaller than the format says."""
    frames: list[Frame] = []
    odd: list[str] = []
    for frame in capture.frames:
        where = _where(capture, frame)
        width, height = _size(frame)
        full = frame.intrinsics
        if not _is_whole_reduction(full, width, height):
            _check_aspect(full, width, height, where)
            odd.append(frame.name)
        _check_companions(frame, width, height)
        frames.append(replace(frame, intrinsics=full.resized(width, height)))
    found = counted("Images smaller than their cameras by no whole factor", odd)
    return replace(capture, frames=tuple(frames), warnings=capture.warnings + found)


def _size(frame: Frame) -> tuple[int, int]:
    """Width and height of the pixels of a frame as they will be used."""
    if isinstance(frame.image, np.ndarray):
        return frame.image.shape[1], frame.image.shape[0]
    width, height = image_size(frame.image)
    if (width < height) == (frame.intrinsics.width < frame.intrinsics.height):
        return width, height
    header = read_header(frame)
    return header.width, header.height


def _is_whole_reduction(full: Intrinsics, width: int, height: int) -> bool:
    """Whether both sides are divided by one whole number, 1 included, and rounded up or down."""
    factor = max(1, round(full.width / width))
    return abs(full.width / factor - width) < 1 and abs(full.height / factor - height) < 1


def _check_aspect(full: Intrinsics, width: int, height: int, where: str) -> None:
    stretch = (full.width / width) / (full.height / height)
    if abs(stretch - 1) > _ASPECT_TOLERANCE or width > full.width:
        expected = f"expected the camera's {full.width} x {full.height}, or that divided by a whole number"
        raise InputError(where, f"image of {width} x {height} pixels; {expected}")


def _check_companions(frame: Frame, width: int, height: int) -> None:
    """Refuse masks and depth pictures that are damaged or of another shape than their image."""
    for path in (frame.ignore_mask, frame.depth):
        if path is None:
            continue
        wide, high = image_size(path)
        # Rounding may change a side by one pixel.
        slack = max(_ASPECT_TOLERANCE * wide * height, width, height)
        if abs(wide * height - high * width) > slack:
            raise InputError(path, f"{wide} x {high} pixels for an image of {width} x {height}")


def _with_times_in_range(capture: Capture) -> Capture:
    """Times brought into [0, 1]."""
    times = np.array([frame.time for frame in capture.frames])
    for frame in capture.frames:
        if not np.isfinite(frame.time):
            raise InputError(f"{_where(capture, frame)}: time", f"expected a number, found {frame.time}")
    low, high = float(times.min()), float(times.max())
    if low >= 0 and high <= 1:
        return capture
    span = (high - low) or 1.0
    frames = tuple(replace(frame, time=(frame.time - low) / span) for frame in capture.frames)
    warning = f"Times from {low:g} to {high:g} are brought to [0, 1]."
    return replace(capture, frames=frames, warnings=(*capture.warnings, warning))


def _with_finite_points(capture: Capture) -> Capture:
    """Without points that are not finite; None where none is left."""
    if capture.points is None:
        return capture
    finite = np.isfinite(capture.points).all(axis=1)
    lost = int((~finite).sum())
    warning = (f"Points that are not finite, not used: {lost}.",) if lost else ()
    points = capture.points[finite] if finite.any() else None
    return replace(capture, points=points, warnings=capture.warnings + warning)


def _oddities(capture: Capture) -> tuple[str, ...]:
    """Warnings about what may be right and often is not."""
    alone = ("There is only one image, so none can be held out.",) if len(capture.frames) == 1 else ()
    return alone + counted("Images in the folder without a pose, not used", _images_without_pose(capture))


def _images_without_pose(capture: Capture) -> list[str]:
    """Names of pictures beside those used that no frame speaks of."""
    files = [frame.image for frame in capture.frames if isinstance(frame.image, Path)]
    spoken_of = {*files, *(path for frame in capture.frames for path in (frame.ignore_mask, frame.depth))}
    # NeRF-synthetic keeps depth and normals of r_0.png beside it, as r_0_depth_0001.png.
    stems = tuple(f"{file.stem}_" for file in files) if capture.format == "blender" else ()
    strays = [
        path
        for folder in sorted({file.parent for file in files})
        for path in list_images(folder)
        if path not in spoken_of and not path.name.startswith(("dynamic_mask_", *stems))
    ]
    return [name_below(capture.root, path) for path in strays]
