"""The hash grid on tiles of 16 points: rows and weights of all corners first, then the rows themselves.

The first part is a plain loop over the 16 lanes, which the compiler turns into wide vectors; the
second loads each row as one short vector. Row c of lane q lies at 16 c + q.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.numba.jit import f32, kernel
from rayloom.kernels.numba.vector import gather_row, scatter_row

TILE = 16


class Levels(NamedTuple):
    """A layout as arrays: offset, stride_y, stride_z and mask of each level, and its resolution."""

    address: np.ndarray
    resolution: np.ndarray
    features: tuple[float, ...]
    """As many zeros as a level has features: a size that is known when a kernel is compiled."""


class Corners(NamedTuple):
    """Room for one tile: positions inside the cells, rows, weights."""

    fraction: np.ndarray
    rows: np.ndarray
    weights: np.ndarray


@cache
def levels_of(layout: HashGridLayout) -> Levels:
    """The layout in the form that kernels take."""
    address = np.array([level[1:] for level in layout.levels], np.uint32)
    resolution = np.array([level.resolution for level in layout.levels], np.float32)
    return Levels(address, resolution, (0.0,) * layout.features_per_level)


@kernel
def new_corners():  # noqa: ANN201
    """Room for one tile."""
    return Corners(np.zeros(3 * TILE, np.float32), np.zeros(8 * TILE, np.uint32), np.zeros(8 * TILE, np.float32))




@kernel
def locate(x, y, z, at, address, resolution, corners):  # noqa: ANN001, ANN201
    """Fill `corners` for the points at..at + 16 on one level."""
    fraction, rows, weights = corners.fraction, corners.rows, corners.weights
    offset, stride_y, stride_z, mask = address[0], address[1], address[2], address[3]
    one, last = f32(1), resolution - f32(1)
    for i in range(TILE):
        sx = min(max(x[at + i], f32(0)), one) * resolution
        sy = min(max(y[at + i], f32(0)), one) * resolution
        sz = min(max(z[at + i], f32(0)), one) * resolution
        cx, cy, cz = np.int32(min(sx, last)), np.int32(min(sy, last)), np.int32(min(sz, last))
        fx, fy, fz = sx - f32(cx), sy - f32(cy), sz - f32(cz)
        fraction[i], fraction[TILE + i], fraction[2 * TILE + i] = fx, fy, fz
        x0 = np.uint32(cx)
        x1 = np.uint32(x0 + np.uint32(1))
        y0 = np.uint32(np.uint32(cy) * stride_y)
        y1 = np.uint32(y0 + stride_y)
        z0 = np.uint32(np.uint32(cz) * stride_z)
        z1 = np.uint32(z0 + stride_z)
        gx, gy, gz = one - fx, one - fy, one - fz
        rows[i] = ((x0 ^ y0 ^ z0) & mask) + offset
        rows[TILE + i] = ((x1 ^ y0 ^ z0) & mask) + offset
        rows[2 * TILE + i] = ((x0 ^ y1 ^ z0) & mask) + offset
        rows[3 * TILE + i] = ((x1 ^ y1 ^ z0) & mask) + offset
        rows[4 * TILE + i] = ((x0 ^ y0 ^ z1) & mask) + offset
        rows[5 * TILE + i] = ((x1 ^ y0 ^ z1) & mask) + offset
        rows[6 * TILE + i] = ((x0 ^ y1 ^ z1) & mask) + offset
        rows[7 * TILE + i] = ((x1 ^ y1 ^ z1) & mask) + offset
        weights[i], weights[TILE + i] = gy * gz * gx, gy * gz * fx
        weights[2 * TILE + i], weights[3 * TILE + i] = fy * gz * gx, fy * gz * fx
        weights[4 * TILE + i], weights[5 * TILE + i] = gy * fz * gx, gy * fz * fx
        weights[6 * TILE + i], weights[7 * TILE + i] = fy * fz * gx, fy * fz * fx


@kernel
def encode_tile(x, y, z, at, count, table, levels, corners, out, out_at, out_row):  # noqa: ANN001, ANN201
    """Write the features of the points at..at + count to rows of `out`, which begin at out_at."""
    width = len(levels.features)
    for level in range(levels.resolution.shape[0]):
        locate(x, y, z, at, levels.address[level], levels.resolution[level], corners)
        for i in range(count):
            target = out_at + i * out_row + level * width
            gather_row(table, corners.rows, corners.weights, i, out, target, levels.features)


@kernel
def scatter_tile(x, y, z, at, count, grad_table, levels, corners, grad, grad_at, grad_row):  # noqa: ANN001, ANN201
    """Add the gradient of `encode_tile` with respect to the table."""
    for level in range(levels.resolution.shape[0]):
        scatter_level(x, y, z, at, count, grad_table, levels, level, corners, grad, grad_at, grad_row)


@kernel
def scatter_level(x, y, z, at, count, grad_table, levels, level, corners, grad, grad_at, grad_row):  # noqa: ANN001, ANN201
    """The part of `scatter_tile` that belongs to one level."""
    locate(x, y, z, at, levels.address[level], levels.resolution[level], corners)
    source = grad_at + level * len(levels.features)
    for i in range(count):
        scatter_row(grad_table, corners.rows, corners.weights, i, grad, source + i * grad_row, levels.features)


@kernel
def place_gradient(table, levels, level, corners, lane, grad, grad_at):  # noqa: ANN001, ANN201
    """The gradient of one level's features with respect to the place of one point: x, y, z."""
    width = len(levels.features)
    fx, fy, fz = corners.fraction[lane], corners.fraction[TILE + lane], corners.fraction[2 * TILE + lane]
    gx, gy, gz = f32(0), f32(0), f32(0)
    for corner in range(8):
        row = np.int64(corners.rows[corner * TILE + lane]) * width
        dot = f32(0)
        for feature in range(width):
            dot += table[row + feature] * grad[grad_at + feature]
        wx = fx if corner & 1 else f32(1) - fx
        wy = fy if corner & 2 else f32(1) - fy
        wz = fz if corner & 4 else f32(1) - fz
        gx += dot * wy * wz if corner & 1 else -dot * wy * wz
        gy += dot * wx * wz if corner & 2 else -dot * wx * wz
        gz += dot * wx * wy if corner & 4 else -dot * wx * wy
    resolution = levels.resolution[level]
    return gx * resolution, gy * resolution, gz * resolution
