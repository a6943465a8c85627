"""Cells, rows and weights of 16 points on one level of a hash grid, as explicit vectors.

Row c of point q goes to rows[16 c + q] and its weight to weights[16 c + q]; bits 0, 1 and 2 of c say
whether the corner lies on the far side along x, y and z.
"""

# Numba infers the types in kernels, and LLVM values have none for Python.
# ruff: noqa: ANN001, ANN201, ANN401

import functools
from typing import Any

from llvmlite import ir
from numba import types

from rayloom.kernels.numba.jit import intrinsic
from rayloom.kernels.numba.vector import F32, I32, load, operands, splat, store

TILE = 16
_FLOATS, _INTEGERS = ir.VectorType(F32, TILE), ir.VectorType(I32, TILE)
_ONE = ir.Constant(_FLOATS, [1.0] * TILE)
_ZERO = ir.Constant(_FLOATS, [0.0] * TILE)


@intrinsic
def locate_points(context, x, y, z, at, offset, stride_y, stride_z, mask, resolution, rows, weights):
    """Fill rows and weights for the points at..at + 16, whose coordinates are cut to [0, 1].

    A point with a coordinate that is no number gets rows of the grid, and weights of zero.
    """
    signature = types.void(x, y, z, at, offset, stride_y, stride_z, mask, resolution, rows, weights)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        *places, at, offset, stride_y, stride_z, mask, resolution, rows, weights = operands(
            context, builder, signature, values
        )
        offset, stride_y, stride_z, mask = (_splat(builder, v) for v in (offset, stride_y, stride_z, mask))
        points = [load(builder, builder.gep(p, [at]), _FLOATS) for p in places]
        cells = [_cell(builder, point, resolution) for point in points]
        sides = [
            _sides(builder, cell, s) for (cell, _), s in zip(cells, (None, stride_y, stride_z), strict=True)
        ]
        shares = [(builder.fsub(_ONE, fraction), fraction) for _, fraction in cells]
        nowhere = functools.reduce(builder.or_, (builder.fcmp_unordered("uno", p, p) for p in points))
        shares[0] = tuple(builder.select(nowhere, _ZERO, share) for share in shares[0])
        for corner in range(8):
            bx, by, bz = corner & 1, corner >> 1 & 1, corner >> 2 & 1
            row = builder.xor(builder.xor(sides[1][by], sides[2][bz]), sides[0][bx])
            weight = builder.fmul(builder.fmul(shares[1][by], shares[2][bz]), shares[0][bx])
            to = ir.Constant(ir.IntType(64), corner * TILE)
            store(builder, builder.add(builder.and_(row, mask), offset), builder.gep(rows, [to]))
            store(builder, weight, builder.gep(weights, [to]))
        return context.get_dummy_value()

    return signature, emit


def _cell(builder: Any, place: Any, resolution: Any) -> tuple[Any, Any]:
    """The cell of each coordinate, the last one including its far wall, and the place inside the cell."""
    wide = splat(builder, resolution, TILE)
    scaled = builder.fmul(_min(builder, _max(builder, place, _ZERO), _ONE), wide)
    cell = builder.fptosi(_min(builder, scaled, builder.fsub(wide, _ONE)), _INTEGERS)
    return cell, builder.fsub(scaled, builder.sitofp(cell, _FLOATS))


def _sides(builder: Any, cell: Any, stride: Any) -> tuple[Any, Any]:
    """What the near and the far side contribute to the row along one axis."""
    if stride is None:
        return cell, builder.add(cell, ir.Constant(_INTEGERS, [1] * TILE))
    near = builder.mul(cell, stride)
    return near, builder.add(near, stride)


def _min(builder: Any, a: Any, b: Any) -> Any:
    """The smaller."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _max(builder: Any, a: Any, b: Any) -> Any:
    """The larger; `b` if `a` is no number, for which a conversion to integers would be undefined."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _splat(builder: Any, scalar: Any) -> Any:
    """A vector of integers with the scalar in every lane."""
    single = builder.insert_element(ir.Constant(_INTEGERS, ir.Undefined), scalar, I32(0))
    return builder.shuffle_vector(
        single, ir.Constant(_INTEGERS, ir.Undefined), ir.Constant(_INTEGERS, [0] * TILE)
    )
