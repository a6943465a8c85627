"""Small networks without biases on tiles of 16 samples: forward, and backward to inputs and weights.

All activations of a sample lie in one row of one array, layer beside layer, so that a backward pass
finds them in the near cache. Widths are padded with zeros to multiples of 16. A network keeps its
weights twice: transposed for the forward pass and as they are for the backward pass, so that all
products run along contiguous rows.
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from rayloom.kernels.numba.jit import inner, kernel
from rayloom.kernels.numba.products import (
    ROWS,
    add_transposed,
    multiply,
    multiply_masked,
    multiply_relu,
)


class Network(NamedTuple):
    """The weights of a network, padded, one layer after another."""

    forward: np.ndarray
    """Per layer: inputs x outputs."""
    backward: np.ndarray
    """Per layer: outputs x inputs, the layout of torch."""
    offsets: np.ndarray
    """Where each layer begins in both arrays, and where the last one ends."""
    widths: np.ndarray
    """Padded inputs, hidden widths and outputs."""
    outputs: np.ndarray
    """Outputs of each layer without padding."""
    columns: np.ndarray
    """Where the inputs, hidden layers and outputs begin in a row of activations."""


def padded(width: int) -> int:
    """The next multiple of 16."""
    return -(-width // ROWS) * ROWS


def new_network(shapes: Sequence[tuple[int, int]], first_column: int = 0) -> Network:
    """Room for weights of these (outputs, inputs), the activations beginning at a column."""
    widths = [padded(shapes[0][1])] + [padded(outputs) for outputs, _ in shapes]
    sizes = [inputs * outputs for inputs, outputs in pairwise(widths)]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    columns = first_column + np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
    forward, backward = aligned_zeros(2 * offsets[-1]).reshape(2, -1)
    outputs = np.array([outputs for outputs, _ in shapes], np.int64)
    return Network(forward, backward, offsets, np.array(widths, np.int64), outputs, columns)


def fill_network(network: Network, weights: Sequence[np.ndarray]) -> None:
    """Copy weights of shape (outputs, inputs) into both forms."""
    for index, weight in enumerate(weights):
        outputs, inputs = weight.shape
        forward, backward = (
            layer_of(network.forward, network, index, True),
            layer_of(network.backward, network, index),
        )
        forward[:inputs, :outputs] = weight.T
        backward[:outputs, :inputs] = weight


def layer_of(flat: np.ndarray, network: Network, index: int, transposed: bool = False) -> np.ndarray:
    """One layer's padded matrix, outputs x inputs, in an array laid out like the network's."""
    before, after = network.widths[index], network.widths[index + 1]
    piece = flat[..., network.offsets[index] : network.offsets[index + 1]]
    return piece.reshape(*flat.shape[:-1], *((before, after) if transposed else (after, before)))


@kernel
def aligned_zeros(size):
    """Zeros that begin at a multiple of 64 bytes: a vector across two cache lines is read twice."""
    room = np.zeros(size + ROWS, np.float32)
    start = -(room.ctypes.data // 4) % ROWS
    return room[start : start + size]


@inner
def forward_tile(network, activations, at, stride):
    """Run 16 rows of activations, the first beginning at `at`, from inputs to outputs."""
    weights, offsets, widths, columns = network.forward, network.offsets, network.widths, network.columns
    last = widths.shape[0] - 2
    for layer in range(last):
        multiply_relu(
            activations, at + columns[layer + 1], stride,
            activations, at + columns[layer], stride,
            weights, offsets[layer], widths[layer + 1], widths[layer],
        )  # fmt: skip
    multiply(
        activations, at + columns[last + 1], stride,
        activations, at + columns[last], stride,
        weights, offsets[last], widths[last + 1], widths[last + 1], widths[last],
    )  # fmt: skip


@inner
def backward_tiles(network, activations, at, stride, rows, grads, room, wanted):
    """From the gradient of the outputs of `rows` rows to that of weights, added to `grads`, and of inputs.

    `rows` is a multiple of 16, and `room` begins with the gradient of the outputs, rows x padded outputs. Its
    two halves take the gradients of the layers in turn; the result is where in it that of the inputs, rows x
    padded inputs, begins, of which only the `wanted` first columns, a multiple of 16, are computed.
    """
    weights, offsets, widths, columns = network.backward, network.offsets, network.widths, network.columns
    half, ahead = room.shape[0] // 2, 0
    for step in range(widths.shape[0] - 1):
        layer = widths.shape[0] - 2 - step
        behind, width, outputs = half - ahead, widths[layer], widths[layer + 1]
        source, depth = at + columns[layer], network.outputs[layer]
        add_transposed(
            grads, offsets[layer], width, room, ahead, outputs, outputs, activations, source, stride, rows
        )
        for row in range(0, rows, ROWS):
            into, of = behind + row * width, ahead + row * outputs
            if layer == 0:
                multiply(room, into, width, room, of, outputs, weights, 0, width, wanted, depth)
            else:
                multiply_masked(
                    room, into, width, room, of, outputs, weights, offsets[layer], width, depth,
                    activations, source + row * stride, stride,
                )  # fmt: skip
        ahead = behind
    return ahead
