"""The field of the fused kernels: a hash grid, a density network and a colour network, tile by tile.

    features  = density_network(hash_grid(place))          density = thinness * exp(features[0]) * thinning
    rgb       = sigmoid(color_network(features, harmonics(direction), code))

A chunk holds the samples of some hundred rays. Each sample has one row of activations,

    encoding | hidden ... | features, harmonics, code | hidden ... | colour

so that the colour network finds its inputs side by side and a backward pass finds everything in the
near cache.
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201

from typing import NamedTuple

import numpy as np

from rayloom.kernels.numba.elementary import absorb, exp, sigmoid_row
from rayloom.kernels.numba.grid_tiles import TILE, Corners, Levels, encode_tile, new_corners
from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.layers import Network, aligned_zeros, forward_tile
from rayloom.kernels.numba.stepping import lattice_range, march_on, ray_in_box

NUM_HARMONICS = 16
MAX_LOG_DENSITY = 12.0
"""Beyond it exp(features[0]) stays constant: matter so dense is opaque at any step."""
FULL = 416
"""Samples at which a chunk takes no more rays: its activations fill half of a near cache of 1 MB."""
MAX_RAYS = 1024
"""Rays of a chunk at most."""


class Field(NamedTuple):
    """The parameters of the field."""

    table: np.ndarray
    levels: Levels
    density: Network
    color: Network
    codes: np.ndarray
    """One row for each image, and their mean as the last row; no columns where there are no codes."""
    contracted: bool
    """Whether the grid covers all space, contracted into twice the box, or the box alone."""
    thinness: np.float32
    """Factor on density: what a field is filled with before it has learnt anything."""


class RayArrays(NamedTuple):
    """Rays in the lattice of their steps."""

    origins: np.ndarray
    directions: np.ndarray
    views: np.ndarray
    """Unit directions for the colour network."""
    first: np.ndarray
    num_steps: np.ndarray
    code: np.ndarray
    """Row of the codes; a negative one stands for their mean."""
    background: np.ndarray


class Path(NamedTuple):
    """How rays are followed."""

    limit: int
    """Samples of a ray at most."""
    stop: np.float32
    """Transmittance below which a ray ends."""


class Chunk(NamedTuple):
    """Working memory of one thread."""

    corners: Corners
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    density: np.ndarray
    weights: np.ndarray
    after: np.ndarray
    """Transmittance behind a sample."""
    activations: np.ndarray
    harmonics: np.ndarray
    ray: np.ndarray
    """Index of each ray of the chunk."""
    begin: np.ndarray
    """Where each ray's samples begin, and where the last one's end."""


@inner
def stride_of(field):
    """Length of a row of activations."""
    return field.color.columns[-1] + field.color.widths[-1]


@kernel
def new_chunk(field, path):
    """Working memory for a chunk that takes rays until it is full: the last ray always fits whole."""
    room = FULL + path.limit + 2 * TILE
    sample = np.zeros((8, room), np.float32)
    return Chunk(
        new_corners(), sample[0], sample[1], sample[2], sample[3], sample[4], sample[5], sample[6], sample[7],
        aligned_zeros(room * stride_of(field)), np.zeros(NUM_HARMONICS, np.float32),
        np.zeros(MAX_RAYS, np.int64), np.zeros(MAX_RAYS + 1, np.int64),
    )  # fmt: skip


@inner
def place_tile(ray, contracted, chunk, at, count):
    """Places in the grid's unit cube of the midpoints of the steps at..at + count."""
    for i in range(at, at + count):
        t = f32(0.5) * (chunk.starts[i] + chunk.ends[i])
        x = ray.place[0] + t * ray.direction[0]
        y = ray.place[1] + t * ray.direction[1]
        z = ray.place[2] + t * ray.direction[2]
        chunk.x[i], chunk.y[i], chunk.z[i] = in_cube(x, y, z, contracted)


@inner
def in_cube(x, y, z, contracted):
    """From units of the box to [0, 1]^3; all space by way of [-2, 2]^3 (Barron et al. 2022, eq. 10)."""
    if not contracted:
        return f32(0.5) * (x + f32(1)), f32(0.5) * (y + f32(1)), f32(0.5) * (z + f32(1))
    norm = max(f32(1), abs(x), abs(y), abs(z))
    scale = f32(0.25) * (f32(2) - f32(1) / norm) / norm
    return scale * x + f32(0.5), scale * y + f32(0.5), scale * z + f32(0.5)


@inner
def density_tile(field, chunk, at, count):
    """Density of the samples at..at + count."""
    stride = stride_of(field)
    encode_tile(
        chunk.x, chunk.y, chunk.z, at, count, field.table, field.levels, chunk.corners,
        chunk.activations, at * stride, stride,
    )  # fmt: skip
    forward_tile(field.density, chunk.activations, at * stride, stride)
    raw = field.density.columns[-1]
    for i in range(at, at + TILE):
        grown = exp(min(chunk.activations[i * stride + raw], f32(MAX_LOG_DENSITY)))
        chunk.density[i] = field.thinness * thinning(chunk, i, field.contracted) * grown


@inner
def thinning(chunk, sample, contracted):
    """1 / max(1, distance) where the grid holds all of space; the cube has 2 - 1 / distance as distance."""
    x, y, z = chunk.x[sample] - f32(0.5), chunk.y[sample] - f32(0.5), chunk.z[sample] - f32(0.5)
    norm = f32(4) * max(abs(x), abs(y), abs(z))
    return min(f32(2) - norm, f32(1)) if contracted else f32(1)


@inner
def trace(index, slot, rays, cells, rule, path, field, chunk):
    """Follow one ray until it ends or grows dark; give the number of samples whose density was asked.

    Samples are marched, encoded and weighed by tiles of 16. Only those that are seen stay in the
    chunk: a tile is written behind the last of them.
    """
    at = chunk.begin[slot]
    ray = ray_in_box(rays.origins, rays.directions, index, rays.first[index], cells)
    position, end = lattice_range(ray, rays.num_steps[index], cells, rule)
    write_harmonics(rays.views[index, 0], rays.views[index, 1], rays.views[index, 2], chunk.harmonics)
    transmittance, asked = f32(1), 0
    while transmittance >= path.stop and asked < path.limit:
        room = min(TILE, path.limit - asked)
        count, position = march_on(ray, position, end, cells, rule, chunk.starts, chunk.ends, at, room)
        if count == 0:
            break
        place_tile(ray, field.contracted, chunk, at, count)
        density_tile(field, chunk, at, count)
        asked += count
        for i in range(at, at + count):
            lost, left = absorb(chunk.density[i] * (chunk.ends[i] - chunk.starts[i]))
            chunk.weights[i] = transmittance * lost
            transmittance *= left
            chunk.after[i] = transmittance
            write_view(field, chunk, i, rays.code[index])
            at += 1
            if transmittance < path.stop:
                break
    chunk.ray[slot] = index
    chunk.begin[slot + 1] = at
    return asked


@inner
def write_view(field, chunk, sample, code):
    """What the colour network sees besides the features."""
    at = sample * stride_of(field) + field.density.columns[-1] + field.density.widths[-1]
    for i in range(NUM_HARMONICS):
        chunk.activations[at + i] = chunk.harmonics[i]
    row = code if code >= 0 else field.codes.shape[0] - 1
    for i in range(field.codes.shape[1]):
        chunk.activations[at + NUM_HARMONICS + i] = field.codes[row, i]


@inner
def color_chunk(field, chunk, samples):
    """Colours of the first samples of the chunk, through the sigmoid, in the last column of activations."""
    stride, last = stride_of(field), field.color.columns[-1]
    for at in range(0, samples, TILE):
        forward_tile(field.color, chunk.activations, at * stride, stride)
    for i in range(samples):
        sigmoid_row(chunk.activations, i * stride + last)


@inner
def write_harmonics(x, y, z, out):
    """Real spherical harmonics of a unit direction up to degree 3, orthonormal on the sphere."""
    xy, xz, yz, xx, yy, zz = x * y, x * z, y * z, x * x, y * y, z * z
    out[0] = f32(0.28209479177387814)
    out[1] = f32(-0.48860251190291987) * y
    out[2] = f32(0.48860251190291987) * z
    out[3] = f32(-0.48860251190291987) * x
    out[4] = f32(1.0925484305920792) * xy
    out[5] = f32(-1.0925484305920792) * yz
    out[6] = f32(0.94617469575755997) * zz - f32(0.31539156525251999)
    out[7] = f32(-1.0925484305920792) * xz
    out[8] = f32(0.54627421529603959) * (xx - yy)
    out[9] = f32(0.59004358992664352) * y * (yy - f32(3) * xx)
    out[10] = f32(2.8906114426405538) * xy * z
    out[11] = f32(0.45704579946446572) * y * (f32(1) - f32(5) * zz)
    out[12] = f32(0.37317633259011546) * z * (f32(5) * zz - f32(3))
    out[13] = f32(0.45704579946446572) * x * (f32(1) - f32(5) * zz)
    out[14] = f32(1.4453057213202769) * z * (xx - yy)
    out[15] = f32(0.59004358992664352) * x * (f32(3) * yy - xx)
