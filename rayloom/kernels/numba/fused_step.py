"""One optimisation step in one kernel: rays in, gradients out, nothing in between written to memory.

Threads take rays from a counter and fill a chunk: march, encode, density, stop where it is dark. A
full chunk is coloured, composited, compared with the photos and run backward, and its gradients are
added to tables of the thread's own, which Adam sums, applies and clears.
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

from typing import NamedTuple

import numpy as np

from rayloom.kernels.numba.fused_field import (
    FULL,
    MAX_LOG_DENSITY,
    MAX_RAYS,
    NUM_HARMONICS,
    color_chunk,
    new_chunk,
    stride_of,
    trace,
)
from rayloom.kernels.numba.fused_rays import move_rays
from rayloom.kernels.numba.grid_tiles import TILE, scatter_tile
from rayloom.kernels.numba.jit import f32, inner, kernel
from rayloom.kernels.numba.layers import aligned_zeros, backward_tiles
from rayloom.kernels.numba.vector import fetch_add

BLOCK_RAYS = 128


class Gradients(NamedTuple):
    """One row for each thread, but of rays, each of which one thread has."""

    table: np.ndarray
    density: np.ndarray
    color: np.ndarray
    codes: np.ndarray
    sums: np.ndarray
    """Squared error, distortion, visible samples, samples whose density was asked."""
    rays: np.ndarray
    """Gradients of origins and directions, a row for each ray; no rows where nobody wants them."""


class Target(NamedTuple):
    """What the rays should show; a difference e costs e² up to delta, and delta (2 |e| - delta) beyond."""

    rgb: np.ndarray
    delta: np.float32
    scale: np.float32
    """Weight of a channel of a ray in the loss."""
    distortion: np.float32
    """Weight of a ray's distortion in the loss."""


class Backward(NamedTuple):
    """Working memory of the backward pass of one thread."""

    color_slopes: np.ndarray
    """Gradient of the raw colours, a row of padded outputs for each sample of the chunk."""
    density_slopes: np.ndarray
    """Gradient of the raw densities."""
    weight_slopes: np.ndarray
    """Gradient of the weights by way of the distortion."""
    color_room: np.ndarray
    """Room for the colour network, beginning with the gradient of a tile's outputs."""
    density_room: np.ndarray
    """The same for the density network."""
    places: np.ndarray
    """Gradient of the places of a tile in the grid's cube."""


@kernel
def train_rays(thread, counter, rays, target, cells, rule, path, field, grads):
    """Loss and gradients of all rays."""
    chunk = new_chunk(field, path)
    work = _new_backward(field, path)
    total, slot = rays.first.shape[0], 0
    while True:
        start = fetch_add(counter, 1) * BLOCK_RAYS
        if start >= total:
            break
        for index in range(start, min(start + BLOCK_RAYS, total)):
            if slot == MAX_RAYS or chunk.begin[slot] >= FULL:
                _learn(thread, slot, rays, target, cells, field, chunk, work, grads)
                slot = 0
            grads.sums[thread, 3] += trace(index, slot, rays, cells, rule, path, field, chunk)
            slot += 1
    _learn(thread, slot, rays, target, cells, field, chunk, work, grads)


@kernel
def _new_backward(field, path):
    room, outputs = FULL + path.limit + 2 * TILE, field.color.widths[-1]
    color, density = 2 * TILE * field.color.widths.max(), 2 * TILE * field.density.widths.max()
    return Backward(
        aligned_zeros(room * outputs), aligned_zeros(room), aligned_zeros(room), aligned_zeros(color),
        aligned_zeros(density), np.zeros((3, TILE), np.float32),
    )  # fmt: skip


@inner
def _learn(thread, num_rays, rays, target, cells, field, chunk, work, grads):
    """Colour, compare and go backward with the first rays of a chunk."""
    samples = chunk.begin[num_rays]
    color_chunk(field, chunk, samples)
    for slot in range(num_rays):
        grads.sums[thread, 1] += _distort(chunk.begin[slot], chunk.begin[slot + 1], target, chunk, work)
        grads.sums[thread, 0] += _compare(slot, rays, target, field, chunk, work)
    grads.sums[thread, 2] += samples
    outputs = field.color.widths[-1]
    # The last tile may reach over the last sample, into rows of an earlier chunk.
    work.color_slopes[samples * outputs : (samples + TILE) * outputs] = 0
    work.density_slopes[samples : samples + TILE] = 0
    slot = 0
    for at in range(0, samples, TILE):
        _backward(thread, at, min(TILE, samples - at), slot, rays, cells, field, chunk, work, grads)
        while slot < num_rays and chunk.begin[slot + 1] <= at + TILE:
            slot += 1


@inner
def _compare(slot, rays, target, field, chunk, work):
    """Loss of one ray, and its gradient with respect to raw colours and raw densities."""
    begin, end, ray = chunk.begin[slot], chunk.begin[slot + 1], chunk.ray[slot]
    stride, outputs = stride_of(field), field.color.widths[-1]
    column, raw = field.color.columns[-1], field.density.columns[-1]
    left = chunk.after[end - 1] if end > begin else f32(1)
    loss_r, slope_r = _judge(ray, 0, begin, end, left, rays, target, field, chunk)
    loss_g, slope_g = _judge(ray, 1, begin, end, left, rays, target, field, chunk)
    loss_b, slope_b = _judge(ray, 2, begin, end, left, rays, target, field, chunk)
    slopes = (slope_r, slope_g, slope_b)
    # What shines from behind a sample is lost to it: the background, then sample after sample.
    behind = f32(0)
    for channel in range(3):
        behind += left * rays.background[ray, channel] * slopes[channel]
    for i in range(end - 1, begin - 1, -1):
        seen = work.weight_slopes[i]
        for channel in range(3):
            rgb = chunk.activations[i * stride + column + channel]
            seen += rgb * slopes[channel]
            work.color_slopes[i * outputs + channel] = (
                chunk.weights[i] * slopes[channel] * rgb * (f32(1) - rgb)
            )
        width = chunk.ends[i] - chunk.starts[i]
        free = chunk.activations[i * stride + raw] <= f32(MAX_LOG_DENSITY)
        slope = (chunk.after[i] * seen - behind) * width * chunk.density[i]
        work.density_slopes[i] = slope if free else f32(0)
        behind += chunk.weights[i] * seen
    return loss_r + loss_g + loss_b


@inner
def _distort(begin, end, target, chunk, work):
    """Distortion of a ray in squeezed distance, and its gradient with respect to the weights.

    As `losses.distortion`: sums over what lies before a sample give the sum over all pairs.
    """
    if target.distortion == f32(0):
        work.weight_slopes[begin:end] = 0
        return f32(0)
    light, moment = f32(0), f32(0)
    for i in range(begin, end):
        low, high = _squeezed(chunk.starts[i]), _squeezed(chunk.ends[i])
        light += chunk.weights[i]
        moment += chunk.weights[i] * f32(0.5) * (low + high)
    light_before, moment_before, spread = f32(0), f32(0), f32(0)
    for i in range(begin, end):
        low, high = _squeezed(chunk.starts[i]), _squeezed(chunk.ends[i])
        weight, place = chunk.weights[i], f32(0.5) * (low + high)
        before = place * light_before - moment_before
        light_before += weight
        moment_before += weight * place
        behind = (moment - moment_before) - place * (light - light_before)
        own = weight * (high - low) * f32(1 / 3)
        spread += weight * (f32(2) * before + own)
        work.weight_slopes[i] = f32(2) * target.distortion * (before + behind + own)
    return spread * target.distortion


@inner
def _squeezed(t):
    """Distance in [0, 1), as `losses.squeezed`."""
    return t / (f32(1) + t)


@inner
def _judge(ray, channel, begin, end, left, rays, target, field, chunk):
    """Loss of one channel of a ray, and its slope."""
    stride, column = stride_of(field), field.color.columns[-1] + channel
    value = left * rays.background[ray, channel]
    for i in range(begin, end):
        value += chunk.weights[i] * chunk.activations[i * stride + column]
    error = value - target.rgb[ray, channel]
    small = min(abs(error), target.delta)
    slope = f32(2) * target.scale * small
    return target.scale * small * (f32(2) * abs(error) - small), slope if error > f32(0) else -slope


@inner
def _backward(thread, at, count, first, rays, cells, field, chunk, work, grads):
    """From the gradients of one tile of samples, the first of which `first` holds, to all others."""
    stride, outputs = stride_of(field), field.color.widths[-1]
    for i in range(TILE * outputs):
        work.color_room[i] = work.color_slopes[at * outputs + i]
    inputs, features = field.color.widths[0], field.density.widths[-1]
    # Nothing is learned through the harmonics, which lie between the features and the code.
    wanted = inputs if field.codes.shape[1] > 0 else features
    view = backward_tiles(
        field.color,
        chunk.activations,
        at * stride,
        stride,
        TILE,
        grads.color[thread],
        work.color_room,
        wanted,
    )
    for i in range(TILE):
        for j in range(features):
            work.density_room[i * features + j] = work.color_room[view + i * inputs + j]
        work.density_room[i * features] += work.density_slopes[at + i]
    slot = first
    for i in range(count if field.codes.shape[1] > 0 else 0):
        while chunk.begin[slot + 1] <= at + i:
            slot += 1
        code = rays.code[chunk.ray[slot]]
        for j in range(field.codes.shape[1]):
            grads.codes[thread, code, j] += work.color_room[view + i * inputs + features + NUM_HARMONICS + j]
    place = backward_tiles(
        field.density, chunk.activations, at * stride, stride, TILE, grads.density[thread],
        work.density_room, field.density.widths[0],
    )  # fmt: skip
    scatter_tile(
        chunk.x, chunk.y, chunk.z, at, count, grads.table[thread], field.levels, chunk.corners,
        work.density_room, place, field.density.widths[0],
    )  # fmt: skip
    if grads.rays.shape[0] > 0:
        move_rays(at, count, first, cells, field, chunk, work, place, grads.rays)
