"""How much a picture offers to recognise: how sharp it is, and how much of it is textured."""

import cv2
import numpy as np
from numpy.typing import NDArray

LONGER_SIDE = 800
"""Pixels to which a picture is made smaller before it is measured, so that sizes compare."""

_TILE = 16
_TEXTURED = 5.0
"""Standard deviation of grey levels, of 255, above which a tile is more than the noise of a sensor."""


def measured_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which a picture is measured.

    Smaller pictures keep their size: enlarging would call them blurred.
    """
    factor = min(1.0, LONGER_SIDE / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def grey_levels(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture, h x w x 3, as grey levels in [0, 255] at the size at which it is measured."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    size = measured_size(grey.shape[1], grey.shape[0])
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def sharpness(grey: NDArray[np.float32]) -> float:
    """Variance of the Laplacian of grey levels, h x w (Pech-Pacheco et al., ICPR 2000).

    It depends on what is shown as well, so it compares photos of one scene.
    """
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def texture(grey: NDArray[np.float32]) -> float:
    """Share, in [0, 1], of tiles of 16 x 16 pixels whose grey levels vary more than noise does.

    The rest, such as white walls and clear sky, holds nothing that could be found again in another photo.
    """
    height, width = (max(1, side // _TILE) * _TILE for side in grey.shape)
    # Incomplete tiles at the edges are left out, unless there are no others.
    whole = np.pad(grey, [(0, max(0, _TILE - side)) for side in grey.shape], mode="edge")[:height, :width]
    tiles = whole.reshape(height // _TILE, _TILE, width // _TILE, _TILE)
    return float((tiles.std(axis=(1, 3)) > _TEXTURED).mean())
