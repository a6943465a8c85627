"""Loops that do one thing as fast as the machine can, compiled by numba: the limits of the CPU."""

# Numba infers the types in kernels, and LLVM values have none for Python.
# ruff: noqa: ANN001, ANN201, ANN202, ANN401

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rayloom.kernels.numba.jit import f32, host_lanes, intrinsic, kernel
from rayloom.kernels.numba.vector import F32, I32, I64, load, multiply_add, operands, splat, store

SUMS = {16: 20, 8: 12}.get(host_lanes(), 14)
"""Independent sums: enough to hide the latency of two units, few enough to stay in registers."""
FLOP_PER_ROUND = 2 * SUMS * host_lanes()
ROW = 4
"""Floats of a table row: 16 bytes."""


@intrinsic
def _multiply_add_rounds(context, rounds, x):
    """A sum of vectors v after so many rounds of v = v x + x."""
    signature = types.float32(rounds, x)

    def emit(context: Any, b: Any, signature: Any, values: Any) -> Any:
        count, scalar = operands(context, b, signature, values)
        lanes = host_lanes()
        vector, x = ir.VectorType(F32, lanes), splat(b, scalar, lanes)
        start, loop, end = b.block, b.append_basic_block("round"), b.append_basic_block("done")
        b.branch(loop)
        b.position_at_end(loop)
        k = b.phi(I64)
        sums = [b.phi(vector) for _ in range(SUMS)]
        following = [multiply_add(b, value, x, x) for value in sums]
        after = b.add(k, I64(1))
        k.add_incoming(I64(0), start)
        k.add_incoming(after, loop)
        # Different starts, or the compiler finds out that all sums are one.
        for i, (value, new) in enumerate(zip(sums, following, strict=True)):
            value.add_incoming(ir.Constant(vector, [float(i)] * lanes), start)
            value.add_incoming(new, loop)
        b.cbranch(b.icmp_signed("<", after, count), loop, end)
        b.position_at_end(end)
        total = following[0]
        for value in following[1:]:
            total = b.fadd(total, value)
        return b.extract_element(total, I32(0))

    return signature, emit


@kernel
def multiply_add_rounds(thread, counter, rounds, out):
    """Keep the multiply-add units of a core busy for so many rounds, FLOP_PER_ROUND each."""
    out[thread] = _multiply_add_rounds(rounds, f32(0.5))


@intrinsic
def _sum_rows(context, table, rows, at, out, out_at):
    """Write to `out` the sum of the table rows rows[at..at + 8]."""
    signature = types.void(table, rows, at, out, out_at)

    def emit(context: Any, b: Any, signature: Any, values: Any) -> Any:
        t, r, first, o, target = operands(context, b, signature, values)
        vector, total = ir.VectorType(F32, ROW), None
        for i in range(8):
            row = b.zext(b.load(b.gep(r, [b.add(first, I64(i))])), I64)
            value = load(b, b.gep(t, [b.mul(row, I64(ROW))]), vector)
            total = value if total is None else b.fadd(total, value)
        store(b, total, b.gep(o, [target]))
        return context.get_dummy_value()

    return signature, emit


@kernel
def load_rows(thread, counter, table, rows, passes, out):
    """Load the rows of 16 bytes that `rows` names, so many times; every thread begins elsewhere in it.

    The length of `rows` is a power of two, at least 8.
    """
    count = rows.shape[0]
    first = (thread * (count // out.shape[0])) & -8
    sums = np.zeros(256, np.float32)
    for i in range(0, passes * count, 8):
        # Each sum has a place of its own for a while: no addition waits for the one before.
        _sum_rows(table, rows, (first + i) & (count - 1), sums, (i >> 1) & 255)
    out[thread] = sums.sum()
