"""The colours of rays from what they gathered among voxels: what `Shading.over` says, in one pass."""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN202

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.numba.fused_field import write_harmonics
from rayloom.kernels.numba.jit import f32, inlined, kernel
from rayloom.kernels.numba.threads import run
from rayloom.kernels.numba.vector import fetch_add

CHUNK = 1024
"""Rays per block of work."""


def shaded(
    values: Float[Tensor, "rays 11"],
    opacity: Float[Tensor, " rays"],
    directions: Float[Tensor, "rays 3"],
    basis: Float[Tensor, "features 3 15"],
    low: Float[Tensor, " features"],
    span: Float[Tensor, " features"],
    background: Float[Tensor, "3"],
) -> Float[Tensor, "rays 3"]:
    """Colours over a background."""
    out = np.empty((len(opacity), 3), np.float32)
    # By wave, colour and feature, so that the last axis is as long as a vector.
    waves = basis.detach().permute(2, 1, 0).reshape(basis.shape[2], -1).contiguous()
    parts = [part.detach().numpy() for part in (values, opacity, directions, waves, low, span, background)]
    run(_shade, -(-len(opacity) // CHUNK), *parts, out)
    return torch.from_numpy(out)


@kernel
def _shade(thread, counter, values, opacity, directions, basis, low, span, background, out):
    """Write the colours of all rays."""
    waves, responses = np.empty(16, np.float32), np.empty(basis.shape[1], np.float32)
    while True:
        begin = fetch_add(counter, 1) * CHUNK
        if begin >= opacity.shape[0]:
            break
        for ray in range(begin, min(begin + CHUNK, opacity.shape[0])):
            if opacity[ray] == f32(0):
                out[ray] = background
                continue
            write_harmonics(directions[ray, 0], directions[ray, 1], directions[ray, 2], waves)
            _respond(waves, basis, responses)
            for channel in range(3):
                color = values[ray, channel]
                for k in range(low.shape[0]):
                    feature = low[k] * opacity[ray] + span[k] * values[ray, 3 + k]
                    color += feature * responses[channel * low.shape[0] + k]
                color = min(max(color, f32(0)), opacity[ray])
                out[ray, channel] = color + (f32(1) - opacity[ray]) * background[channel]


@inlined
def _respond(waves, basis, responses):
    """The functions of direction, of which the first wave, the constant one, is no part."""
    responses[:] = f32(0)
    for wave in range(basis.shape[0]):
        for i in range(basis.shape[1]):
            responses[i] += waves[wave + 1] * basis[wave, i]
