"""A single picture, for networks that learn it as a function of the plane."""

from pathlib import Path

import numpy as np

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.capture import Capture, Frame
from rayloom.data.formats.capture_files import image_size


def load(file: Path) -> Capture:
    """The picture in the plane z = 0, with (x, y) in [-1, 1] along its longer side, y up, seen from above.

    Raises InputError where it is not readable.
    """
    width, height = image_size(file)
    looking_down = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 1.0]])
    frame = Frame(file.name, file, camera_above(width, height), looking_down)
    return Capture(file.parent, "picture", (frame,), kind_hint="picture")


def camera_above(width: int, height: int) -> Intrinsics:
    """The camera that sees a picture of this size whole, its longer side two units long."""
    pixels_per_unit = max(width, height) / 2
    return Intrinsics(
        CameraModel.ORTHOGRAPHIC, width, height, pixels_per_unit, pixels_per_unit, width / 2, height / 2
    )
