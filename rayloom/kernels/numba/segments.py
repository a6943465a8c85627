"""Weights along rays on the CPU: the faster twin in `rayloom.kernels.segments`, where torch sums faster."""

# Numba infers the types in kernels; the context of autograd has none.
# ruff: noqa: ANN001, ANN202, ANN401

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from rayloom.kernels.numba.elementary import absorb
from rayloom.kernels.numba.jit import f32, kernel
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add

CHUNK = 256
"""Rays per block of work."""


def packed_weights(
    optical_depth: Float[Tensor, " samples"], ray_index: Int[Tensor, " samples"], num_rays: int
) -> Float[Tensor, " samples"]:
    """How much each sample adds to its pixel; differentiable once."""
    return _PackedWeights.apply(optical_depth, ray_index, num_rays)


class _PackedWeights(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, optical_depth: Tensor, ray_index: Tensor, num_rays: int) -> Tensor:
        depth, edges = optical_depth.detach().contiguous().numpy(), _edges(ray_index, num_rays)
        weights, after = np.empty_like(depth), np.empty_like(depth)
        run(_weigh, -(-num_rays // CHUNK), depth, edges, weights, after)
        ctx.arrays = edges, weights, after
        return torch.from_numpy(weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        edges, weights, after = ctx.arrays
        grad_depth = np.empty_like(weights)
        grad_weights = grads[0].contiguous().numpy()
        run(_weigh_back, -(-(len(edges) - 1) // CHUNK), grad_weights, edges, weights, after, grad_depth)
        return torch.from_numpy(grad_depth), None, None


def _edges(ray_index: Tensor, num_rays: int) -> np.ndarray:
    """Where each ray's samples begin, and where the last one's end."""
    return np.searchsorted(ray_index.numpy(), np.arange(num_rays + 1))


@kernel
def _weigh(thread, counter, depth, edges, weights, after):
    """Weights, and the transmittance behind each sample."""
    num_rays = edges.shape[0] - 1
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= num_rays:
            break
        for ray in range(start, min(start + CHUNK, num_rays)):
            transmittance = f32(1)
            for i in range(edges[ray], edges[ray + 1]):
                lost, left = absorb(depth[i])
                weights[i] = transmittance * lost
                transmittance *= left
                after[i] = transmittance


@kernel
def _weigh_back(thread, counter, grad_weights, edges, weights, after, grad_depth):
    """A sample's own light grows with its depth, and that of all samples behind it shrinks."""
    num_rays = edges.shape[0] - 1
    while True:
        start = fetch_add(counter, 1) * CHUNK
        if start >= num_rays:
            break
        for ray in range(start, min(start + CHUNK, num_rays)):
            behind = f32(0)
            for i in range(edges[ray + 1] - 1, edges[ray] - 1, -1):
                grad_depth[i] = grad_weights[i] * after[i] - behind
                behind += grad_weights[i] * weights[i]
