"""Small networks on the CPU: the faster twin of `rayloom.kernels.mlp`."""

# Numba infers the types in kernels; the context of autograd has none.
# ruff: noqa: ANN001, ANN202, ANN401

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from rayloom.kernels.numba.jit import inner, kernel
from rayloom.kernels.numba.layers import (
    Network,
    aligned_zeros,
    backward_tiles,
    fill_network,
    forward_tile,
    layer_of,
    new_network,
)
from rayloom.kernels.numba.products import ROWS
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import copy_16, fetch_add
from rayloom.kernels.threads import num_threads

CHUNK = 256
"""Samples per block of work."""
BACKWARD_ROWS = 2 * ROWS
"""Rows that go backward together: gradients of weights are loaded and stored half as often as by tiles."""


def tiny_mlp(
    x: Float[Tensor, "n inputs"], weights: Sequence[Float[Tensor, "_ _"]]
) -> Float[Tensor, "n outputs"]:
    """Rows through matrices with ReLU between; differentiable once, to rows and matrices."""
    return _TinyMLP.apply(x, *weights)


class _TinyMLP(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, *weights)
        rows = x.detach().contiguous().numpy()
        out = np.empty((len(rows), len(weights[-1])), np.float32)
        run(_forward, -(-len(rows) // CHUNK), _network_of(weights), rows, out)
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, *weights = ctx.saved_tensors
        network, rows = _network_of(weights), x.detach().contiguous().numpy()
        grad_rows = np.empty_like(rows)
        size = network.offsets[-1]
        grad_weights = aligned_zeros(num_threads() * size).reshape(-1, size)
        blocks = -(-len(rows) // CHUNK)
        run(_backward, blocks, network, rows, grads[0].contiguous().numpy(), grad_rows, grad_weights)
        total = grad_weights.sum(0)
        layers = [layer_of(total, network, i)[: len(w), : w.shape[1]] for i, w in enumerate(weights)]
        return tuple(torch.from_numpy(np.ascontiguousarray(grad)) for grad in (grad_rows, *layers))


def _network_of(weights: Sequence[Tensor]) -> Network:
    network = new_network([(weight.shape[0], weight.shape[1]) for weight in weights])
    fill_network(network, [weight.detach().numpy() for weight in weights])
    return network


@kernel
def _forward(thread, counter, network, rows, out):
    """Run chunks of rows from inputs to outputs, a tile at a time."""
    stride = network.widths.sum()
    activations = aligned_zeros(ROWS * stride)
    flat, flat_out = rows.reshape(-1), out.reshape(-1)
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= rows.shape[0]:
            break
        for at in range(start, min(start + CHUNK, rows.shape[0]), ROWS):
            count = min(ROWS, rows.shape[0] - at)
            _load(flat, rows.shape[1], at, count, activations, 0, stride)
            forward_tile(network, activations, 0, stride)
            _unload(activations, network.columns[-1], stride, flat_out, out.shape[1], at, count)


@kernel
def _backward(thread, counter, network, rows, grad_out, grad_rows, grad_weights):
    """Run chunks of rows from the gradient of the outputs to that of weights and inputs.

    The activations are computed again: they stay in the nearest cache, whereas those of the forward
    pass would have to travel through memory twice, which takes longer.
    """
    stride = network.widths.sum()
    activations = aligned_zeros(BACKWARD_ROWS * stride)
    room = aligned_zeros(2 * BACKWARD_ROWS * network.widths.max())
    outputs, inputs = network.widths[-1], network.widths[0]
    flat, flat_grad, flat_grad_rows = rows.reshape(-1), grad_out.reshape(-1), grad_rows.reshape(-1)
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= rows.shape[0]:
            break
        for at in range(start, min(start + CHUNK, rows.shape[0]), BACKWARD_ROWS):
            count = min(BACKWARD_ROWS, rows.shape[0] - at)
            _load(flat, rows.shape[1], at, count, activations, 0, stride)
            for row in range(0, BACKWARD_ROWS, ROWS):
                forward_tile(network, activations, row * stride, stride)
            room[: BACKWARD_ROWS * outputs] = 0
            _load(flat_grad, grad_out.shape[1], at, count, room, 0, outputs)
            result = backward_tiles(
                network, activations, 0, stride, BACKWARD_ROWS, grad_weights[thread], room, inputs
            )
            _unload(room, result, inputs, flat_grad_rows, rows.shape[1], at, count)


@inner
def _load(rows, width, at, count, tile, column, stride):
    """Copy rows into a tile; what lies beyond the last row keeps finite old values."""
    for i in range(count):
        _copy(rows, (at + i) * width, tile, i * stride + column, width)


@inner
def _unload(tile, column, stride, rows, width, at, count):
    """Copy rows out of a tile."""
    for i in range(count):
        _copy(tile, i * stride + column, rows, (at + i) * width, width)


@inner
def _copy(source, source_at, target, target_at, count):
    whole = count & -ROWS
    for j in range(0, whole, ROWS):
        copy_16(source, source_at + j, target, target_at + j)
    for j in range(whole, count):
        target[target_at + j] = source[source_at + j]
