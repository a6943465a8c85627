"""The hash grid on tiles of 16 points: rows and weights of all corners first, then the rows themselves.

The first part works on all 16 points at once; the second loads each row as one short vector.
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

from functools import cache
from typing import NamedTuple

import numpy as np

from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.numba.corners import TILE, locate_points
from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.vector import gather_row, row_slopes, scatter_row


class Levels(NamedTuple):
    """A layout as arrays: offset, stride_y, stride_z and mask of each level, and its resolution."""

    address: np.ndarray
    resolution: np.ndarray
    features: tuple[float, ...]
    """As many zeros as a level has features: a size that is known when a kernel is compiled."""


class Corners(NamedTuple):
    """Room for one tile: rows and weights of all corners."""

    rows: np.ndarray
    weights: np.ndarray


@cache
def levels_of(layout: HashGridLayout) -> Levels:
    """The layout in the form that kernels take."""
    address = np.array([level[1:] for level in layout.levels], np.uint32)
    resolution = np.array([level.resolution for level in layout.levels], np.float32)
    return Levels(address, resolution, (0.0,) * layout.features_per_level)


@kernel
def new_corners():
    """Room for one tile."""
    return Corners(np.zeros(8 * TILE, np.uint32), np.zeros(8 * TILE, np.float32))


@inner
def locate(x, y, z, at, levels, level, corners):
    """Fill `corners` for the points at..at + 16 on one level."""
    address = levels.address
    locate_points(
        x, y, z, at, address[level, 0], address[level, 1], address[level, 2], address[level, 3],
        levels.resolution[level], corners.rows, corners.weights,
    )  # fmt: skip


@inner
def encode_tile(x, y, z, at, count, table, levels, corners, out, out_at, out_row):
    """Write the features of the points at..at + count to rows of `out`, which begin at out_at."""
    width = len(levels.features)
    for level in range(levels.resolution.shape[0]):
        locate(x, y, z, at, levels, level, corners)
        for i in range(count):
            target = out_at + i * out_row + level * width
            gather_row(table, corners.rows, corners.weights, i, out, target, levels.features)


@inner
def scatter_tile(x, y, z, at, count, grad_table, levels, corners, grad, grad_at, grad_row):
    """Add the gradient of `encode_tile` with respect to the table."""
    for level in range(levels.resolution.shape[0]):
        scatter_level(x, y, z, at, count, grad_table, levels, level, corners, grad, grad_at, grad_row)


@inner
def scatter_level(x, y, z, at, count, grad_table, levels, level, corners, grad, grad_at, grad_row):
    """The part of `scatter_tile` that belongs to one level."""
    locate(x, y, z, at, levels, level, corners)
    source = grad_at + level * len(levels.features)
    for i in range(count):
        scatter_row(
            grad_table, corners.rows, corners.weights, i, grad, source + i * grad_row, levels.features
        )


@inner
def place_gradient(x, y, z, table, levels, level, corners, lane, grad, grad_at):
    """The gradient of one level's features with respect to the place of one point of a located tile."""
    resolution = levels.resolution[level]
    fractions = (
        _fraction(x[lane], resolution),
        _fraction(y[lane], resolution),
        _fraction(z[lane], resolution),
    )
    gx, gy, gz = row_slopes(table, corners.rows, lane, fractions, grad, grad_at, levels.features)
    return gx * resolution, gy * resolution, gz * resolution


@inner
def _fraction(coordinate, resolution):
    """How far a coordinate lies inside its cell."""
    scaled = min(max(coordinate, f32(0)), f32(1)) * resolution
    return scaled - f32(np.int32(min(scaled, resolution - f32(1))))
