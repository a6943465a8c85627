"""Sums and products along rays on CUDA: the faster twins of `rayloom.kernels.segments`.

A program walks along the samples of one ray, a block at a time, so that neighbouring threads read
neighbouring samples and every sum has one order.
"""

# Triton infers the types in kernels; the context of autograd has none.
# ruff: noqa: ANN001, ANN202, ANN401

from typing import Any

import torch
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from rayloom.kernels.segments import OPAQUE
from rayloom.kernels.triton.jit import kernel, launch, num_blocks, padded

BLOCK = 32
"""Samples that are looked at together: one for each thread of a warp."""
CHANNELS = 32
"""Channels that are summed together at most."""
OPAQUE_DEPTH = tl.constexpr(OPAQUE)
ONE_WARP = {"BLOCK": BLOCK, "num_warps": 1}


def segment_sum(
    values: Float[Tensor, "samples *channels"], ray_index: Int[Tensor, " samples"], num_rays: int
) -> Float[Tensor, "rays *channels"]:
    """The sum of each ray's values."""
    return _SegmentSum.apply(values, ray_index, num_rays)


def packed_weights(
    optical_depth: Float[Tensor, " samples"], ray_index: Int[Tensor, " samples"], num_rays: int
) -> Float[Tensor, " samples"]:
    """How much each sample adds to its pixel; differentiable once."""
    return _PackedWeights.apply(optical_depth, ray_index, num_rays)


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, ray_index: Tensor, num_rays: int) -> Tensor:
        ctx.save_for_backward(ray_index)
        channels = values.shape[1:].numel()
        out = values.new_empty(num_rays, *values.shape[1:])
        width = min(padded(channels), CHANNELS)
        tensors = values.detach().contiguous(), _edges(ray_index, num_rays), out
        launch(_sum, (num_rays, num_blocks(channels, width)), *tensors, channels, WIDTH=width, **ONE_WARP)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (ray_index,) = ctx.saved_tensors
        return grads[0].index_select(0, ray_index), None, None


class _PackedWeights(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, optical_depth: Tensor, ray_index: Tensor, num_rays: int) -> Tensor:
        depth, edges = optical_depth.detach().contiguous(), _edges(ray_index, num_rays)
        weights, after = torch.empty_like(depth), torch.empty_like(depth)
        launch(_weigh, (num_rays,), depth, edges, weights, after, **ONE_WARP)
        ctx.save_for_backward(edges, weights, after)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        edges, weights, after = ctx.saved_tensors
        grad_depth = torch.empty_like(weights)
        tensors = grads[0].contiguous(), edges, weights, after, grad_depth
        launch(_weigh_back, (len(edges) - 1,), *tensors, **ONE_WARP)
        return grad_depth, None, None


def _edges(ray_index: Tensor, num_rays: int) -> Tensor:
    """Where each ray's samples begin, and where the last one's end."""
    return torch.searchsorted(ray_index, torch.arange(num_rays + 1, device=ray_index.device))


@kernel
def _sum(values, edges, out, channels, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """Sum one ray's rows, in one block of channels."""
    ray = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    end = tl.load(edges + ray + 1)
    total = tl.zeros((WIDTH,), tl.float32)
    for start in range(tl.load(edges + ray), end, BLOCK):
        row = start + tl.arange(0, BLOCK)
        held = (row < end)[:, None] & (column < channels)[None, :]
        rows = tl.load(values + row[:, None] * channels + column[None, :], mask=held, other=0.0)
        total += tl.sum(rows, axis=0)
    tl.store(out + ray * channels + column, total, mask=column < channels)


@kernel
def _weigh(depth, edges, weights, after, BLOCK: tl.constexpr):
    """Weights of one ray's samples, and the transmittance behind each.

    The depth before a sample is summed without the sample's own: taken off again, a large one would
    leave its rounding.
    """
    ray = tl.program_id(0).to(tl.int64)
    begin, end = tl.load(edges + ray), tl.load(edges + ray + 1)
    passed = 0.0
    for start in range(begin, end, BLOCK):
        at = start + tl.arange(0, BLOCK)
        held = at < end
        own = _clipped(tl.load(depth + at, mask=held, other=0.0))
        previous = _clipped(tl.load(depth + at - 1, mask=held & (at > start), other=0.0))
        transmittance = tl.exp(-(passed + tl.cumsum(previous, axis=0)))
        tl.store(weights + at, transmittance * _lost(own), mask=held)
        tl.store(after + at, transmittance * tl.exp(-own), mask=held)
        passed += tl.sum(own, axis=0)


@kernel
def _weigh_back(grad_weights, edges, weights, after, grad_depth, BLOCK: tl.constexpr):
    """A sample's own light grows with its depth, and that of all samples behind it shrinks."""
    ray = tl.program_id(0).to(tl.int64)
    begin, end = tl.load(edges + ray), tl.load(edges + ray + 1)
    behind = 0.0
    for done in range(0, end - begin, BLOCK):
        # From the last sample towards the first.
        at = end - 1 - done - tl.arange(0, BLOCK)
        held = at >= begin
        grad = tl.load(grad_weights + at, mask=held, other=0.0)
        light = grad * tl.load(weights + at, mask=held, other=0.0)
        farther = held & (at < end - 1 - done)
        next_light = tl.load(grad_weights + at + 1, mask=farther, other=0.0) * tl.load(
            weights + at + 1, mask=farther, other=0.0
        )
        own = grad * tl.load(after + at, mask=held, other=0.0)
        tl.store(grad_depth + at, own - (behind + tl.cumsum(next_light, axis=0)), mask=held)
        behind += tl.sum(light, axis=0)


@kernel
def _clipped(depth):
    """Optical depth up to where nothing shines through."""
    return tl.where(depth > OPAQUE_DEPTH, OPAQUE_DEPTH, depth)


@kernel
def _lost(depth):
    """1 - e^-depth: a series for thin matter, where the difference would round to 0."""
    series = 1 - depth * (1 / 7)
    series = 1 - depth * (1 / 6) * series
    series = 1 - depth * (1 / 5) * series
    series = 1 - depth * (1 / 4) * series
    series = 1 - depth * (1 / 3) * series
    series = 1 - depth * (1 / 2) * series
    return tl.where(depth < 0.25, depth * series, 1 - tl.exp(-depth))
