"""Micro-kernels written as LLVM vectors: what the compiler does not find by itself in plain loops.

A product followed by a sum carries the flag `contract`, so that it becomes one fused instruction
where the machine has it, and two elsewhere.
"""

# Numba infers the types in kernels, and LLVM values have none for Python.
# ruff: noqa: ANN001, ANN201, ANN401

from typing import Any

from llvmlite import ir
from numba import types

from rayloom.kernels.numba.jit import intrinsic

I32, I64, F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()


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


def operand(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """The data pointer of an array, a signed integer as 64 bits, anything else as it is."""
    if isinstance(kind, types.Array):
        return context.make_array(kind)(context, builder, value).data
    if isinstance(kind, types.Integer) and getattr(kind, "signed", False) and value.type != I64:
        return builder.sext(value, I64)
    return value


def operands(context: Any, builder: Any, signature: Any, values: Any) -> list[Any]:
    """The arguments of an intrinsic in the form in which LLVM uses them."""
    return [operand(context, builder, k, v) for k, v in zip(signature.args, values, strict=True)]


@intrinsic
def gather_row(context, table, rows, weights, lane, out, out_at, features):
    """Write to `out` the weighted sum of 8 table rows, each one short vector.

    Corner c of lane q has its row in rows[16 c + q] and its weight in weights[16 c + q]. Loading rows
    whole beats the hardware's gather instruction, most where the table exceeds the near caches.
    """
    signature = types.void(table, rows, weights, lane, out, out_at, features)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        t, r, w, q, o, at, _ = operands(context, builder, signature, values)
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
def scatter_row(context, table, rows, weights, lane, values, values_at, features):
    """Add the vector at `values` to 8 table rows, times their weights: the adjoint of `gather_row`."""
    signature = types.void(table, rows, weights, lane, values, values_at, features)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        t, r, w, q, v, at, _ = operands(context, builder, signature, arguments)
        vector = ir.VectorType(F32, signature.args[-1].count)
        value = load(builder, builder.gep(v, [at]), vector)
        for corner in range(8):
            row, weight = _corner(builder, t, r, w, q, corner, vector)
            store(builder, multiply_add(builder, weight, value, load(builder, row, vector)), row)
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def row_slopes(context, table, rows, lane, fractions, values, values_at, features):
    """How the product of the vector at `values` with interpolated rows grows along x, y and z of the cell.

    Corners lie as in `gather_row`, corner 1 along x, 2 along y and 4 along z; the point lies at the three
    `fractions` of the cell. Whole rows are interpolated, and the three sums over features come last.
    """
    signature = types.UniTuple(types.float32, 3)(table, rows, lane, fractions, values, values_at, features)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        t, r, q, f, v, at, _ = operands(context, builder, signature, arguments)
        vector = ir.VectorType(F32, signature.args[-1].count)
        value = load(builder, builder.gep(v, [at]), vector)
        corners = [load(builder, _row(builder, t, r, q, corner, vector), vector) for corner in range(8)]
        fx, fy, fz = (splat(builder, builder.extract_value(f, axis), vector.count) for axis in range(3))
        along_x = [builder.fsub(corners[c + 1], corners[c]) for c in (0, 2, 4, 6)]
        edges = [
            multiply_add(builder, fx, step, corners[c]) for step, c in zip(along_x, (0, 2, 4, 6), strict=True)
        ]
        along_y = [builder.fsub(edges[1], edges[0]), builder.fsub(edges[3], edges[2])]
        faces = [
            multiply_add(builder, fy, along_y[0], edges[0]),
            multiply_add(builder, fy, along_y[1], edges[2]),
        ]
        across = [_between(builder, fy, *along_x[:2]), _between(builder, fy, *along_x[2:])]
        slopes = [
            _between(builder, fz, *across),
            _between(builder, fz, *along_y),
            builder.fsub(faces[1], faces[0]),
        ]
        sums = [_total(builder, builder.fmul(value, slope)) for slope in slopes]
        return context.make_tuple(builder, signature.return_type, sums)

    return signature, emit


def _between(builder: Any, fraction: Any, low: Any, high: Any) -> Any:
    """The vector at a fraction of the way from one to another."""
    return multiply_add(builder, fraction, builder.fsub(high, low), low)


def _total(builder: Any, vector: Any) -> Any:
    """The sum of all lanes."""
    lanes = [builder.extract_element(vector, I32(lane)) for lane in range(vector.type.count)]
    while len(lanes) > 1:
        pairs = [builder.fadd(*lanes[i : i + 2]) for i in range(0, len(lanes) - 1, 2)]
        lanes = pairs + lanes[2 * len(pairs) :]
    return lanes[0]


def _corner(builder: Any, table: Any, rows: Any, weights: Any, lane: Any, corner: int, vector: Any) -> Any:
    """Pointer to the table row of one corner, and its weight in every lane."""
    weight = builder.load(builder.gep(weights, [builder.add(lane, I64(16 * corner))]))
    return _row(builder, table, rows, lane, corner, vector), splat(builder, weight, vector.count)


def _row(builder: Any, table: Any, rows: Any, lane: Any, corner: int, vector: Any) -> Any:
    """Pointer to the table row of one corner."""
    row = builder.zext(builder.load(builder.gep(rows, [builder.add(lane, I64(16 * corner))])), I64)
    return builder.gep(table, [builder.mul(row, I64(vector.count))])


@intrinsic
def copy_16(context, source, source_at, target, target_at):
    """Copy 16 numbers: a plain loop would first ask whether the arrays overlap, which takes longer."""
    signature = types.void(source, source_at, target, target_at)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        s, s_at, t, t_at = operands(context, builder, signature, values)
        store(builder, load(builder, builder.gep(s, [s_at]), ir.VectorType(F32, 16)), builder.gep(t, [t_at]))
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def fetch_add(context, array, amount):
    """Add to array[0] and return what it was, atomically: the work counter of the threads."""
    signature = types.int64(array, types.int64)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.atomic_rmw("add", pointer, values[1], "monotonic")

    return signature, emit


@intrinsic
def float_from_bits(context, bits):
    """The float32 with these 32 bits."""
    return types.float32(types.int32), lambda _, builder, __, values: builder.bitcast(values[0], F32)


@intrinsic
def bits_from_float(context, value):
    """The 32 bits of a float32."""
    return types.int32(types.float32), lambda _, builder, __, values: builder.bitcast(values[0], I32)
