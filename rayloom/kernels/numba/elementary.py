"""Elementary functions that vectorise: the library's are calls, which a compiler cannot widen."""

# Numba infers the types in kernels, and LLVM values have none for Python.
# ruff: noqa: ANN001, ANN201, ANN401

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rayloom.kernels.numba.jit import f32, inner, intrinsic
from rayloom.kernels.numba.vector import F32, I32, bits_from_float, load, multiply_add, operands, store

LANES = 16
TAYLOR = (1.0, 6.931471805599453e-1, 2.4022650695910072e-1, 5.550410866482158e-2, 9.618129107628477e-3,
          1.3333558146428443e-3, 1.5403530393381608e-4)  # fmt: skip
"""ln(2)^n / n!: the series of 2^f, which on [-1/2, 1/2] ends where float32 does."""


def emit_exp(builder: Any, x: Any) -> Any:
    """e^x of a float or a vector of floats, to 1e-6 (1 + |x|) relative, cut to 2^-126 and 2^126."""
    kind = x.type
    lanes = kind.count if isinstance(kind, ir.VectorType) else 0
    integer = ir.VectorType(I32, lanes) if lanes else I32

    def constant(value: float | int, of: Any = kind) -> Any:
        return ir.Constant(of, [value] * lanes if lanes else value)

    y = builder.fmul(x, constant(1.4426950408889634))
    y = builder.select(builder.fcmp_ordered("<", y, constant(-126.0)), constant(-126.0), y)
    y = builder.select(builder.fcmp_ordered(">", y, constant(126.0)), constant(126.0), y)
    # Truncation rounds, as the number is positive; it is the exponent field of the power of two.
    field = builder.fptosi(builder.fadd(y, constant(127.5)), integer)
    # 127 is taken off as an integer: the compiler may reorder sums of floats, which would round here.
    power = builder.sitofp(builder.sub(field, constant(127, integer)), kind)
    fraction = builder.fsub(y, power)
    series = constant(TAYLOR[-1])
    for coefficient in TAYLOR[-2::-1]:
        series = multiply_add(builder, series, fraction, constant(coefficient))
    return builder.fmul(series, builder.bitcast(builder.shl(field, constant(23, integer)), kind))


@intrinsic
def exp(context, x):
    """e^x to 1e-6 (1 + |x|) relative, for float32; cut to 2^-126 and 2^126 beyond its range."""
    return types.float32(types.float32), lambda _, builder, __, values: emit_exp(builder, values[0])


@intrinsic
def sigmoid_row(context, array, at):
    """1 / (1 + e^-x) of the 16 numbers at..at + 16, in place: one vector costs less than three numbers."""
    signature = types.void(array, at)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data, at = operands(context, builder, signature, values)
        vector = ir.VectorType(F32, LANES)
        place = builder.gep(data, [at])
        one = ir.Constant(vector, [1.0] * LANES)
        grown = emit_exp(builder, builder.fneg(load(builder, place, vector)))
        store(builder, builder.fdiv(one, builder.fadd(one, grown)), place)
        return context.get_dummy_value()

    return signature, emit


@inner
def absorb(depth):
    """Of light that crosses an optical depth: the share that is lost, and the share that is left.

    The loss, 1 - e^-depth, is a series for thin matter, where the difference would round to 0.
    """
    p = f32(1) - depth * f32(1 / 7)
    p = f32(1) - depth * f32(1 / 6) * p
    p = f32(1) - depth * f32(1 / 5) * p
    p = f32(1) - depth * f32(1 / 4) * p
    p = f32(1) - depth * f32(1 / 3) * p
    p = f32(1) - depth * f32(1 / 2) * p
    left = exp(-depth)
    return depth * p if depth < f32(0.25) else f32(1) - left, left


@inner
def exponent(x):
    """The e with 2^(e-1) <= x < 2^e, for x > 0; hugely negative for 0."""
    return ((np.int64(bits_from_float(x)) >> 23) & 255) - 126
