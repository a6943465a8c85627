"""The two habits of pointing a camera, and poses as files have them."""

import numpy as np
from numpy.typing import NDArray

from rayloom.errors import InputError


def opencv_from_opengl(raw_from_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pose for OpenCV axes (y down, z forward) of a camera with OpenGL axes (y up, z back).

    Turning twice changes nothing, so it also leads back.
    """
    return raw_from_camera[..., :3, :] * np.array([1.0, -1.0, -1.0, 1.0])


def four_rows(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 3 x 4 pose with the row 0 0 0 1 below."""
    return np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])


def pose_from_rows(rows: list[list[float]], where: str) -> NDArray[np.float64]:
    """The upper 3 x 4 numbers of a 4 x 4 matrix; raises InputError for any other shape."""
    lengths = {len(row) for row in rows}
    if len(rows) != 4 or lengths != {4}:
        columns = "ragged" if len(lengths) > 1 else str(next(iter(lengths), 0))
        raise InputError(where, f"expected 4 x 4 numbers, found {len(rows)} x {columns}")
    matrix = np.array(rows, dtype=np.float64)
    if not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
        raise InputError(where, f"expected 0, 0, 0, 1 as the last row, found {rows[3]}")
    return matrix[:3]
