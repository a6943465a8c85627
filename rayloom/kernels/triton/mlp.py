"""Small networks on CUDA: the faster twin of `rayloom.kernels.mlp`.

A program takes a tile of rows through all layers, so that activations never leave the chip. Every matrix
is padded with zeros to the same square, which adds nothing to any sum and lets one kernel serve all
networks.

As in torch, `torch.set_float32_matmul_precision` decides how products are rounded. "highest", which is
torch's default, is here the sum of three products of TF32 parts, off by less than 1e-6 of the terms it sums;
the other settings are one product of factors rounded to TF32. Exact products of float32 would do without
tensor cores, and compiled for these tiles they keep kilobytes of each thread's numbers in memory.
"""

# Triton infers the types in kernels; the context of autograd has none.
# ruff: noqa: ANN001, ANN202, ANN401

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import triton.language as tl
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from rayloom.kernels.mlp import tiny_mlp as in_torch
from rayloom.kernels.triton.jit import kernel, launch, num_blocks, padded

MAX_WIDTH = 128
"""Wider matrices do not fit on the chip beside their tile; the products of torch serve them well."""
PROGRAMS = 256
"""Programs of the backward pass at most. Each has weight gradients of its own, summed at the end."""


def tiny_mlp(
    x: Float[Tensor, "n inputs"], weights: Sequence[Float[Tensor, "_ _"]]
) -> Float[Tensor, "n outputs"]:
    """Rows through matrices with ReLU between; differentiable once, to rows and matrices."""
    assert x.shape[1] == weights[0].shape[1], "rows fit the first matrix"
    if _width(weights) > MAX_WIDTH:
        return in_torch(x, weights, implementation="torch")
    return _TinyMLP.apply(x, *weights)


class _TinyMLP(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, *weights)
        out = x.new_empty(len(x), len(weights[-1]))
        tile = _tile(weights)
        sizes = len(x), x.shape[1], out.shape[1], len(weights)
        programs = (num_blocks(len(x), tile["BLOCK"]),)
        launch(_forward, programs, x.detach().contiguous(), _packed(weights), out, *sizes, **tile)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, *weights = ctx.saved_tensors
        tile, packed, rows = _tile(weights), _packed(weights), x.detach().contiguous()
        grad_rows = torch.empty_like(rows)
        blocks = num_blocks(len(x), tile["BLOCK"])
        programs = min(blocks, PROGRAMS)
        partial = packed.new_zeros(programs, *packed.shape)
        tensors = rows, packed, grads[0].contiguous(), grad_rows, partial
        sizes = len(x), x.shape[1], grads[0].shape[1], len(weights), blocks, programs
        launch(_backward, (programs,), *tensors, *sizes, **tile)
        total = partial.sum(0)
        return grad_rows, *(total[i, : w.shape[0], : w.shape[1]] for i, w in enumerate(weights))


def _width(weights: Sequence[Tensor]) -> int:
    """The side of the square that holds each matrix; a product on the GPU has at least 16."""
    return padded(max(max(weight.shape) for weight in weights), least=16)


def _tile(weights: Sequence[Tensor]) -> dict[str, Any]:
    """The constants of both kernels: the largest tiles whose numbers the compiler keeps in registers."""
    width = _width(weights)
    precision = "tf32x3" if torch.get_float32_matmul_precision() == "highest" else "tf32"
    shape = {"BLOCK": min(2048 // width, 64), "WIDTH": width, "PRECISION": precision}
    return shape | {"num_warps": 4 if width <= 32 else 8, "num_stages": 1}


def _packed(weights: Sequence[Tensor]) -> Tensor:
    """The matrices as equal squares, padded with zeros."""
    assert all(b.shape[1] == a.shape[0] for a, b in pairwise(weights)), "each takes what the one before gives"
    width = _width(weights)
    packed = weights[0].new_zeros(len(weights), width, width)
    for square, weight in zip(packed, weights, strict=True):
        square[: weight.shape[0], : weight.shape[1]] = weight.detach()
    return packed


@kernel
def _forward(
    x, weights, out, num_rows, inputs, outputs, num_layers,
    BLOCK: tl.constexpr, WIDTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Take a tile of rows from inputs to outputs."""
    tile = tl.program_id(0)
    rows = _load(x, tile, num_rows, inputs, BLOCK, WIDTH)
    rows = _hidden(rows, weights, num_layers - 1, WIDTH, PRECISION)
    rows = tl.dot(rows, tl.trans(_matrix(weights, num_layers - 1, WIDTH)), input_precision=PRECISION)
    _store(out, tile, num_rows, outputs, rows, BLOCK, WIDTH)


@kernel
def _backward(
    x, weights, grad_out, grad_x, grad_weights,
    num_rows, inputs, outputs, num_layers, num_tiles, num_programs,
    BLOCK: tl.constexpr, WIDTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Take every `num_programs`-th tile from the gradient of the outputs to that of weights and inputs.

    The input of a layer is computed again from the first layer on: for networks of few layers that is
    less work than to keep all inputs where there is room for them.
    """
    program = tl.program_id(0)
    place = _square(program * num_layers, WIDTH)
    for tile in range(program, num_tiles, num_programs):
        rows = _load(x, tile, num_rows, inputs, BLOCK, WIDTH)
        grad = _load(grad_out, tile, num_rows, outputs, BLOCK, WIDTH)
        for back in range(num_layers):
            layer = num_layers - 1 - back
            before = _hidden(rows, weights, layer, WIDTH, PRECISION)
            own = grad_weights + place + layer * WIDTH * WIDTH
            change = tl.dot(tl.trans(grad), before, input_precision=PRECISION)
            tl.store(own, tl.load(own) + change)
            grad = tl.dot(grad, _matrix(weights, layer, WIDTH), input_precision=PRECISION)
            grad = tl.where((layer > 0) & (before <= 0), 0.0, grad)
        _store(grad_x, tile, num_rows, inputs, grad, BLOCK, WIDTH)
        # The threads may read other weight gradients for the next tile than they wrote for this one.
        tl.debug_barrier()


@kernel
def _hidden(rows, weights, num_layers, WIDTH: tl.constexpr, PRECISION: tl.constexpr):
    """A tile behind the first layers, each with its ReLU, which passes on what is no number."""
    for layer in range(num_layers):
        rows = tl.dot(rows, tl.trans(_matrix(weights, layer, WIDTH)), input_precision=PRECISION)
        rows = tl.where(rows < 0, 0.0, rows)
    return rows


@kernel
def _matrix(weights, layer, WIDTH: tl.constexpr):
    """The matrix of a layer, outputs by inputs."""
    return tl.load(weights + _square(layer, WIDTH))


@kernel
def _square(index, WIDTH: tl.constexpr):
    """Offsets of the numbers of a square."""
    side = tl.arange(0, WIDTH)
    return index * WIDTH * WIDTH + side[:, None] * WIDTH + side[None, :]


@kernel
def _load(source, tile, num_rows, columns, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """A tile of rows, filled up with zeros."""
    at, held = _place(tile, num_rows, columns, BLOCK, WIDTH)
    return tl.load(source + at, mask=held, other=0.0)


@kernel
def _store(to, tile, num_rows, columns, values, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """Store a tile of rows, without its filling."""
    at, held = _place(tile, num_rows, columns, BLOCK, WIDTH)
    tl.store(to + at, values, mask=held)


@kernel
def _place(tile, num_rows, columns, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """Offsets of a tile's numbers, and which of them exist."""
    row = (tile * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)[:, None]
    column = tl.arange(0, WIDTH)[None, :]
    return row * columns + column, (row < num_rows) & (column < columns)
