"""The surface of a field where its density passes a level, found block by block."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rayloom.errors import InputError

CELLS = 64
"""Cells along the edge of a block: what is in memory at a time."""
POINTS_AT_ONCE = 1 << 16
CONTRAST = 3.0
"""Logarithm of the factor above and below the level beyond which density is cut off."""
LEAST = 1e-3
"""How far, as a share of that, samples stay away from the level, so that no vertex lies on a corner."""
BLUR_REACH = 3
"""Deviations of a Gaussian after which it ends."""
OPAQUE_SHARE = 0.9
"""Of all samples, from which on a field has no surface to speak of."""

DensityFunction = Callable[[Float[Tensor, "n 3"]], Float[Tensor, " n"]]
Tell = Callable[[str, float], None]
"""Hears which stage the work is at, and which share of it is done."""
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """Triangles, counter-clockwise as seen from outside."""

    vertices: Vectors
    """n x 3."""
    faces: NDArray[np.int64]
    """m x 3, rows of `vertices`."""

    @property
    def face_normals(self) -> Vectors:
        """Normals of the faces, twice as long as the faces are large."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.cross(b - a, c - a)

    @property
    def normals(self) -> Vectors:
        """Unit normals of the vertices, faces counted by their size; 0 where they cancel out."""
        sums = np.zeros_like(self.vertices)
        for axis, values in enumerate(self.face_normals.T):
            for corners in self.faces.T:
                sums[:, axis] += np.bincount(corners, values, len(sums))
        return sums / np.maximum(np.linalg.norm(sums, axis=-1, keepdims=True), 1e-30)

    def only(self, kept: NDArray[np.bool_]) -> "Surface":
        """The faces that are kept, with the vertices that they use."""
        faces = self.faces[kept]
        used, number = np.unique(faces, return_inverse=True)
        return Surface(self.vertices[used], number.reshape(-1, 3))


@dataclass(frozen=True)
class Grid:
    """Cubic cells of a box, `counts` along the axes, that begin at a corner."""

    low: Vectors
    width: float
    counts: tuple[int, int, int]

    @staticmethod
    def of_box(low: Vectors, high: Vectors, resolution: int) -> "Grid":
        """Cells that cover a box, `resolution` along its longest side."""
        width = float((high - low).max()) / resolution
        x, y, z = np.ceil((high - low) / width - 1e-6).astype(int).tolist()
        return Grid((low + high - width * np.array([x, y, z])) / 2, width, (x, y, z))

    @property
    def closed(self) -> "Grid":
        """With one more cell around it."""
        x, y, z = self.counts
        return Grid(self.low - self.width, self.width, (x + 2, y + 2, z + 2))


def extract(
    density: DensityFunction, grid: Grid, level: float, *, closed: bool, tell: Tell, smoothing: float = 0.0
) -> Surface:
    """The surface within a grid by marching cubes (Lewiner et al. 2003), between samples as if density were
    exponential, which is what fields are near surfaces.

    The logarithm of density is first blurred by a Gaussian with a deviation of `smoothing` cells: photos
    tell how much light a field stops, hardly where exactly, and its density is rough. Planes stay in place.

    `closed` takes everything outside of the grid as empty, so that the surface has no border. Raises
    InputError where there is no surface.
    """
    grid = grid.closed if closed else grid
    blocks = list(product(*(range(0, count, CELLS) for count in grid.counts)))
    parts, num_solid, num_samples = [], 0, 0
    for number, start in enumerate(blocks):
        values = _contrast(density, grid, start, level, smoothing)
        if closed:
            _empty_border(values, grid, start)
        num_solid += int((values > 0).sum())
        num_samples += values.size
        if (values > 0).any() and (values < 0).any():
            parts.append(_march(values, start))
        tell("looking for the surface", (number + 1) / len(blocks))
    if num_solid > OPAQUE_SHARE * num_samples:
        raise InputError(
            "the field", f"is solid in {num_solid / num_samples:.0%} of its box; expected a surface within it"
        )
    if not parts:
        raise InputError("the field", f"is nowhere as dense as {level:.3g}; expected a surface in its box")
    return _welded(parts, grid)


def _contrast(
    density: DensityFunction, grid: Grid, start: tuple[int, ...], level: float, smoothing: float
) -> Vectors:
    """Logarithm of density over level at the corners of a block's cells, cut off to [-1, 1] and blurred."""
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415

    # Corners beyond the block, so that blocks agree on what they share.
    around = math.ceil(BLUR_REACH * smoothing)
    ends = [min(begin + CELLS, count) for begin, count in zip(start, grid.counts, strict=True)]
    axes = [
        torch.from_numpy(low + grid.width * np.arange(begin - around, end + around + 1)).float()
        for low, begin, end in zip(grid.low, start, ends, strict=True)
    ]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    parts = [density(part) for part in points.reshape(-1, 3).split(POINTS_AT_ONCE)]
    ratio = torch.cat(parts).reshape(points.shape[:-1]).double() / level
    values = (ratio.clamp(min=1e-30).log() / CONTRAST).clamp(-1, 1).numpy()
    if around:
        blurred = gaussian_filter(values, smoothing, radius=around)
        values = blurred[(slice(around, -around),) * 3]
    return np.where(values >= 0, np.maximum(values, LEAST), np.minimum(values, -LEAST))


def _empty_border(values: Vectors, grid: Grid, start: tuple[int, ...]) -> None:
    """Empty the samples of a block that lie on the faces of the grid."""
    for axis, count in enumerate(grid.counts):
        along = np.moveaxis(values, axis, 0)
        if start[axis] == 0:
            along[0] = -1
        if start[axis] + len(along) - 1 == count:
            along[-1] = -1


def _march(values: Vectors, start: tuple[int, ...]) -> tuple[Vectors, NDArray[np.int64], NDArray[np.int64]]:
    """Vertices in cells of the grid, faces, and the edge or cell of the grid that each vertex lies on."""
    from skimage.measure import marching_cubes  # noqa: PLC0415

    local, faces, _, _ = marching_cubes(values.astype(np.float32), 0.0, gradient_direction="ascent")
    local = local.astype(np.float64)
    nearest = np.rint(local)
    # No sample is so close to the level that a vertex within an edge could be taken for its end.
    between = np.abs(local - nearest) > LEAST / 10
    corner = np.where(between, np.floor(local), nearest).astype(np.int64) + np.array(start)
    kind = between @ np.array([1, 2, 4])
    return local + np.array(start), faces.astype(np.int64), np.column_stack([corner, kind])


def _welded(parts: list[tuple[Vectors, NDArray[np.int64], NDArray[np.int64]]], grid: Grid) -> Surface:
    """One surface from those of the blocks: what lies on one edge of the grid is one vertex."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _, _ in parts)])
    faces = np.concatenate([part[1] + start for part, start in zip(parts, starts, strict=False)])
    places = np.concatenate([part[2] for part in parts])
    x, y, z = grid.counts
    keys = np.ravel_multi_index(tuple(places.T), (x + 1, y + 1, z + 1, 8))
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    vertices = np.concatenate([part[0] for part in parts])[first]
    return Surface(grid.low + grid.width * vertices, number[faces])
