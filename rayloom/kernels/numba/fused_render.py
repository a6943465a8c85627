"""Rendering rays, and density at points, each in one kernel."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

from rayloom.kernels.numba.fused_field import (
    FULL,
    MAX_RAYS,
    color_chunk,
    density_tile,
    in_cube,
    new_chunk,
    stride_of,
    trace,
)
from rayloom.kernels.numba.grid_tiles import TILE
from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.vector import fetch_add

BLOCK_RAYS = 128
BLOCK_POINTS = 256


@kernel
def render_rays(thread, counter, rays, cells, rule, path, field, out):
    """Write colour, opacity and expected distance of all rays to the 5 columns of `out`."""
    chunk = new_chunk(field, path)
    total, slot = rays.first.shape[0], 0
    while True:
        start = fetch_add(counter, 1) * BLOCK_RAYS
        if start >= total:
            break
        for index in range(start, min(start + BLOCK_RAYS, total)):
            if slot == MAX_RAYS or chunk.begin[slot] >= FULL:
                _show(slot, rays, field, chunk, out)
                slot = 0
            trace(index, slot, rays, cells, rule, path, field, chunk)
            slot += 1
    _show(slot, rays, field, chunk, out)


@inner
def _show(num_rays, rays, field, chunk, out):
    """Colour and composite the first rays of a chunk."""
    color_chunk(field, chunk, chunk.begin[num_rays])
    stride, column = stride_of(field), field.color.columns[-1]
    for slot in range(num_rays):
        begin, end, ray = chunk.begin[slot], chunk.begin[slot + 1], chunk.ray[slot]
        left = chunk.after[end - 1] if end > begin else f32(1)
        for channel in range(3):
            out[ray, channel] = left * rays.background[ray, channel]
        opacity, distance = f32(0), f32(0)
        for i in range(begin, end):
            weight = chunk.weights[i]
            for channel in range(3):
                out[ray, channel] += weight * chunk.activations[i * stride + column + channel]
            opacity += weight
            distance += weight * f32(0.5) * (chunk.starts[i] + chunk.ends[i])
        out[ray, 3] = opacity
        out[ray, 4] = distance / opacity if opacity > f32(0) else f32(0)


@kernel
def density_at(thread, counter, points, cells, path, field, out):
    """Density at world points."""
    chunk = new_chunk(field, path)
    c, s = cells.center, cells.inverse_half_size
    while True:
        start = fetch_add(counter, 1) * BLOCK_POINTS
        if start >= points.shape[0]:
            break
        for at in range(start, min(start + BLOCK_POINTS, points.shape[0]), TILE):
            count = min(TILE, points.shape[0] - at)
            for i in range(count):
                x, y, z = points[at + i, 0] - c[0], points[at + i, 1] - c[1], points[at + i, 2] - c[2]
                chunk.x[i], chunk.y[i], chunk.z[i] = in_cube(x * s[0], y * s[1], z * s[2], field.contracted)
            density_tile(field, chunk, 0, count)
            for i in range(count):
                out[at + i] = chunk.density[i]
