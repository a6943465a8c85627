"""Where an object is, from its silhouettes: space that some view sees through is empty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.placement.projection import project

_NUM_VIEWS = 32
_RESOLUTION = 64
_OPAQUE_LEVEL = 12
"""Alpha of 255 that counts as matter; below lie the halos of cut-out photos."""
_DISSENT = 0.05
"""Share of the views that may see through matter, as one photo in twenty is cut out badly."""

_View = tuple[NDArray[np.uint8], Intrinsics, NDArray[np.float64]]
"""Alpha, intrinsics and world_from_camera."""


@dataclass(frozen=True)
class Extent:
    """The bounds of an object."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    radius: float
    """Of the ball around the middle of the bounds that holds the object."""


def object_extent(
    images: Sequence[NDArray[np.uint8]],
    intrinsics: Sequence[Intrinsics],
    world_from_camera: NDArray[np.float64],
    centre: NDArray[np.float64],
    radius: float,
) -> Extent | None:
    """Bounds of what the silhouettes enclose within a cube, 5 % wider; None where they agree on nothing.

    Carves a grid twice: in the cube of half-size `radius` around `centre`, and in what was left of it.
    """
    # A panorama has no silhouette that ends.
    usable = [i for i, camera in enumerate(intrinsics) if camera.model is not CameraModel.EQUIRECTANGULAR]
    if not usable:
        return None
    chosen = [usable[i] for i in np.linspace(0, len(usable) - 1, min(len(usable), _NUM_VIEWS)).astype(int)]
    views = [(images[i][..., 3], intrinsics[i], world_from_camera[i]) for i in chosen]
    coarse = _carve(centre - radius, centre + radius, views)
    fine = None if coarse is None else _carve(*coarse.bounds, views)
    if fine is None:
        return None
    low, high = fine.bounds
    middle = (low + high) / 2
    reach = np.linalg.norm(fine.points - middle, axis=-1).max() + np.linalg.norm(fine.cell) / 2
    return Extent(middle + 1.05 * (low - middle), middle + 1.05 * (high - middle), 1.05 * float(reach))


@dataclass(frozen=True)
class _Cells:
    """What carving left: the middles of the cells, and the size of a cell."""

    points: NDArray[np.float64]
    cell: NDArray[np.float64]

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.points.min(0) - self.cell / 2, self.points.max(0) + self.cell / 2


def _carve(low: NDArray[np.float64], high: NDArray[np.float64], views: Sequence[_View]) -> _Cells | None:
    """The cells of a grid between two corners that the silhouettes enclose; None where there are none."""
    cell = (high - low) / _RESOLUTION
    points = _enclosed(_grid(low, cell), float(cell.max()), views)
    return _Cells(points, cell) if len(points) else None


def _grid(low: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middles of all cells."""
    steps = np.arange(_RESOLUTION) + 0.5
    return low + np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3) * cell


def _enclosed(points: NDArray[np.float64], cell: float, views: Sequence[_View]) -> NDArray[np.float64]:
    """The points at which (nearly) all views that see them see matter, and which a quarter of all see."""
    seen = np.zeros(len(points), np.int64)
    empty = np.zeros(len(points), np.int64)
    for alpha, camera, world_from_camera in views:
        pixels, depth, visible = project(points, world_from_camera, camera)
        if not visible.any():
            continue
        nearest = 1.0 if camera.model is CameraModel.ORTHOGRAPHIC else float(depth[visible].min())
        # Blocks of half a cell's picture, widened by one block, so that a thin part is not stepped over.
        block = max(1, int(np.ceil(0.5 * cell * camera.fx / max(nearest, cell))))
        matter = _widened(alpha > _OPAQUE_LEVEL, block)
        x, y = (pixels[visible] // block).astype(np.int64).T
        seen[visible] += 1
        empty[visible] += ~matter[y, x]
        # What is already lost need not be projected into the other views.
        left = empty <= _DISSENT * len(views)
        points, seen, empty = points[left], seen[left], empty[left]
    return points[(seen >= 0.25 * len(views)) & (empty <= _DISSENT * seen)]


def _widened(mask: NDArray[np.bool_], block: int) -> NDArray[np.bool_]:
    """Blocks of pixels that hold a True or touch a block that does."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % block), (0, -width % block)))
    blocks = padded.reshape(padded.shape[0] // block, block, -1, block).any((1, 3))
    rim = np.pad(blocks, 1)
    rows = rim[:-2] | rim[1:-1] | rim[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
