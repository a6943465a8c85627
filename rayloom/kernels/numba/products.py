"""Matrix products on tiles of 16 rows, whose sums stay in vector registers over the whole depth.

Written as LLVM vectors because compilers do not block plain loops for registers: 3/4 of the machine's
peak and more, against a tenth. On a machine without vectors the same generator emits scalars.
"""

# Numba infers the types in kernels, and LLVM values have none for Python.
# ruff: noqa: ANN001, ANN201, ANN202, ANN401

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from rayloom.kernels.numba.jit import host_lanes, inner, intrinsic
from rayloom.kernels.numba.vector import F32, I64, load, multiply_add, operands, splat, store

ROWS = 16
"""Rows of a tile; columns come in multiples of 16."""


def tile_product(epilogue: str, lanes: int) -> Any:
    """An intrinsic for C = A B with 16 rows, vectors of `lanes`, and one of four endings.

    "store" writes AB, "add" adds it to C, "relu" writes max(AB, 0), and "mask" writes AB where H > 0
    and 0 elsewhere.
    """

    @intrinsic
    def product(
        context, c, c_at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, columns, depth, h, h_at, h_row
    ):
        signature = types.void(
            c, c_at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, columns, depth, h, h_at, h_row
        )

        def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            _Product(builder, operands(context, builder, signature, values), lanes, epilogue).emit()
            return context.get_dummy_value()

        return signature, emit

    return product


class _Product:
    """Emits the loops of one `tile_product`."""

    def __init__(self, builder: Any, values: list[Any], lanes: int, epilogue: str) -> None:
        c, c_at, self.c_row, a, a_at, self.a_row, self.a_column, b, b_at, self.b_row = values[:10]
        self.columns, self.depth, h, h_at, self.h_row = values[10:]
        self.builder, self.lanes, self.epilogue = builder, lanes, epilogue
        self.c, self.a, self.b = (builder.gep(p, [i]) for p, i in ((c, c_at), (a, a_at), (b, b_at)))
        self.h = builder.gep(h, [h_at]) if epilogue == "mask" else None
        self.vector = ir.VectorType(F32, lanes)
        self.zero = ir.Constant(self.vector, [0.0] * lanes)

    def emit(self) -> None:
        """Cut the columns into blocks of 64, then 32, then 16."""
        b = self.builder
        wide, middle, narrow = (b.and_(self.columns, I64(bits)) for bits in (-64, 32, 16))
        with cgutils.for_range_slice(b, I64(0), wide, I64(64), I64) as (column, _):
            self._block(column, 64)
        with b.if_then(b.icmp_signed("!=", middle, I64(0))):
            self._block(wide, 32)
        with b.if_then(b.icmp_signed("!=", narrow, I64(0))):
            self._block(b.add(wide, middle), 16)

    def _block(self, column: Any, columns: int) -> None:
        """All rows of one block of columns, by register tiles of at most 16 (8 on AVX2) sums."""
        registers = 8 if self.lanes in (1, 8) else 16
        across = min(columns // self.lanes, 4)
        down = min(registers // across, ROWS)
        b = self.builder
        for offset in range(0, columns, across * self.lanes):
            with cgutils.for_range_slice(b, I64(0), I64(ROWS), I64(down), I64) as (row, _):
                self._tile(row, down, b.add(column, I64(offset)), across)

    def _tile(self, row: Any, down: int, column: Any, across: int) -> None:
        b = self.builder
        places = [
            (b.add(row, I64(i // across)), b.add(column, I64(i % across * self.lanes)))
            for i in range(down * across)
        ]
        begin = [self._begin(*place) for place in places]
        start, loop, end = b.block, b.append_basic_block("depth"), b.append_basic_block("done")
        b.branch(loop)
        b.position_at_end(loop)
        k = b.phi(I64)
        sums = [b.phi(self.vector) for _ in range(down * across)]
        new = self._term(k, sums, row, down, column, across)
        following = b.add(k, I64(1))
        k.add_incoming(I64(0), start)
        k.add_incoming(following, loop)
        for value, old, total in zip(sums, begin, new, strict=True):
            value.add_incoming(old, start)
            value.add_incoming(total, loop)
        b.cbranch(b.icmp_signed("<", following, self.depth), loop, end)
        b.position_at_end(end)
        for value, place in zip(new, places, strict=True):
            self._finish(value, *place)

    def _begin(self, row: Any, column: Any) -> Any:
        """What a sum starts from."""
        return (
            load(self.builder, self._target(row, column), self.vector)
            if self.epilogue == "add"
            else self.zero
        )

    def _target(self, row: Any, column: Any) -> Any:
        b = self.builder
        return b.gep(self.c, [b.add(b.mul(row, self.c_row), column)])

    def _term(self, k: Any, sums: list[Any], row: Any, down: int, column: Any, across: int) -> list[Any]:
        """One term of every sum: a column of A times a row of B."""
        b = self.builder
        line = b.gep(self.b, [b.add(b.mul(k, self.b_row), column)])
        right = [load(b, b.gep(line, [I64(j * self.lanes)]), self.vector) for j in range(across)]
        term = b.gep(self.a, [b.add(b.mul(k, self.a_column), b.mul(row, self.a_row))])
        out: list[Any] = []
        for i in range(down):
            left = splat(b, b.load(b.gep(term, [b.mul(I64(i), self.a_row)])), self.lanes)
            out += [multiply_add(b, left, right[j], sums[i * across + j]) for j in range(across)]
        return out

    def _finish(self, value: Any, row: Any, column: Any) -> None:
        b = self.builder
        if self.epilogue == "relu":
            # "Unordered or greater" keeps a NaN, which max(x, 0) would hide.
            value = b.select(b.fcmp_unordered(">", value, self.zero), value, self.zero)
        elif self.epilogue == "mask":
            gate = load(b, b.gep(self.h, [b.add(b.mul(row, self.h_row), column)]), self.vector)
            value = b.select(b.fcmp_ordered(">", gate, self.zero), value, self.zero)
        store(b, value, self._target(row, column))


_store, _add, _relu, _mask = (tile_product(e, host_lanes()) for e in ("store", "add", "relu", "mask"))


@inner
def multiply(c, c_at, c_row, a, a_at, a_row, b, b_at, b_row, columns, depth):
    """C = A B for 16 rows and the first columns of B, whose rows may be longer."""
    _store(c, c_at, c_row, a, a_at, a_row, 1, b, b_at, b_row, columns, depth, c, 0, 0)


@inner
def multiply_relu(c, c_at, c_row, a, a_at, a_row, b, b_at, columns, depth):
    """C = max(A B, 0) for 16 rows."""
    _relu(c, c_at, c_row, a, a_at, a_row, 1, b, b_at, columns, columns, depth, c, 0, 0)


@inner
def multiply_masked(c, c_at, c_row, a, a_at, a_row, b, b_at, columns, depth, h, h_at, h_row):
    """C = A B where H > 0, else 0, for 16 rows: the gradient through a layer and its ReLU."""
    _mask(c, c_at, c_row, a, a_at, a_row, 1, b, b_at, columns, columns, depth, h, h_at, h_row)


@inner
def add_transposed(c, c_at, columns, a, a_at, a_row, outputs, b, b_at, b_row, rows):
    """C += A^T B, summed over some rows, for `outputs` columns of A: the gradient of a weight."""
    for m in range(0, outputs, ROWS):
        _add(c, c_at + m * columns, columns, a, a_at + m, 1, a_row, b, b_at, b_row, columns, rows, c, 0, 0)
