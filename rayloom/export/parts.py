"""Which of a surface's separate parts are kept: the large ones that a camera sees."""

import numpy as np
from numpy.typing import NDArray

from rayloom.export.surface import Surface

SEEN_SHARE = 0.02
"""Of a part's vertices, below which it counts as hidden: a hollow in solid matter, unknown to photos."""


def part_numbers(surface: Surface) -> NDArray[np.int64]:
    """The number of the part that each face belongs to; parts share no vertex."""
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    a, b, c = surface.faces.T
    rows, columns = np.concatenate([a, b]), np.concatenate([b, c])
    size = len(surface.vertices)
    graph = coo_array((np.ones(len(rows), np.bool_), (rows, columns)), shape=(size, size))
    return connected_components(graph, directed=False)[1][a].astype(np.int64)


def kept_parts(surface: Surface, seen: NDArray[np.bool_], least: float) -> Surface:
    """The surface without parts that are smaller than the share `least` of the largest seen one, by area,
    and without those of whose vertices hardly any is seen.

    Where nothing is seen, as by cameras that stand within matter, everything counts as seen.
    """
    numbers = part_numbers(surface)
    areas = np.bincount(numbers, np.linalg.norm(surface.face_normals, axis=-1) / 2)
    shares = np.bincount(numbers, seen[surface.faces].mean(-1)) / np.maximum(np.bincount(numbers), 1)
    visible = shares >= SEEN_SHARE
    visible |= not visible.any()
    kept = visible & (areas >= least * areas[visible].max())
    return surface.only(kept[numbers])
