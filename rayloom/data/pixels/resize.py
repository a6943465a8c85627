"""The area filter: every new pixel is the mean of the old ones that it covers."""

import numpy as np
from numpy.typing import NDArray

_ROWS_PER_STRIP = 64


def area_resize(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The picture (h, w, c) at another size; of four channels the last is straight alpha.

    Colours are averaged with alpha as their weight, so that what lies behind transparent pixels does
    not bleed into the edges.
    """
    old_height, old_width, channels = picture.shape
    if (old_width, old_height) == (width, height):
        return picture
    columns = _edges(old_width, width)
    rows = _edges(old_height, height)
    resized = np.empty((height, width, channels), np.uint8)
    # Strips bound the memory that the floating-point copy of a large photo takes.
    for start in range(0, height, _ROWS_PER_STRIP):
        edges = rows[start : start + _ROWS_PER_STRIP + 1]
        low, high = int(edges[0]), int(np.ceil(edges[-1]))
        strip = picture[low:high].astype(np.float64)
        if channels == 4:
            strip[..., :3] *= strip[..., 3:] / 255
        means = area_means(area_means(strip, edges - low, axis=0), columns, axis=1)
        if channels == 4:
            means[..., :3] *= 255 / np.maximum(means[..., 3:], 1e-9)
        resized[start : start + len(edges) - 1] = np.rint(means).clip(0, 255)
    return resized


def area_means(values: NDArray[np.float64], edges: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The means of a function that is constant on unit steps between consecutive edges, along one axis."""
    values = np.moveaxis(values, axis, 0)
    count = len(values)
    integral = np.concatenate([np.zeros_like(values[:1]), values.cumsum(0)])
    whole = np.minimum(edges.astype(np.int64), count - 1)
    shape = (-1,) + (1,) * (values.ndim - 1)
    at_edges = integral[whole] + (edges - whole).reshape(shape) * values[whole]
    return np.moveaxis(np.diff(at_edges, axis=0) / np.diff(edges).reshape(shape), 0, axis)


def _edges(old: int, new: int) -> NDArray[np.float64]:
    """Where the borders of `new` equal pixels lie among `old` ones."""
    return np.linspace(0, old, new + 1)
