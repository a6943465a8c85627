"""Captures of a few tiny images, made in memory, and how to compare two of them."""

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.colmap_model import rotation_from_quaternion

SIMPLE = Intrinsics(CameraModel.PINHOLE, 24, 16, 30.0, 30.0, 12.0, 8.0)
PINHOLE = Intrinsics(CameraModel.PINHOLE, 24, 16, 30.0, 31.5, 11.0, 8.25)
RADIAL = Intrinsics(CameraModel.SIMPLE_RADIAL, 24, 16, 30.0, 30.0, 11.0, 8.25, k1=-0.1)
OPENCV = Intrinsics(CameraModel.OPENCV, 24, 16, 30.0, 31.5, 11.0, 8.25, k1=0.1, k2=-0.02, p1=1e-3, p2=-2e-3)
RATIONAL = replace(OPENCV, k3=0.003, k4=0.01, k5=0.02, k6=-0.03)
FISHEYE = Intrinsics(
    CameraModel.OPENCV_FISHEYE, 24, 16, 30.0, 31.5, 11.0, 8.25, k1=0.1, k2=-0.02, k3=0.01, k4=0.001
)
ALL_CAMERAS = (SIMPLE, PINHOLE, RADIAL, OPENCV, RATIONAL, FISHEYE)


def small_capture(*cameras: Intrinsics, num_images: int = 4, seed: int = 0, channels: int = 3) -> Capture:
    """Random poses and pixels; the cameras take turns."""
    rng = np.random.default_rng(seed)
    frames: list[Frame] = []
    for index in range(num_images):
        camera = (cameras or (SIMPLE,))[index % max(1, len(cameras))]
        pixels = rng.integers(0, 256, (camera.height, camera.width, channels), dtype=np.uint8)
        rotation = rotation_from_quaternion(rng.normal(size=4))
        pose = np.column_stack([rotation, 3 * rng.normal(size=3)])
        frames.append(Frame(f"image_{index:04}", pixels, camera, pose, near=0.5, far=9.0))
    return Capture(Path("memory"), "tiny", tuple(frames), points=rng.normal(size=(7, 3)))


def pixels_of(frame: Frame) -> NDArray[np.uint8]:
    """The pixels of a frame, decoded where they are a file."""
    from PIL import Image  # noqa: PLC0415

    if isinstance(frame.image, np.ndarray):
        return frame.image
    with Image.open(frame.image) as picture:
        return np.asarray(picture)


def assert_same_cameras(found: Capture, expected: Capture) -> None:
    """Fails unless every frame has the same camera in the same place, in the order of names."""
    assert len(found.frames) == len(expected.frames)
    for ours, theirs in zip(found.frames, expected.frames, strict=True):
        np.testing.assert_allclose(ours.raw_from_camera, theirs.raw_from_camera, atol=1e-6)
        assert astuple(ours.intrinsics)[1:] == pytest.approx(astuple(theirs.intrinsics)[1:], abs=1e-6)


def points_of(capture: Capture) -> NDArray[np.float64]:
    """The capture's sparse points, which must be there."""
    assert capture.points is not None
    return capture.points


def rewritten(path: Path, old: str, new: str) -> None:
    """Replace a piece of a text file, which must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
