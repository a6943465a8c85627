"""Micro-kernels written as LLVM vectors: what the compiler does not find by itself in plain loops.

Vectors are as wide as the machine's registers (`host_lanes`); with one lane the same generators emit
the scalar form. A product followed by a sum carries the flag `contract`, so that it becomes one
fused instruction where the machine has it, and two elsewhere.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rayloom.kernels.numba.jit import host_lanes

import os
UNROLL = int(os.environ.get("UN","2"))
I32, I64, F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()


def block_product(rows: int, columns: int, epilogue: str, lanes: int | None = None) -> Any:
    """An intrinsic for C[rows, columns] = A[rows, depth] B[depth, columns], held in registers.

    Its arguments are the array, offset and strides of C (`c, c_at, c_row`), of A (`a, a_at, a_row,
    a_column`: a transposed A is a matter of strides) and of B (`b, b_at, b_row`), the depth, and the
    array H. The epilogue is "store", "add" (C += AB), "relu", or "mask" (AB where H > 0, else 0,
    with H laid out like C).
    """
    lanes = lanes or host_lanes()
    width = min(lanes, columns)
    registers = {16: 16, 8: 8, 4: 16}.get(width, 8)
    across = min(columns // width, 4)
    down = min(rows, max(registers // across, 1))

    @intrinsic
    def product(context, c, c_at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, depth, h):  # noqa: ANN001, ANN202
        signature = types.void(c, c_at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, depth, h)

        def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            data = [_pointer(context, builder, t, v) for t, v in zip(signature.args, values, strict=True)]
            emitter = _Product(builder, data, width, epilogue)
            for row in range(0, rows, down):
                for column in range(0, columns, across * width):
                    emitter.tile(row, min(down, rows - row), column, across)
            return context.get_dummy_value()

        return signature, emit

    return product


class _Product:
    """Emits the loops of `block_product`."""

    def __init__(self, builder: Any, data: list[Any], width: int, epilogue: str) -> None:
        self.b, self.width, self.epilogue = builder, width, epilogue
        c, c_at, self.c_row, a, a_at, self.a_row, self.a_column, b, b_at, self.b_row, self.depth, h = data
        self.c, self.a, self.w = (builder.gep(p, [i]) for p, i in ((c, c_at), (a, a_at), (b, b_at)))
        self.h = builder.gep(h, [c_at]) if epilogue == "mask" else None
        self.vector = ir.VectorType(F32, width)

    def tile(self, row: int, rows: int, column: int, across: int) -> None:
        """One register tile: its sums live in registers over the whole depth."""
        b = self.b
        start, loop, end = b.block, b.append_basic_block("depth"), b.append_basic_block("done")
        zero = ir.Constant(self.vector, [0.0] * self.width)
        sums = [zero] * (rows * across)
        skip = b.icmp_signed(">", self.depth, I64(0))
        b.cbranch(skip, loop, end)
        b.position_at_end(loop)
        k = b.phi(I64)
        k.add_incoming(I64(0), start)
        held = [b.phi(self.vector) for _ in sums]
        new = list(held)
        for step in range(UNROLL):
            new = self._step(b.add(k, I64(step)), new, row, rows, column, across)
        following = b.add(k, I64(UNROLL))
        k.add_incoming(following, loop)
        for phi, first, value in zip(held, sums, new, strict=True):
            phi.add_incoming(first, start)
            phi.add_incoming(value, loop)
        b.cbranch(b.icmp_signed("<", following, self.depth), loop, end)
        b.position_at_end(end)
        for i, (first, value) in enumerate(zip(sums, new, strict=True)):
            total = b.phi(self.vector)
            total.add_incoming(first, start)
            total.add_incoming(value, loop)
            new[i] = total
        for i, value in enumerate(new):
            self._finish(value, row + i // across, column + i % across * self.width)

    def _step(self, k: Any, sums: list[Any], row: int, rows: int, column: int, across: int) -> list[Any]:
        """One term of every sum of the tile."""
        b = self.b
        line = b.gep(self.w, [b.mul(k, self.b_row)])
        right = [load(b, b.gep(line, [I64(column + j * self.width)]), self.vector) for j in range(across)]
        term = b.gep(self.a, [b.mul(k, self.a_column)])
        out: list[Any] = []
        for i in range(rows):
            at = b.gep(term, [b.mul(I64(row + i), self.a_row)])
            left = splat(b, b.load(at), self.width)
            out += [multiply_add(b, left, right[j], sums[i * across + j]) for j in range(across)]
        return out

    def _finish(self, value: Any, row: int, column: int) -> None:
        """Apply the epilogue and store."""
        b = self.b
        at = b.add(b.mul(I64(row), self.c_row), I64(column))
        target = b.gep(self.c, [at])
        zero = ir.Constant(self.vector, [0.0] * self.width)
        if self.epilogue == "add":
            value = b.fadd(value, load(b, target, self.vector))
        elif self.epilogue == "relu":
            # "Unordered or greater" keeps a NaN, which max(x, 0) would hide.
            value = b.select(b.fcmp_unordered(">", value, zero), value, zero)
        elif self.epilogue == "mask":
            gate = load(b, b.gep(self.h, [at]), self.vector)
            value = b.select(b.fcmp_ordered(">", gate, zero), value, zero)
        store(b, value, target)


def load(builder: Any, pointer: Any, vector: Any) -> Any:
    """The vector at a pointer to float, of any alignment."""
    value = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    value.align = 4
    return value


def store(builder: Any, value: Any, pointer: Any) -> None:
    """Write a vector at a pointer to float, of any alignment."""
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 4


def splat(builder: Any, scalar: Any, width: int) -> Any:
    """A vector with the scalar in every lane."""
    vector = ir.VectorType(F32, width)
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, scalar, I32(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(I32, width), [0] * width))


def multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    """X y + z, fused where the machine can."""
    return builder.fadd(builder.fmul(x, y, flags=("contract",)), z, flags=("contract",))


def _pointer(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """The data pointer of an array; an integer as 64 bits."""
    if isinstance(kind, types.Array):
        return context.make_array(kind)(context, builder, value).data
    return builder.sext(value, I64) if value.type != I64 else value


@intrinsic
def gather_row(context, table, rows, weights, lane, out, out_at, features):  # noqa: ANN001, ANN202
    """Write to `out` the weighted sum of 8 table rows, each one short vector.

    Corner c of lane q has its row in rows[16 c + q] and its weight in weights[16 c + q]. Loading rows
    whole beats the hardware's gather instruction, most where the table exceeds the near caches.
    """
    signature = types.void(table, rows, weights, lane, out, out_at, features)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        t, r, w, q, o, at, _ = [_pointer_or(context, builder, k, v) for k, v in zip(signature.args, values, strict=True)]
        vector = ir.VectorType(F32, signature.args[-1].count)
        zero = ir.Constant(vector, [0.0] * vector.count)
        sums = [zero, zero]
        for corner in range(8):
            row, weight = _corner(builder, t, r, w, q, corner, vector)
            sums[corner & 1] = multiply_add(builder, weight, load(builder, row, vector), sums[corner & 1])
        store(builder, builder.fadd(*sums), builder.gep(o, [at]))
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def scatter_row(context, table, rows, weights, lane, values, values_at, features):  # noqa: ANN001, ANN202
    """Add the vector at `values` to 8 table rows, times their weights: the adjoint of `gather_row`."""
    signature = types.void(table, rows, weights, lane, values, values_at, features)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        t, r, w, q, v, at, _ = [_pointer_or(context, builder, k, x) for k, x in zip(signature.args, arguments, strict=True)]
        vector = ir.VectorType(F32, signature.args[-1].count)
        value = load(builder, builder.gep(v, [at]), vector)
        for corner in range(8):
            row, weight = _corner(builder, t, r, w, q, corner, vector)
            store(builder, multiply_add(builder, weight, value, load(builder, row, vector)), row)
        return context.get_dummy_value()

    return signature, emit


def _corner(builder: Any, table: Any, rows: Any, weights: Any, lane: Any, corner: int, vector: Any) -> Any:
    """Pointer to the table row of one corner, and its weight in every lane."""
    at = builder.add(lane, I64(16 * corner))
    row = builder.zext(builder.load(builder.gep(rows, [at])), I64)
    pointer = builder.gep(table, [builder.mul(row, I64(vector.count))])
    return pointer, splat(builder, builder.load(builder.gep(weights, [at])), vector.count)


def _pointer_or(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return value if isinstance(kind, types.UniTuple) else _pointer(context, builder, kind, value)


@intrinsic
def fetch_add(context, array, amount):  # noqa: ANN001, ANN202
    """Add to array[0] and return what it was, atomically: the work counter of the threads."""
    signature = types.int64(array, types.int64)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.atomic_rmw("add", pointer, values[1], "monotonic")

    return signature, emit


@intrinsic
def float_from_bits(context, bits):  # noqa: ANN001, ANN202
    """The float32 with these 32 bits."""
    return types.float32(types.int32), lambda _, builder, __, values: builder.bitcast(values[0], F32)


@intrinsic
def bits_from_float(context, value):  # noqa: ANN001, ANN202
    """The 32 bits of a float32."""
    return types.int32(types.float32), lambda _, builder, __, values: builder.bitcast(values[0], I32)
