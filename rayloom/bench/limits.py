"""What the machine allows: arithmetic, matrix products, copies and random loads from tables."""

from dataclasses import dataclass

import numpy as np
import torch

from rayloom.bench.rows import Row
from rayloom.bench.timing import Effort, best_seconds
from rayloom.kernels.dispatch import numba_suits
from rayloom.kernels.numba.threads import run
from rayloom.kernels.threads import num_threads

ROUNDS = 1 << 21
LOADS = 1 << 20
"""Of a thread at least, so that starting it does not count."""
MIB = 2**20
NO_PROBES = "needs a CPU and numba"
"""Why some rows have no value."""


@dataclass(frozen=True)
class Limits:
    """What bounds a kernel on one device, with all threads."""

    flops: float | None
    """Multiply-adds in float32, counted as two operations each, per second; None where not measured."""
    copies: tuple[tuple[int, float], ...]
    """Bytes of a working set, and bytes read or written per second in copying it."""

    def copy_rate(self, num_bytes: int) -> float:
        """Bytes per second for a working set: that of the nearest measured size from above."""
        return next((rate for size, rate in self.copies if size >= num_bytes), self.copies[-1][1])


def measure_limits(device: torch.device, effort: Effort) -> Limits:
    """The limits that the rows of kernels refer to."""
    sizes = [int(mb * MIB) for mb in effort.copy_mb]
    copies = tuple((size, copy_bandwidth(size, device, effort)) for size in sizes)
    return Limits(flops_per_second(num_threads(), effort) if probes_run(device) else None, copies)


def limit_rows(limits: Limits, device: torch.device, effort: Effort) -> list[Row]:
    """The limits themselves, as rows."""
    peak = None if limits.flops is None else limits.flops / 1e9
    rows = _peak_rows(peak, effort) if probes_run(device) else [_not_probed("FMA peak", "GFLOP/s")]
    n, m = effort.side, effort.items
    square, tall = matmul_flops(n, n, n, device, effort), matmul_flops(m, 64, 64, device, effort)
    rows += [
        Row(f"torch mm {n} x {n} x {n}", square / 1e9, "GFLOP/s", peak, "FMA peak"),
        Row(f"torch mm [{m}, 64] x [64, 64]", tall / 1e9, "GFLOP/s", peak, "FMA peak"),
    ]
    rows += [Row(f"copy {size / MIB:g} MB", rate / 1e9, "GB/s") for size, rate in limits.copies]
    if not probes_run(device):
        return [*rows, _not_probed("random 16-byte loads", "M rows/s")]
    loads = [(mb, rows_per_second(int(mb * MIB), num_threads(), effort)) for mb in effort.table_mb]
    return rows + [Row(f"random 16-byte loads, {mb:g} MB", rate / 1e6, "M rows/s") for mb, rate in loads]


def probes_run(device: torch.device) -> bool:
    """Whether the limits that need compiled loops can be measured."""
    return numba_suits(torch.empty(0, device=device))


def flops_per_second(threads: int, effort: Effort) -> float:
    """The peak of fused multiply-adds in float32 over some threads."""
    from rayloom.bench import probes  # noqa: PLC0415  Imports numba.

    out = np.zeros(threads, np.float32)
    seconds = best_seconds(lambda: run(probes.multiply_add_rounds, threads, ROUNDS, out), effort)
    return threads * ROUNDS * probes.FLOP_PER_ROUND / seconds


def rows_per_second(num_bytes: int, threads: int, effort: Effort) -> float:
    """Random loads of 16-byte rows from one table that all threads share.

    The rows that are named outnumber those of the table by four and more, so that nearly all of it is
    touched: fewer would stay in a part that fits a nearer cache, and look several times too fast.
    """
    from rayloom.bench import probes  # noqa: PLC0415  Imports numba.

    num_rows = max(num_bytes // (4 * probes.ROW), 1)
    named = 1 << max((4 * num_rows - 1).bit_length(), 12)
    rows = np.random.default_rng(0).integers(0, num_rows, named, np.uint32)
    table, out = np.ones(num_rows * probes.ROW, np.float32), np.zeros(threads, np.float32)
    passes = max(LOADS // named, 1)
    seconds = best_seconds(lambda: run(probes.load_rows, threads, table, rows, passes, out), effort)
    return threads * passes * named / seconds


def matmul_flops(n: int, k: int, m: int, device: torch.device, effort: Effort) -> float:
    """Operations per second of torch in [n, k] x [k, m], float32."""
    a, b = torch.rand(n, k, device=device), torch.rand(k, m, device=device)
    out = torch.empty(n, m, device=device)
    return 2 * n * k * m / best_seconds(lambda: torch.mm(a, b, out=out), effort)


def copy_bandwidth(num_bytes: int, device: torch.device, effort: Effort) -> float:
    """Bytes read plus bytes written per second in a copy by torch; both arrays together have `num_bytes`."""
    source = torch.ones(max(num_bytes // 8, 1), device=device)
    target = torch.empty_like(source)
    return 8 * len(source) / best_seconds(lambda: target.copy_(source), effort)


def _peak_rows(peak: float | None, effort: Effort) -> list[Row]:
    rows = [Row("FMA peak, 1 thread", flops_per_second(1, effort) / 1e9, "GFLOP/s")]
    if num_threads() > 1:
        rows.append(Row(f"FMA peak, {num_threads()} threads", peak, "GFLOP/s"))
    return rows


def _not_probed(name: str, unit: str) -> Row:
    return Row(name, None, unit, note=NO_PROBES)
