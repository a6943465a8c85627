"""Voxels as vectors: all bytes of a corner are one, so that a look takes seven blends instead of 84."""

# Numba infers the types in kernels, and LLVM values have none for Python.
# ruff: noqa: ANN001, ANN201, ANN401

from typing import Any

from llvmlite import ir
from numba import types

from rayloom.kernels.numba.jit import intrinsic
from rayloom.kernels.numba.vector import F32, I32, I64, load, multiply_add, operands, splat, store
from rayloom.kernels.voxels import BLOCK, CHANNELS

LANES = 16
"""Floats of a voxel in a kernel: density, eleven values, and four that mean nothing."""
_BYTES, _FLOATS = ir.VectorType(ir.IntType(8), LANES), ir.VectorType(F32, LANES)


@intrinsic
def mix_bytes(context, voxels, at, x, y, z, out):
    """Write to `out` what is between the eight corners of the cell whose first voxel begins at byte `at`.

    x, y and z are the shares of the way to the next corner along each axis. Gives the density's part.
    """
    signature = types.float32(voxels, at, x, y, z, out)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data, at, x, y, z, out = operands(context, builder, signature, values)
        parts = [
            _voxel(builder, builder.gep(data, [builder.add(at, I64(CHANNELS * offset))]))
            for offset in corner_offsets()
        ]
        for share in (z, y, x):
            wide = splat(builder, share, LANES)
            parts = [
                multiply_add(builder, wide, builder.fsub(last, first), first)
                for first, last in zip(parts[::2], parts[1::2], strict=True)
            ]
        store(builder, parts[0], out)
        return builder.extract_element(parts[0], I32(0))

    return signature, emit


@intrinsic
def add_scaled(context, values, scale, out):
    """Add `values` times a number to `out`; both hold the floats of one voxel."""
    signature = types.void(values, scale, out)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, s, o = operands(context, builder, signature, arguments)
        wide = splat(builder, s, LANES)
        store(builder, multiply_add(builder, wide, load(builder, v, _FLOATS), load(builder, o, _FLOATS)), o)
        return context.get_dummy_value()

    return signature, emit


def corner_offsets() -> list[int]:
    """Where the eight corners of a cell are, in voxels from the first; z changes fastest, then y."""
    side = BLOCK + 1
    return [(x * side + y) * side + z for x in (0, 1) for y in (0, 1) for z in (0, 1)]


def _voxel(builder: Any, pointer: Any) -> Any:
    """The bytes of a voxel as floats. A vector of 16 bytes could reach beyond the last voxel."""
    halves = []
    for begin, width in ((0, 8), (8, CHANNELS - 8)):
        vector = ir.VectorType(ir.IntType(8), width)
        place = builder.gep(pointer, [I64(begin)])
        half = builder.load(builder.bitcast(place, vector.as_pointer()))
        half.align = 1
        lanes = [*range(width), *[width] * (8 - width)]
        mask = ir.Constant(ir.VectorType(I32, 8), lanes)
        halves.append(builder.shuffle_vector(half, ir.Constant(vector, [0] * width), mask))
    whole = ir.Constant(ir.VectorType(I32, LANES), list(range(LANES)))
    return builder.uitofp(builder.shuffle_vector(*halves, whole), _FLOATS)
