"""A single picture, for networks that learn it as a function of the plane."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.capture_files import image_size


def load(file: Path) -> Capture:
    """The picture in a file; raises InputError where it is not readable."""
    return _capture(file, file, *image_size(file))


def capture_of_pixels(name: Path, pixels: NDArray[np.uint8]) -> Capture:
    """As `load`, of pixels (h, w, 3 or 4) that are at hand."""
    return _capture(name, pixels, pixels.shape[1], pixels.shape[0])


def _capture(file: Path, image: Path | NDArray[np.uint8], width: int, height: int) -> Capture:
    """The picture in the plane z = 0, with (x, y) in [-1, 1] along its longer side, y up, seen from above."""
    looking_down = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 1.0]])
    pixels_per_unit = max(width, height) / 2
    camera = Intrinsics(
        CameraModel.ORTHOGRAPHIC, width, height, pixels_per_unit, pixels_per_unit, width / 2, height / 2
    )
    frame = Frame(file.name, image, camera, looking_down)
    return Capture(file.parent, "picture", (frame,), kind_hint="picture")
